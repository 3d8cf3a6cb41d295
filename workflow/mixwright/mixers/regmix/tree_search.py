"""The best of many mixtures by a weighted sum of boosted trees, without walking every tree for every mixture."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

STAGES = (
    0.04,
    0.08,
    0.14,
    0.2,
    0.3,
    0.45,
    0.7,
)  # of the trees: after each, mixtures that cannot be among the best any more are dropped


def leaf_ranges(model: str) -> tuple[Array, Array]:
    """(trees,) least and greatest leaf of each tree in LightGBM's own text."""
    leaves = [
        np.array(line[11:].split(), dtype=np.float64)
        for line in model.splitlines()
        if line.startswith("leaf_value=")
    ]
    return np.array([leaf.min() for leaf in leaves]), np.array([leaf.max() for leaf in leaves])


def survivors(
    partial: Callable[[Array, int, int], Array],
    least: Array,
    greatest: Array,
    weights: Array,
    keep: int,
) -> NDArray[np.int64]:
    """Rows of `weights`, in order, among which the `keep` of least objective are for certain.

    partial(mixtures, first, last) is the objective's share of the rounds first to last, between the sums of `least` and `greatest`
    (rounds,). A row whose best possible sum exceeds the keep-th worst possible one is out.
    """
    rounds, alive, so_far = len(least), np.arange(len(weights)), np.zeros(len(weights))
    first = 0
    for stage in STAGES:
        last = max(first, round(stage * rounds))
        if last == first or len(alive) <= keep:
            continue
        so_far = so_far + partial(weights[alive], first, last)
        first = last
        bar = (
            np.partition(so_far, keep - 1)[keep - 1] + greatest[first:].sum() - least[first:].sum()
        )
        inside = so_far <= bar + 1e-9 * (1 + abs(bar))
        alive, so_far = alive[inside], so_far[inside]
    return alive
