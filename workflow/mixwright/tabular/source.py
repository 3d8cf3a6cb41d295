"""Reads a table with label columns, and makes its features ready once.

Features are Morgan fingerprints of the table's molecules, or its numeric columns.
"""

import hashlib
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from mixwright.errors import MixwrightError, nearest
from mixwright.sources.files.opening import opened

if TYPE_CHECKING:
    from rdkit.Chem import Mol

# Of the Morgan fingerprint: bonds around an atom, and length.
RADIUS = 2
BITS = 2048

# What may stand between cells in place of a comma.
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}

# sparse.csr_matrix of bits, or a dense array of numbers, float32. To XGBoost what a sparse matrix
# lacks is missing.
Matrix = Any


@dataclass(frozen=True, eq=False)
class Rows:
    """A table made ready: one row an id, sorted by id.

    Rows of one key are in one part of the split, whatever their table.
    """

    ids: tuple[str, ...]  # what the row is: a molecule, or a key with its features
    keys: tuple[str, ...]
    features: Matrix  # (rows, features)
    labels: pd.DataFrame  # (rows, labels) 0.0, 1.0, or NaN where unknown
    unreadable: int  # rows dropped because rdkit could not read the molecule
    repeated: int  # rows merged into another of the same id
    versions: dict[str, str]  # what the features depend on
    # Label -> ids whose rows disagree on it; their majority decided, or nothing did.
    contradicting: Mapping[str, int] = field(default_factory=dict)

    def counts(self, label: str) -> dict[str, int]:
        """Returns what was counted when the table was read: rows, ids, and what was left out."""
        return {
            "read": len(self.ids) + self.unreadable + self.repeated,
            "unreadable": self.unreadable,
            "repeated": self.repeated,
            "ids": len(self.ids),
            "contradicting": self.contradicting.get(label, 0),
        }


class Featurised(NamedTuple):
    """The features of a table's rows, one for each of its lines."""

    ids: list[str | None]  # None: unreadable
    keys: list[str | None]
    features: Matrix
    versions: dict[str, str]  # what the features depend on


