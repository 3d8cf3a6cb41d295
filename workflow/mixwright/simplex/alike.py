"""Which runs are of one mixture, and folds that never part them.

Seeds of one mixture, one in the training fold and one held out, tell of each other's noise: a
mixer that learns runs by heart looks as if it knew mixtures.
"""

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# shares that differ by less are one mixture where runs are held out: tables round them, and runs
# realise them in whole sequences
ALIKE = 5e-3
# shares that differ by less are one mixture where the noise of a run is measured
EQUAL = 5e-4
# folds leave a mixer so many runs to learn from
LEAST = 8


def same_mixture(weights: Array, tolerance: float = ALIKE) -> NDArray[np.int64]:
    """Returns (runs,) numbers: runs with one number are of one mixture.

    A group holds what lies within the tolerance of its first member in every domain, so that no
    chain of small steps joins a whole swarm. Numbers count from 0 by first appearance.

    Args:
        weights: (runs, domains) shares.
        tolerance: the most by which a share may differ from the first member's.
    """
    weights = np.asarray(weights, dtype=np.float64)
    runs = len(weights)
    group = np.full(runs, -1, dtype=np.int64)
    widest = int(weights.var(axis=0).argmax())
    column = weights[:, widest]
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    ends = np.searchsorted(ordered, ordered + tolerance, side="right")
    for place, first in enumerate(order):
        if group[first] >= 0:
            continue
        near = order[place : ends[place]]
        near = near[group[near] < 0]
        apart = np.abs(weights[near] - weights[first]).max(axis=1)
        group[near[apart <= tolerance]] = first
    return _numbered(group)


def mixture_folds(
    weights: Array,
    folds: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Returns (runs,) the fold of each run, drawn at random; runs of one mixture share a fold.

    Where that leaves too little to learn from, because all runs but a few are of one or two
    mixtures, each run counts as a mixture.

    Args:
        weights: (runs, domains) shares.
        folds: how many, at most.
    """
    group = same_mixture(weights)
    sizes = np.bincount(group)
    rest = len(group) - sizes.max()
    if len(sizes) < 3 or rest < min(LEAST, len(group) - 1):
        group = np.arange(len(group))
    groups = int(group.max()) + 1
    drawn: NDArray[np.int64] = rng.permutation(groups) % min(folds, groups)
    return drawn[group]


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same groups, numbered from 0 by first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]
