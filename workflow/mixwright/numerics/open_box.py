"""The bounds of a mixture as an open box of variables, in which barriers can push off every side.

The variables are the free weights, then the free sums of groups: with a group's sum as a variable
of its own, all bounds are a box, and the rest is equalities.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.simplex.bounds import membership
from mixwright.simplex.geometry import Groups

# A weight with less room than this on one side is no variable.
EDGE = 1e-13


@dataclass(frozen=True)
class OpenBox:
    """Variables of mixtures between bounds: where each may go, and what keeps their sums."""

    # (domains,) a mixture inside; its weights that are not free stay as they are
    middle: Array
    # (domains,) which weights are free
    free: NDArray[np.bool_]
    # (free groups, domains): 1 where a domain counts in the group's sum
    members: Array
    # (variables,) each
    lower: Array
    upper: Array
    # (rows, variables): every step x has equalities @ x = 0
    equalities: Array

    @classmethod
    def of(cls, lower: Array, upper: Array, groups: Groups) -> "OpenBox":
        """Builds the variables of bounds (domains,) and groups that hold a mixture.

        The middle puts every weight as far between its limits as the others of its group, and
        every group as far as the other groups and the domains in none.
        """
        member = membership(groups, len(lower))
        alone = member.sum(axis=0) == 0
        group_least = np.array([group.lower for group in groups])
        group_most = np.array([group.upper for group in groups])
        least = np.maximum(member @ lower, group_least)
        most = np.maximum(np.minimum(member @ upper, group_most), least)

        share = _share(
            1.0,
            np.concatenate([least, lower[alone]]),
            np.concatenate([most, upper[alone]]),
        )
        sums = least + share * (most - least)
        middle = lower + share * (upper - lower)
        for total, inside in zip(sums, member > 0, strict=True):
            inner_share = _share(total, lower[inside], upper[inside])
            middle[inside] = lower[inside] + inner_share * (upper - lower)[inside]

        free = np.minimum(middle - lower, upper - middle) > EDGE
        loose = np.minimum(sums - least, most - sums) > EDGE
        return cls(
            middle=middle,
            free=free,
            members=member[loose],
            lower=np.concatenate([lower[free], least[loose]]),
            upper=np.concatenate([upper[free], most[loose]]),
            equalities=_equalities(member, free, loose),
        )

    def variables(self, w: Array) -> Array:
        """Returns the (variables,) of a mixture (domains,)."""
        return np.concatenate([w[self.free], self.members @ w])

    def weights(self, x: Array) -> Array:
        """Returns the mixture (domains,) of (variables,)."""
        w = self.middle.copy()
        w[self.free] = x[: self.free_weights]
        return w

    @cached_property
    def free_weights(self) -> int:
        """How many of the variables are weights: the first ones."""
        return int(self.free.sum())


def _equalities(member: Array, free: NDArray[np.bool_], loose: NDArray[np.bool_]) -> Array:
    """Returns (rows, variables): the sum of all weights, and each group's sum less its variable.

    Rows that touch no variable are left out, and the first one where tight groups imply it.
    """
    everything = np.ones((1, len(free)))
    of_weights = np.concatenate([everything, member])[:, free]
    nothing = np.zeros((1, int(loose.sum())))
    minus_itself = -np.eye(len(member))[:, loose]
    of_sums = np.vstack([nothing, minus_itself])
    equalities = np.hstack([of_weights, of_sums])
    alone = member.sum(axis=0) == 0
    first = len(member) == 0 or bool((free & alone).any() or loose.any())
    needed = np.concatenate([[first], member @ free > 0])
    return equalities[needed]


def _share(total: float, lower: Array, upper: Array) -> float:
    """Returns how far from lower to upper the sum is `total`, from 0 to 1.

    It is 0 or 1 where it is so near that nothing can move.
    """
    room = float((upper - lower).sum())
    if room <= 1e-12:
        return 0.0
    share = (total - float(lower.sum())) / room
    if share < 1e-9:
        return 0.0
    if share > 1 - 1e-9:
        return 1.0
    return share