def read_table(path: str | Path) -> pd.DataFrame:
    """Reads a CSV file (also .gz, .zst, .bz2, .xz) or a parquet file.

    Raises:
        MixwrightError: there is no such file, or it is no table.
    """
    path = Path(path)
    if not path.is_file():
        raise MixwrightError(f"{path}: no such table; correct the path")
    try:
        if path.suffix == ".parquet":
            return pd.read_parquet(path)
        with opened(path) as file:
            table = pd.read_csv(file, low_memory=False)
        if table.iloc[:, -1].isna().all():
            table = _without_commas_at_the_end(path)
        elif table.index.nlevels > 1:
            raise _more_fields(path)
        with opened(path) as file:
            headings = pd.read_csv(file, header=None, nrows=1, dtype=str).iloc[0]
    except (ValueError, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise MixwrightError(
            f"{path}: not readable as a table ({reason}); give CSV or parquet"
        ) from None
    _check_separator(path, headings)
    repeated = headings[headings.duplicated() & headings.notna()]
    if len(repeated):
        # pandas would name the second one NAME.1.
        raise MixwrightError(
            f"{path}: the heading {repeated.iloc[0]} stands twice; leave one column of that name"
        )
    return table


def _check_separator(path: Path, headings: pd.Series) -> None:
    """Refuses a file whose only heading is several."""
    only = str(headings.iloc[0])
    for separator, word in SEPARATORS.items():
        if len(headings) == 1 and separator in only:
            raise MixwrightError(
                f"{path}: its cells are set apart by {word}; set them apart by commas"
            )


def _without_commas_at_the_end(path: Path) -> pd.DataFrame:
    """A table whose last column is empty, as it is where a comma ends every row.

    pandas takes the first field for the row's name then, and each column for the one before it.
    """
    with opened(path) as file, warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            return pd.read_csv(file, low_memory=False, index_col=False)
        except pd.errors.ParserWarning:
            raise _more_fields(path) from None


def _more_fields(path: Path) -> MixwrightError:
    return MixwrightError(
        f"{path}: its rows have more fields than it has headings; give every column a heading, or"
        " take the commas off the ends of the rows"
    )


def prepare(
    table: pd.DataFrame,
    labels: Sequence[str],
    smiles: str | None = None,
    features: Sequence[str] = (),
    key: str | None = None,
    name: str = "table",
) -> Rows:
    """Makes the features and labels of a table's rows.

    Rows of one id become one with the label of their majority, unknown where they are split
    evenly. Molecules are told apart by their canonical SMILES without stereochemistry, for the
    fingerprints do not see it either.

    Args:
        table: the rows.
        labels: columns of 0, 1 or empty.
        smiles: the column of molecules, whose fingerprints are the features.
        features: without `smiles`, the numeric columns that are the features.
        key: the column that the split goes by; by default each row has a key of its own.
        name: the table, for messages.

    Raises:
        MixwrightError: a column is missing or holds what it must not, or no row can be read.
    """
    columns = list(labels)
    columns += [smiles] if smiles else features
    if key:
        columns.append(key)
    for column in columns:
        if column not in table:
            near = nearest(column, map(str, table.columns))
            raise MixwrightError(f"{name}: no column {column}; {near}")
    known = _labels(name, table, labels)
    _check_roles(name, table, labels, features, key)
    made = _molecules(table[smiles]) if smiles else _columns(name, table, features, key)
    readable = np.flatnonzero([name is not None for name in made.ids])
    if not len(readable):
        raise MixwrightError(
            f"{name}: not one row that can be read;"
            f" give the column that holds SMILES (now {smiles})"
        )
    ids = np.array([made.ids[row] for row in readable])
    unique, first, positions = np.unique(ids, return_index=True, return_inverse=True)
    shares = known.iloc[readable].groupby(positions).mean()
    disagree = ((shares > 0) & (shares < 1)).sum()
    return Rows(
        ids=tuple(unique.tolist()),
        keys=tuple(str(made.keys[row]) for row in readable[first]),
        features=made.features[readable[first]],
        labels=_majorities(shares),
        unreadable=len(made.ids) - len(readable),
        repeated=len(readable) - len(unique),
        versions=made.versions,
        contradicting={str(label): int(count) for label, count in disagree.items()},
    )


def _check_roles(
    name: str, table: pd.DataFrame, labels: Sequence[str], features: Sequence[str], key: str | None
) -> None:
    """Refuses a column of two roles, and keys that are empty: they would all be one key."""
    both = [column for column in features if column in labels]
    if both:
        raise MixwrightError(
            f"{name}: {both[0]} is a label and a feature too, which gives the answer away;"
            " leave it out of the features"
        )
    if key is None:
        return
    empty = table[key].isna().to_numpy()
    if empty.any():
        raise MixwrightError(
            f"{name}: key {key} is empty in row {int(empty.argmax()) + 1}"
            f" ({int(empty.sum())} in all); fill it or leave these rows out"
        )


def _majorities(shares: pd.DataFrame) -> pd.DataFrame:
    """Returns labels from the shares of the label 1, unknown where these are one half."""
    decided = shares.notna() & (shares != 0.5)
    return (shares > 0.5).astype(np.float64).where(decided).reset_index(drop=True)


def _labels(name: str, table: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    """Returns the label columns as numbers, NaN where they are empty."""
    values = table[list(labels)]
    known = values.apply(pd.to_numeric, errors="coerce")
    no_label = known.notna() & ~known.isin([0, 1])
    no_number = known.isna() & values.notna()
    bad = no_label | no_number
    if bad.any(axis=None):
        column = bad.columns[bad.any()][0]
        row = int(bad[column].to_numpy().argmax())
        value = table[column].iloc[row]
        raise MixwrightError(
            f"{name}: label {column} holds {value} in row {row + 1}; a label is 0, 1 or empty"
        )
    for column in labels:
        if known[column].isna().all():
            raise MixwrightError(f"{name}: label {column} is empty in every row; leave it out")
    return known


def _molecules(smiles: Iterable[Any]) -> Featurised:
    """Returns canonical SMILES as ids and keys, and Morgan fingerprints as bits."""
    try:
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdFingerprintGenerator
    except ImportError:
        raise MixwrightError("molecules need rdkit; install mixwright[tabular]") from None
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    ids: list[str | None] = []
    columns: list[int] = []
    starts = [0]
    # Every unreadable molecule would be a line of the log; they are counted instead.
    with rdBase.BlockLogs():
        for text in smiles:
            molecule: Mol | None = None
            if isinstance(text, str) and text:
                molecule = Chem.MolFromSmiles(text)
            if molecule is None:
                ids.append(None)
            else:
                ids.append(Chem.MolToSmiles(molecule, isomericSmiles=False))
                columns += generator.GetFingerprint(molecule).GetOnBits()
            starts.append(len(columns))
    ones = np.ones(len(columns), np.float32)
    indices = np.array(columns, np.int32)
    content = (ones, indices, np.array(starts))
    matrix = sparse.csr_matrix(content, shape=(len(ids), BITS))
    features = f"Morgan radius {RADIUS}, {BITS} bits"
    return Featurised(ids, ids, matrix, {"rdkit": rdBase.rdkitVersion, "features": features})


def _columns(
    name: str, table: pd.DataFrame, features: Sequence[str], key: str | None
) -> Featurised:
    """Returns numeric columns as features.

    A row's id is the hash of its features, behind its key where a column of keys is named.
    """
    if not features:
        raise MixwrightError(
            f"{name}: nothing to learn from; name a smiles column or feature columns"
        )
    numeric = table[list(features)].apply(pd.to_numeric, errors="coerce")
    numbers = numeric.to_numpy(np.float32)
    bad = ~np.isfinite(numbers)
    if bad.any():
        column = features[int(bad.any(axis=0).argmax())]
        raise MixwrightError(
            f"{name}: feature {column} has an empty or infinite value or one that is no number"
            f" in row {int(bad.any(axis=1).argmax()) + 1}; fill it or leave it out"
        )
    hashes = [hashlib.sha256(row.tobytes()).hexdigest() for row in numbers]
    versions = {"features": ", ".join(features)}
    if key is None:
        return Featurised(list(hashes), list(hashes), numbers, versions)
    keys = table[key].astype(str).tolist()
    ids: list[str | None] = []
    for value, row_hash in zip(keys, hashes, strict=True):
        ids.append(f"{value} {row_hash}")
    return Featurised(ids, keys, numbers, versions)
