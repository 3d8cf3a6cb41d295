"""Minimise a weighted sum of convex losses inside bounds and under limits on single losses, by Newton's method and log barriers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.simplex import Groups, settle

EDGE = 1e-13  # a weight with less room than this on one side is no variable
BARRIERS = 10.0 ** -np.arange(1, 12)


class Losses(Protocol):
    """Convex losses of a mixture, one a target."""

    def predict(self, weights: Array) -> Array: ...  # (mixtures, domains) -> (mixtures, targets)

    def slopes(self, w: Array) -> Array: ...  # gradients (targets, domains) at w (domains,), of positive weights

    def curvature(self, importance: Array, w: Array) -> Array: ...  # Hessian (domains, domains) of importance @ losses


@dataclass(frozen=True)
class Region:
    """The bounds as an open box of variables, free weights first and then free sums of groups, and equalities every step keeps."""

    middle: Array  # (domains,) a mixture inside; its weights that are not free stay
    free: NDArray[np.bool_]  # (domains,)
    members: Array  # (free groups, domains) 1 where a domain counts in the sum
    lower: Array  # (variables,)
    upper: Array
    equalities: Array  # (rows, variables)

    @classmethod
    def of(cls, lower: Array, upper: Array, groups: Groups) -> "Region":
        """Every weight as far between its limits as the others of its group, every group as far as the other groups and domains."""
        member = np.array([[float(i in group.members) for i in range(len(lower))] for group in groups]).reshape(len(groups), len(lower))
        alone = member.sum(axis=0) == 0
        least = np.maximum(member @ lower, [group.lower for group in groups])
        most = np.maximum(np.minimum(member @ upper, [group.upper for group in groups]), least)
        share = _share(1.0, np.concatenate([least, lower[alone]]), np.concatenate([most, upper[alone]]))
        sums, middle = least + share * (most - least), lower + share * (upper - lower)
        for total, inside in zip(sums, member > 0, strict=True):
            middle[inside] = lower[inside] + _share(total, lower[inside], upper[inside]) * (upper - lower)[inside]
        free = np.minimum(middle - lower, upper - middle) > EDGE
        loose = np.minimum(sums - least, most - sums) > EDGE
        rows = np.concatenate([np.ones((1, len(lower))), member])[:, free]
        equalities = np.hstack([rows, np.vstack([np.zeros((1, int(loose.sum()))), -np.eye(len(groups))[:, loose]])])
        kept = np.concatenate([[bool((free & alone).any() or loose.any())], member @ free > 0])  # tight groups of all imply the first
        kept[0] |= not groups
        return cls(
            middle,
            free,
            member[loose],
            np.concatenate([lower[free], least[loose]]),
            np.concatenate([upper[free], most[loose]]),
            equalities[kept],
        )

    def variables(self, w: Array) -> Array:
        return np.concatenate([w[self.free], self.members @ w])

    def weights(self, x: Array) -> Array:
        w = self.middle.copy()
        w[self.free] = x[: int(self.free.sum())]
        return w


def minimise(
    losses: Losses,
    importance: Array,
    lower: Array,
    upper: Array,
    groups: Groups = (),
    limits: Array | None = None,
    start: Array | None = None,
) -> tuple[Array, Array]:
    """The mixture (domains,) of least importance @ losses with losses < limits (targets,), and the multipliers (targets,) of the limits.

    `start` is a mixture inside the bounds that keeps the limits; without limits none is needed.
    """
    limits = np.full(len(importance), np.inf) if limits is None else limits
    region = Region.of(lower, upper, groups)
    w = _inside(losses, limits, region.middle, start)
    multipliers = np.zeros(len(importance))
    if region.free.sum() >= 2:
        for barrier in BARRIERS:
            w = _centre(losses, importance, limits, w, region, float(barrier))
        multipliers = BARRIERS[-1] / np.maximum(limits - losses.predict(w[None])[0], 1e-300)
    return settle(w, lower, upper, groups), multipliers


def _share(total: float, lower: Array, upper: Array) -> float:
    """How far from lower to upper the sum is `total`; 0 and 1 where it is so near that nothing can move."""
    room = float((upper - lower).sum())
    share = (total - float(lower.sum())) / room if room > 1e-12 else 0.0
    return 0.0 if share < 1e-9 else 1.0 if share > 1 - 1e-9 else share


def _inside(losses: Losses, limits: Array, middle: Array, start: Array | None) -> Array:
    """A point off the bounds within the limits: from the middle towards the start, as far as the limits ask."""
    if start is None or not np.isfinite(limits).any():
        return middle
    step = 1.0
    while step > 1e-12 and not (losses.predict((start + step * (middle - start))[None])[0] < limits).all():
        step /= 2
    return start + step * (middle - start)


def _centre(losses: Losses, importance: Array, limits: Array, w: Array, region: Region, barrier: float) -> Array:
    """Newton's method for the objective plus the barrier."""
    low, high, limited, count = region.lower, region.upper, np.flatnonzero(np.isfinite(limits)), int(region.free.sum())

    def value(x: Array) -> float:
        found = losses.predict(region.weights(x)[None])[0]
        room = (limits - found)[limited]
        if (room <= 0).any():
            return np.inf
        return float(importance @ found - barrier * (np.log(x - low).sum() + np.log(high - x).sum() + np.log(room).sum()))

    x = region.variables(w)
    here = value(x)
    for _ in range(50):
        step, decrement = _step(*_derivatives(losses, importance, limits, region, x, barrier), region, x)
        if not decrement >= 1e-3 * barrier:
            break
        length = _longest(x, step, low, high)
        there = value(x + length * step)
        while length > 1e-10 and not there <= here - 1e-4 * length * decrement:
            length /= 2
            there = value(x + length * step)
        if length <= 1e-10:
            break
        x, here = x + length * step, there
    return region.weights(x)


