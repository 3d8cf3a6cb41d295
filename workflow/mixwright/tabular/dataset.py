"""The format on disk of a domain that is a table: features, labels, ids and parts of its labelled rows, and a manifest of counts."""

import hashlib
from collections.abc import Sequence
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

PARTS = ("train", "choose", "report")  # learn from, choose mixtures and settings by, report on
SHARES = (0.6, 0.2, 0.2)


def parts_of(
    keys: Sequence[str], seed: int = 0, shares: Sequence[float] = SHARES
) -> NDArray[np.int8]:
    """(rows,) position in PARTS: the key's SHA-256 under `seed`, as a fraction of 1, cut at the cumulated shares."""
    cuts = np.cumsum(shares)[:-1]
    fractions = [
        int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8], "big") / 2**64
        for key in keys
    ]
    return np.searchsorted(cuts, fractions, side="right").astype(np.int8)


FILE = "rows.npz"


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
        """The rows of a part."""
        return np.flatnonzero(self.parts == PARTS.index(part))


def dataset_of(
    rows: Rows, domain: str, label: str, seed: int = 0, shares: tuple[float, ...] = SHARES
) -> Dataset:
    """The rows whose `label` is known; a training part without both classes is refused."""
    column = rows.labels[label].to_numpy(np.float64)
    known = np.flatnonzero(~np.isnan(column))
    labels, parts = (
        column[known].astype(np.int8),
        parts_of([rows.keys[row] for row in known], seed, shares),
    )
    for part, name in enumerate(PARTS):
        if len(np.unique(labels[parts == part])) < 2:
            raise MixwrightError(
                f"{domain}: the {name} part has rows of one class only; give it more rows or leave the domain out"
            )
    ids, features = np.array([rows.ids[row] for row in known]), rows.features[known]
    return Dataset(
        domain,
        ids,
        features,
        labels,
        parts,
        _fingerprint(ids, features, labels, parts),
        (seed, *shares),
    )


def write_dataset(dataset: Dataset, versions: dict[str, str], to: str | Path) -> dict[str, Any]:
    """Writes `datasets/<domain>` and returns its manifest, whose splits `corpus.shards.count_domains` reads as it reads a shard's.

    Of a split, `tokens` and `documents` are its rows (an epoch is a pass over the rows) and `bytes` the values stored in its features.
    """
    with written(to) as beside:
        beside.mkdir()
        with (beside / FILE).open("wb") as file:
            arrays = {
                "ids": dataset.ids,
                "labels": dataset.labels,
                "parts": dataset.parts,
            } | _arrays(dataset.features)
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        manifest = {
            "domain": dataset.domain,
            "features": int(dataset.features.shape[1]),
            "split": list(dataset.split),
            "versions": versions,
            "sha256": dataset.fingerprint,
            "splits": {part: _counts(dataset, part) for part in PARTS},
        }
        write_json(beside / "manifest.json", manifest)
    return manifest


def open_dataset(folder: str | Path) -> Dataset:
    """Opens `datasets/<domain>`; rows that are not those of the manifest are refused."""
    folder = Path(folder)
    manifest = read_json(folder / "manifest.json")
    try:
        with np.load(folder / FILE) as arrays:
            ids, labels, parts, features = (
                arrays["ids"],
                arrays["labels"],
                arrays["parts"],
                _features(arrays),
            )
    except (OSError, EOFError, ValueError, KeyError, BadZipFile) as error:
        raise MixwrightError(
            f"{folder}: not a dataset ({error.__class__.__name__}); make this domain again"
        ) from None
    found = _fingerprint(ids, features, labels, parts)
    if found != manifest["sha256"]:
        raise MixwrightError(
            f"{folder}: the rows are not those of the manifest; make this domain again"
        )
    return Dataset(
        manifest["domain"], ids, features, labels, parts, found, tuple(manifest["split"])
    )


def _counts(dataset: Dataset, part: str) -> dict[str, Any]:
    rows = dataset.where(part)
    features, labels = dataset.features[rows], dataset.labels[rows]
    return {
        "tokens": len(rows),
        "bytes": int(features.nnz if sparse.issparse(features) else features.size),
        "documents": len(rows),
        "positives": int(labels.sum()),
        "sha256": _fingerprint(dataset.ids[rows], features, labels, dataset.parts[rows]),
    }


def _arrays(features: Matrix) -> dict[str, NDArray[Any]]:
    if not sparse.issparse(features):
        return {"dense": features}
    return {
        "data": features.data,
        "indices": features.indices,
        "starts": features.indptr,
        "shape": np.array(features.shape),
    }


def _features(arrays: Any) -> Matrix:
    if "dense" in arrays:
        return np.asarray(arrays["dense"], np.float32)
    return sparse.csr_matrix(
        (arrays["data"], arrays["indices"], arrays["starts"]), shape=tuple(arrays["shape"])
    )


def _fingerprint(
    ids: NDArray[Any], features: Matrix, labels: NDArray[np.int8], parts: NDArray[np.int8]
) -> str:
    found = hashlib.sha256("\n".join(ids.tolist()).encode())
    for name, array in {**_arrays(features), "labels": labels, "parts": parts}.items():
        found.update(
            name.encode()
            + np.ascontiguousarray(array)
            .astype(np.float32 if array.dtype.kind == "f" else np.int64)
            .tobytes()
        )
    return found.hexdigest()
