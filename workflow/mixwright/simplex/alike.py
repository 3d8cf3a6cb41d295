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
    group = np.full(len(weights), -1, dtype=np.int64)
    # only runs that are near in the domain that varies most can be alike
    variance = weights.var(axis=0)
    column = weights[:, variance.argmax()]
    order = np.argsort(column, kind="stable")
    ordered = column[order]
    ends = np.searchsorted(ordered, ordered + tolerance, side="right")
    for place, first in enumerate(order):
        if group[first] >= 0:
            continue
        near = order[place : ends[place]]
        free = near[group[near] < 0]
        difference = weights[free] - weights[first]
        apart = np.abs(difference).max(axis=1)
        members = free[apart <= tolerance]
        group[members] = first
    return _numbered(group)


def count_repeated(weights: Array) -> int:
    """Returns how many of (runs, domains) shares are a mixture that another run has already."""
    if not len(weights):
        return 0
    different = int(same_mixture(weights, EQUAL).max()) + 1
    return len(weights) - different


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
    alone = np.arange(len(weights))
    group = same_mixture(weights)
    groups = int(group.max()) + 1
    fold = _drawn(group, folds, rng)
    if groups == len(weights):
        return fold
    sizes = np.bincount(fold)
    rest = len(weights) - int(sizes.max())
    if groups < 3 or rest < LEAST:
        return _drawn(alone, folds, rng)
    return fold


def _drawn(
    group: NDArray[np.int64],
    folds: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Puts each group into a fold."""
    groups = int(group.max()) + 1
    of_group: NDArray[np.int64] = rng.permutation(groups) % min(folds, groups)
    return of_group[group]


def _numbered(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same groups, numbered from 0 by first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.argsort(order)
    return rank[inverse]
