"""All rows of a study's datasets, each row once: what any mixture of them is learned from and scored on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.tabular.dataset import PARTS, Dataset
from mixwright.tabular.source import Matrix

UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows to learn from or to score: `labels` in [0, 1], `weights` with a mean of 1."""

    features: Matrix  # (rows, features)
    labels: Array  # (rows,)
    weights: Array  # (rows,)

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows sorted by id, with one column of labels a domain; domains sorted by name."""

    domains: tuple[str, ...]
    ids: NDArray[np.str_]  # (rows,)
    features: Matrix  # (rows, features)
    labels: NDArray[np.int8]  # (rows, domains) 0, 1 or UNKNOWN
    parts: NDArray[np.int8]  # (rows,) position in split.PARTS

    @classmethod
    def of(cls, datasets: Sequence[Dataset]) -> "Pool":
        """Joins the datasets by id; different features or another split are refused."""
        datasets = sorted(datasets, key=lambda dataset: dataset.domain)
        first = datasets[0]
        for other in datasets[1:]:
            if other.features.shape[1] != first.features.shape[1] or sparse.issparse(
                other.features
            ) != sparse.issparse(first.features):
                raise MixwrightError(
                    f"{other.domain}: other features than {first.domain}; give all domains of a study the same"
                )
            if other.split != first.split:
                raise MixwrightError(
                    f"{other.domain}: another split than {first.domain}; make both with one seed and the same shares"
                )
        ids, where = np.unique(
            np.concatenate([dataset.ids for dataset in datasets]), return_index=True
        )
        labels = np.full((len(ids), len(datasets)), UNKNOWN, np.int8)
        for column, dataset in enumerate(datasets):
            labels[np.searchsorted(ids, dataset.ids), column] = dataset.labels
        every = [dataset.features for dataset in datasets]
        features = (
            sparse.vstack(every, format="csr")
            if sparse.issparse(first.features)
            else np.concatenate(every)
        )[where]
        parts = np.concatenate([dataset.parts for dataset in datasets])[where]
        return cls(tuple(dataset.domain for dataset in datasets), ids, features, labels, parts)

    def rows(self, domain: str, part: str) -> NDArray[np.int64]:
        """The rows of `part` that `domain` labels, in order of id."""
        return np.flatnonzero(
            (self.parts == PARTS.index(part))
            & (self.labels[:, self.domains.index(domain)] != UNKNOWN)
        )

    def sizes(self, part: str = "train") -> NDArray[np.int64]:
        """(domains,) |D_i|, labelled rows of each."""
        return (self.labels[self.parts == PARTS.index(part)] != UNKNOWN).sum(axis=0)

    def examples(self, domain: str, part: str) -> LabelledRows:
        """A domain's rows with their 0/1 labels, all of weight 1, in order of id."""
        rows = self.rows(domain, part)
        labels = self.labels[rows, self.domains.index(domain)].astype(np.float64)
        return LabelledRows(self.features[rows], labels, np.ones(len(rows)))

    def mixed(self, weights: Array, part: str = "train") -> LabelledRows:
        """The union of the domains' rows with weight w_i / |D_i| each, as published (arXiv 2502.10510), scaled to a mean of 1.

        A row that several domains label is one row: its weight is their sum s, its label their weighted mean y. The log loss is linear
        in the label, so s (-y log p - (1 - y) log(1 - p)) is the sum over the union, with the same gradient and curvature.
        """
        inside = np.flatnonzero(self.parts == PARTS.index(part))
        known = self.labels[inside] != UNKNOWN
        each = np.asarray(weights, np.float64) / np.maximum(known.sum(axis=0), 1)
        total = known @ each
        kept = total > 0
        positive = ((self.labels[inside] == 1) @ each)[kept]
        return LabelledRows(
            self.features[inside[kept]],
            positive / total[kept],
            total[kept] * (kept.sum() / total[kept].sum()),
        )
