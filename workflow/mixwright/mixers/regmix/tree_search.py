"""The best of many mixtures by a weighted sum of boosted trees, without walking every tree.

After some rounds of trees a mixture is dropped if it cannot be among the best any more, whatever
the leaves that it reaches in the rounds left.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# Parts of the rounds, after each of which mixtures are dropped. The last one leaves hardly more
# than are sought. Trees of a part stay in the processor's cache from one mixture to the next.
PARTS = 25
LEAVES = "leaf_value="


def leaf_ranges(model: str) -> tuple[Array, Array]:
    """Returns (trees,) the least and (trees,) the greatest leaf, from LightGBM's own text."""
    least = []
    greatest = []
    for line in model.splitlines():
        if line.startswith(LEAVES):
            numbers = line.removeprefix(LEAVES).split()
            leaves = np.array(numbers, dtype=np.float64)
            least.append(leaves.min())
            greatest.append(leaves.max())
    return np.array(least), np.array(greatest)


def survivors(
    partial: Callable[[Array, int, int], Array],
    least: Array,
    greatest: Array,
    weights: Array,
    keep: int,
    most: float = float("inf"),
) -> NDArray[np.int64]:
    """Finds rows among which the `keep` mixtures of least objective are for certain.

    A row is out if its best possible objective exceeds the keep-th worst possible one.

    Args:
        partial: (mixtures, first, last) -> (mixtures,) what the rounds first to last - 1 add to
            the objective.
        least: (rounds,) the least that a round can add.
        greatest: (rounds,) the most that a round can add.
        weights: (mixtures, domains).
        keep: how many mixtures are sought.
        most: an objective above it is not wanted, whatever the others' are.

    Returns:
        Positions in `weights`, in order.
    """
    rounds = len(least)
    alive = np.arange(len(weights))
    objective = np.zeros(len(weights))
    first = 0
    for part in range(PARTS):
        last = rounds * (part + 1) // PARTS
        if last == first or len(alive) <= keep:
            continue
        objective = objective + partial(weights[alive], first, last)
        first = last
        keepth = np.partition(objective, keep - 1)[keep - 1]
        least_left = least[first:].sum()
        bar = min(keepth + greatest[first:].sum(), most) - least_left
        rounding = 1e-9 * (1 + abs(bar))
        inside = objective <= bar + rounding
        alive = alive[inside]
        objective = objective[inside]
    return alive
