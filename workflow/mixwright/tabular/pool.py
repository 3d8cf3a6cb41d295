"""All rows of a study's datasets, each row once: what any mixture of them is learned from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.tabular.dataset import PARTS, Dataset
from mixwright.tabular.source import Matrix

UNKNOWN = -1  # a label that a domain does not give


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows to learn from or to score."""

    features: Matrix  # (rows, features)
    labels: Array  # (rows,) in [0, 1]
    weights: Array  # (rows,) with a mean of 1

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Pool:
    """The rows of several domains, sorted by id, each once."""

    domains: tuple[str, ...]  # sorted by name
    ids: NDArray[np.str_]  # (rows,)
    features: Matrix  # (rows, features)
    labels: NDArray[np.int8]  # (rows, domains) 0, 1 or UNKNOWN
    parts: NDArray[np.int8]  # (rows,) position in dataset.PARTS

    @classmethod
    def of(cls, datasets: Sequence[Dataset]) -> "Pool":
        """Joins datasets by id.

        Raises:
            MixwrightError: the datasets differ in their features or in their split.
        """
        datasets = sorted(datasets, key=lambda dataset: dataset.domain)
        first = datasets[0]
        for other in datasets[1:]:
            _check_alike(first, other)
        all_ids = np.concatenate([dataset.ids for dataset in datasets])
        ids, where = np.unique(all_ids, return_index=True)
        labels = np.full((len(ids), len(datasets)), UNKNOWN, np.int8)
        for column, dataset in enumerate(datasets):
            labels[np.searchsorted(ids, dataset.ids), column] = dataset.labels
        features = _joined([dataset.features for dataset in datasets])
        parts = np.concatenate([dataset.parts for dataset in datasets])
        domains = tuple(dataset.domain for dataset in datasets)
        return cls(domains, ids, features[where], labels, parts[where])

    def rows(self, domain: str, part: str) -> NDArray[np.int64]:
        """Returns the rows of `part` that `domain` labels, in order of id."""
        labelled = self.labels[:, self.domains.index(domain)] != UNKNOWN
        return np.flatnonzero((self.parts == PARTS.index(part)) & labelled)

    def sizes(self, part: str = "train") -> NDArray[np.int64]:
        """Returns (domains,) how many rows of `part` each domain labels, |D_i|."""
        inside = self.parts == PARTS.index(part)
        return (self.labels[inside] != UNKNOWN).sum(axis=0)

    def examples(self, domain: str, part: str) -> LabelledRows:
        """Returns a domain's rows with their labels 0 or 1, all of weight 1, in order of id."""
        rows = self.rows(domain, part)
        labels = self.labels[rows, self.domains.index(domain)].astype(np.float64)
        return LabelledRows(self.features[rows], labels, np.ones(len(rows)))

    def mixed(self, weights: Array, part: str = "train") -> LabelledRows:
        """Returns the union of the domains' rows, weighted as a mixture says.

        A row of domain i has the weight w_i / |D_i| (MixMin, arXiv 2502.10510), scaled to a mean
        of 1. A row that several domains label is one row: its weight is their sum s, its label
        their weighted mean y. The log loss is linear in the label, so

            s (-y log p - (1 - y) log(1 - p))

        is the sum over the union, with the same gradient and curvature.

        Args:
            weights: (domains,) w.
            part: whose rows.
        """
        inside = np.flatnonzero(self.parts == PARTS.index(part))
        labels = self.labels[inside]
        known = labels != UNKNOWN
        row_weights = np.asarray(weights, np.float64) / np.maximum(known.sum(axis=0), 1)
        total = known @ row_weights
        used = total > 0
        positive = ((labels == 1) @ row_weights)[used]
        total = total[used]
        return LabelledRows(
            self.features[inside[used]],
            positive / total,
            total * (used.sum() / total.sum()),
        )


def _joined(matrices: Sequence[Matrix]) -> Matrix:
    """Returns matrices of one kind, one below the other."""
    if sparse.issparse(matrices[0]):
        return sparse.vstack(matrices, format="csr")
    return np.concatenate(matrices)


def _check_alike(first: Dataset, other: Dataset) -> None:
    """Refuses datasets that differ in their features or in their split."""
    one_kind = sparse.issparse(other.features) == sparse.issparse(first.features)
    if other.features.shape[1] != first.features.shape[1] or not one_kind:
        raise MixwrightError(
            f"{other.domain}: other features than {first.domain}; "
            "give all domains of a study the same"
        )
    if other.split != first.split:
        raise MixwrightError(
            f"{other.domain}: another split than {first.domain}; "
            "make both with one seed and the same shares"
        )