def _derivatives(losses: Losses, importance: Array, limits: Array, region: Region, x: Array, barrier: float) -> tuple[Array, Array]:
    """Gradient (variables,) and Hessian of the objective plus the barrier."""
    w, count = region.weights(x), int(region.free.sum())
    room = limits - losses.predict(w[None])[0]
    slopes, prices = losses.slopes(w), importance + barrier / room  # an infinite limit has no price
    limited = np.isfinite(room)
    steep = slopes[limited] / room[limited, None]
    gradient, curvature = np.zeros(len(x)), np.zeros((len(x), len(x)))
    gradient[:count] = (prices @ slopes)[region.free]
    curvature[:count, :count] = (losses.curvature(prices, w) + barrier * steep.T @ steep)[np.ix_(region.free, region.free)]
    below, above = x - region.lower, region.upper - x
    gradient += barrier / above - barrier / below
    curvature[np.diag_indices(len(x))] += barrier / below**2 + barrier / above**2
    return gradient, curvature


def _step(gradient: Array, curvature: Array, region: Region, x: Array) -> tuple[Array, float]:
    """The Newton step within the equalities, and how fast the value falls along it."""
    # scaled by the distance to the bounds, so that the factorisation keeps its digits near them
    scale = np.minimum(x - region.lower, region.upper - x)
    sides = np.column_stack([gradient, region.equalities.T]) * scale[:, None]
    solved = np.linalg.solve(curvature * np.outer(scale, scale), sides) * scale[:, None]
    normal = region.equalities @ solved
    weight = 1 / np.sqrt(np.maximum(np.diag(normal[:, 1:]), 1e-300))
    prices = weight * np.linalg.lstsq(normal[:, 1:] * np.outer(weight, weight), normal[:, 0] * weight, rcond=1e-14)[0]
    step = solved[:, 1:] @ prices - solved[:, 0]
    return step, float(-gradient @ step)


def _longest(x: Array, step: Array, low: Array, high: Array) -> float:
    """The longest part of the step, at most all of it, that stays off the bounds."""
    with np.errstate(divide="ignore"):
        room = np.where(step < 0, (low - x) / step, (high - x) / np.where(step == 0, 1e-300, step))
    return min(1.0, 0.99 * float(room.min()))
