"""The format on disk of a domain that is a table.

A folder holds the features, labels, ids and parts of the domain's labelled rows, and a manifest
of counts.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json, written
from mixwright.tabular.source import Matrix, Rows

FILE = "rows.npz"
# What rows are for: to learn from, to choose mixtures and settings by, to report on.
PARTS = ("train", "choose", "report")
SHARES = (0.6, 0.2, 0.2)


def parts_of(
    keys: Sequence[str], seed: int = 0, shares: Sequence[float] = SHARES
) -> NDArray[np.int8]:
    """Returns (rows,) the part of each key, as a position in PARTS.

    The key's SHA-256 under `seed`, as a fraction of 1, is cut at the cumulated shares.
    """
    fractions = []
    for key in keys:
        digest = hashlib.sha256(f"{seed}\0{key}".encode()).digest()
        fractions.append(int.from_bytes(digest[:8], "big") / 2**64)
    cuts = np.cumsum(shares)[:-1]
    return np.searchsorted(cuts, fractions, side="right").astype(np.int8)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A domain's labelled rows, sorted by id."""

    domain: str
    ids: NDArray[Any]  # (rows,) str
    features: Matrix  # (rows, features)
    labels: NDArray[np.int8]  # (rows,) 0 or 1
    parts: NDArray[np.int8]  # (rows,) position in PARTS
    fingerprint: str  # SHA-256 of the arrays above
    split: tuple[float, ...] = (0.0, *SHARES)  # seed and shares that the parts follow from

    def where(self, part: str) -> NDArray[np.int64]:
        """Returns the positions of a part's rows."""
        return np.flatnonzero(self.parts == PARTS.index(part))


def dataset_of(
    rows: Rows, domain: str, label: str, seed: int = 0, shares: tuple[float, ...] = SHARES
) -> Dataset:
    """Makes a domain of the rows whose `label` is known.

    Raises:
        MixwrightError: a part has rows of one class only.
    """
    column = rows.labels[label].to_numpy(np.float64)
    known = np.flatnonzero(~np.isnan(column))
    labels = column[known].astype(np.int8)
    parts = parts_of([rows.keys[row] for row in known], seed, shares)
    for part, name in enumerate(PARTS):
        of_part = labels[parts == part]
        if len(np.unique(of_part)) < 2:
            raise MixwrightError(
                f"{domain}: the {name} part has rows of one class only"
                f" ({len(of_part)} rows, {int(of_part.sum())} of label 1); "
                "give it more rows or leave the domain out"
            )
    ids = np.array([rows.ids[row] for row in known])
    features = rows.features[known]
    return Dataset(
        domain=domain,
        ids=ids,
        features=features,
        labels=labels,
        parts=parts,
        fingerprint=_fingerprint(ids, features, labels, parts),
        split=(seed, *shares),
    )


def write_dataset(
    dataset: Dataset,
    versions: dict[str, str],
    to: str | Path,
    counts: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """Writes the folder `datasets/<domain>` and returns its manifest.

    `corpus.counts.count_domains` reads the manifest as it reads a shard's. In a split `tokens`
    and `documents` are its rows, for an epoch is a pass over the rows, and `bytes` are the values
    stored in its features.

    Args:
        dataset: the domain.
        versions: what the features depend on, by name.
        to: the folder.
        counts: of the rows that were left out or merged, for the manifest.
    """
    arrays = {"ids": dataset.ids, "labels": dataset.labels, "parts": dataset.parts}
    arrays |= _arrays(dataset.features)
    manifest = {
        "domain": dataset.domain,
        "features": int(dataset.features.shape[1]),
        "split": list(dataset.split),
        "versions": versions,
        "sha256": dataset.fingerprint,
        "cleaning": dict(counts or {}),
        "splits": {part: _counts(dataset, part) for part in PARTS},
    }
    with written(to) as folder:
        folder.mkdir()
        with (folder / FILE).open("wb") as file:
            # numpy's stub takes a keyword for its option `allow_pickle`
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        write_json(folder / "manifest.json", manifest)
    return manifest


def open_dataset(folder: str | Path) -> Dataset:
    """Opens the folder `datasets/<domain>`.

    Raises:
        MixwrightError: it cannot be read, or its rows are not those of the manifest.
    """
    folder = Path(folder)
    manifest = read_json(folder / "manifest.json")
    try:
        with np.load(folder / FILE) as arrays:
            ids = arrays["ids"]
            labels = arrays["labels"]
            parts = arrays["parts"]
            features = _features(arrays)
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise MixwrightError(
            f"{folder}: not a dataset ({error.__class__.__name__}); make this domain again"
        ) from None
    fingerprint = _fingerprint(ids, features, labels, parts)
    if fingerprint != manifest["sha256"]:
        raise MixwrightError(
            f"{folder}: the rows are not those of the manifest; make this domain again"
        )
    return Dataset(
        domain=manifest["domain"],
        ids=ids,
        features=features,
        labels=labels,
        parts=parts,
        fingerprint=fingerprint,
        split=tuple(manifest["split"]),
    )


def _counts(dataset: Dataset, part: str) -> dict[str, Any]:
    """Returns what the manifest says of a part."""
    rows = dataset.where(part)
    features = dataset.features[rows]
    labels = dataset.labels[rows]
    stored = features.nnz if sparse.issparse(features) else features.size
    return {
        "tokens": len(rows),
        "bytes": int(stored),
        "documents": len(rows),
        "positives": int(labels.sum()),
        "sha256": _fingerprint(dataset.ids[rows], features, labels, dataset.parts[rows]),
    }


def _arrays(features: Matrix) -> dict[str, NDArray[Any]]:
    """Returns a matrix as the arrays that are stored of it."""
    if not sparse.issparse(features):
        return {"dense": features}
    return {
        "data": features.data,
        "indices": features.indices,
        "starts": features.indptr,
        "shape": np.array(features.shape),
    }


def _features(arrays: Any) -> Matrix:
    """Returns the matrix that `_arrays` took apart."""
    if "dense" in arrays:
        return np.asarray(arrays["dense"], np.float32)
    parts = arrays["data"], arrays["indices"], arrays["starts"]
    return sparse.csr_matrix(parts, shape=tuple(arrays["shape"]))


def _fingerprint(
    ids: NDArray[Any], features: Matrix, labels: NDArray[np.int8], parts: NDArray[np.int8]
) -> str:
    """Returns the SHA-256 of the rows, whatever the width of their numbers on this machine."""
    digest = hashlib.sha256("\n".join(ids.tolist()).encode())
    arrays = {**_arrays(features), "labels": labels, "parts": parts}
    for name, array in arrays.items():
        wide = np.float32 if array.dtype.kind == "f" else np.int64
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(array).astype(wide).tobytes())
    return digest.hexdigest()
