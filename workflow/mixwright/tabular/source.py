"""Reads a table with label columns, and makes its features ready once: Morgan fingerprints of its molecules, or its numeric columns."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from mixwright.errors import MixwrightError, nearest

if TYPE_CHECKING:
    from rdkit.Chem import Mol

RADIUS, BITS = 2, 2048  # of the Morgan fingerprint

Matrix = Any  # sparse.csr_matrix of bits, or a dense array of numbers (to XGBoost, what a sparse matrix lacks is missing), float32
Made = tuple[
    list[str | None], list[str | None], Matrix, dict[str, str]
]  # ids, keys, features, versions


@dataclass(frozen=True, eq=False)
class Rows:
    """A table made ready: one row an id, sorted by id. Rows of one key are in one part of the split, whatever their table."""

    ids: tuple[str, ...]  # what the row is: a molecule, or a key with its features
    keys: tuple[str, ...]
    features: Matrix  # (rows, features)
    labels: pd.DataFrame  # (rows, labels) 0.0, 1.0, or NaN where unknown
    unreadable: int  # rows dropped because rdkit could not read the molecule
    repeated: int  # rows merged into another of the same id
    versions: dict[str, str]  # what the features depend on


def read_table(path: str | Path) -> pd.DataFrame:
    """The table in a CSV file (also .gz, .zst, .bz2, .xz) or a parquet file."""
    path = Path(path)
    if not path.is_file():
        raise MixwrightError(f"{path}: no such table; correct the path")
    try:
        return (
            pd.read_parquet(path)
            if path.suffix == ".parquet"
            else pd.read_csv(path, low_memory=False)
        )
    except (ValueError, OSError) as error:
        raise MixwrightError(
            f"{path}: not readable as a table ({str(error).splitlines()[0]}); give CSV or parquet"
        ) from None


def prepare(
    table: pd.DataFrame,
    labels: Sequence[str],
    smiles: str | None = None,
    features: Sequence[str] = (),
    key: str | None = None,
) -> Rows:
    """Features by fingerprint where `smiles` names a column, else the columns `features`, split by the `key` column or by the row itself.

    Rows of one id become one with the label of their majority, unknown where they are split evenly. Molecules are told apart by their
    canonical SMILES without stereochemistry, for the fingerprints do not see it either.
    """
    for column in [*labels, *([smiles] if smiles else features), *([key] if key else [])]:
        if column not in table:
            raise MixwrightError(
                f"table: no column {column}; {nearest(column, map(str, table.columns))}"
            )
    known = _labels(table, labels)
    ids, keys, matrix, versions = (
        _molecules(table[smiles]) if smiles else _columns(table, features, key)
    )
    readable = np.flatnonzero([name is not None for name in ids])
    if not len(readable):
        raise MixwrightError(
            f"table: not one row that can be read; give the column that holds SMILES (now {smiles})"
        )
    unique, first, group = np.unique(
        np.array([ids[row] for row in readable]), return_index=True, return_inverse=True
    )
    share = known.iloc[readable].groupby(group).mean()
    return Rows(
        ids=tuple(unique.tolist()),
        keys=tuple(str(keys[row]) for row in readable[first]),
        features=matrix[readable[first]],
        labels=(share > 0.5)
        .astype(np.float64)
        .where(share.notna() & (share != 0.5))
        .reset_index(drop=True),
        unreadable=len(ids) - len(readable),
        repeated=len(readable) - len(unique),
        versions=versions,
    )


def _labels(table: pd.DataFrame, labels: Sequence[str]) -> pd.DataFrame:
    known = table[list(labels)].apply(pd.to_numeric, errors="coerce")
    bad = (known.notna() & ~known.isin([0, 1])) | (known.isna() & table[list(labels)].notna())
    if bad.any(axis=None):
        column = bad.columns[bad.any()][0]
        raise MixwrightError(
            f"table: label {column} holds {table.loc[bad[column], column].iloc[0]}; a label is 0, 1 or empty"
        )
    return known


def _molecules(smiles: "pd.Series[Any]") -> Made:
    """Canonical SMILES (None: unreadable) and Morgan fingerprints as bits."""
    try:
        from rdkit import Chem, rdBase
        from rdkit.Chem import rdFingerprintGenerator
    except ImportError:
        raise MixwrightError("molecules need rdkit; install mixwright[tabular]") from None
    generator = rdFingerprintGenerator.GetMorganGenerator(radius=RADIUS, fpSize=BITS)
    with rdBase.BlockLogs():  # every unreadable molecule would be a line; they are counted
        found: list[Mol | None] = [
            Chem.MolFromSmiles(text) if isinstance(text, str) and text else None for text in smiles
        ]
    ids = [
        None if molecule is None else Chem.MolToSmiles(molecule, isomericSmiles=False)
        for molecule in found
    ]
    bits = [
        [] if molecule is None else list(generator.GetFingerprint(molecule).GetOnBits())
        for molecule in found
    ]
    starts = np.cumsum([0, *map(len, bits)])
    columns = np.fromiter((bit for row in bits for bit in row), np.int32, int(starts[-1]))
    matrix = sparse.csr_matrix(
        (np.ones(len(columns), np.float32), columns, starts), shape=(len(bits), BITS)
    )
    return (
        ids,
        ids,
        matrix,
        {"rdkit": rdBase.rdkitVersion, "features": f"Morgan radius {RADIUS}, {BITS} bits"},
    )


def _columns(table: pd.DataFrame, features: Sequence[str], key: str | None) -> Made:
    if not features:
        raise MixwrightError(
            "table: nothing to learn from; name a smiles column or feature columns"
        )
    numbers = table[list(features)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    if not np.isfinite(numbers).all():
        column = features[int((~np.isfinite(numbers)).any(axis=0).argmax())]
        raise MixwrightError(
            f"table: feature {column} has an empty or infinite value or one that is no number; fill it or leave it out"
        )
    rows = [hashlib.sha256(row.tobytes()).hexdigest() for row in numbers]
    keys = rows if key is None else table[key].astype(str).tolist()
    ids = rows if key is None else [f"{name} {row}" for name, row in zip(keys, rows, strict=True)]
    return list(ids), list(keys), numbers, {"features": ", ".join(features)}
