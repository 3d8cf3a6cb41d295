"""Minimise a weighted sum of convex losses inside bounds and under limits on single losses, by Newton's method and log barriers."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.simplex.geometry import Groups, settle

EDGE = 1e-13  # a weight with less room than this on one side is no variable
BARRIERS = 10.0 ** -np.arange(1, 12)
SHARPEST = 1e-9  # with limits: a smaller barrier leaves less room than losses have digits, and the multipliers are read off that room
POLISH = 12  # more steps at the last barrier, at most: undamped ones square the multipliers' error


class Losses(Protocol):
    """Convex losses of a mixture, one a target."""

    def predict(self, weights: Array) -> Array: ...  # (mixtures, domains) -> (mixtures, targets)

    def slopes(
        self, w: Array
    ) -> Array: ...  # gradients (targets, domains) at w (domains,), of positive weights

    def curvature(
        self, importance: Array, w: Array
    ) -> Array: ...  # Hessian (domains, domains) of importance @ losses


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
        member = np.array(
            [[float(i in group.members) for i in range(len(lower))] for group in groups]
        ).reshape(len(groups), len(lower))
        alone = member.sum(axis=0) == 0
        least = np.maximum(member @ lower, [group.lower for group in groups])
        most = np.maximum(np.minimum(member @ upper, [group.upper for group in groups]), least)
        share = _share(
            1.0, np.concatenate([least, lower[alone]]), np.concatenate([most, upper[alone]])
        )
        sums, middle = least + share * (most - least), lower + share * (upper - lower)
        for total, inside in zip(sums, member > 0, strict=True):
            middle[inside] = (
                lower[inside]
                + _share(total, lower[inside], upper[inside]) * (upper - lower)[inside]
            )
        free = np.minimum(middle - lower, upper - middle) > EDGE
        loose = np.minimum(sums - least, most - sums) > EDGE
        rows = np.concatenate([np.ones((1, len(lower))), member])[:, free]
        equalities = np.hstack(
            [rows, np.vstack([np.zeros((1, int(loose.sum()))), -np.eye(len(groups))[:, loose]])]
        )
        kept = np.concatenate(
            [[bool((free & alone).any() or loose.any())], member @ free > 0]
        )  # tight groups of all imply the first
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


def minimise_inside(
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
        barriers = BARRIERS[BARRIERS >= SHARPEST / 2] if np.isfinite(limits).any() else BARRIERS
        for barrier in barriers.tolist():
            w = _centre(losses, importance, limits, w, region, barrier)
        if np.isfinite(limits).any():
            w = _polish(losses, importance, limits, w, region, barrier)
            multipliers = barrier / (limits - losses.predict(w[None])[0])
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
    while (
        step > 1e-12
        and not (losses.predict((start + step * (middle - start))[None])[0] < limits).all()
    ):
        step /= 2
    return start + step * (middle - start)


def _centre(
    losses: Losses, importance: Array, limits: Array, w: Array, region: Region, barrier: float
) -> Array:
    """Newton's method for the objective plus the barrier."""
    low, high, limited = region.lower, region.upper, np.flatnonzero(np.isfinite(limits))

    def value(x: Array) -> float:
        found = losses.predict(region.weights(x)[None])[0]
        room = (limits - found)[limited]
        if (room <= 0).any():
            return np.inf
        return float(
            importance @ found
            - barrier * (np.log(x - low).sum() + np.log(high - x).sum() + np.log(room).sum())
        )

    x = region.variables(w)
    here = value(x)
    for _ in range(50):
        step, decrement = _step(losses, importance, limits, region, x, barrier)
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


def _polish(
    losses: Losses, importance: Array, limits: Array, w: Array, region: Region, barrier: float
) -> Array:
    """Newton steps near the centre, where the values' last digits no longer tell better from worse."""
    x = region.variables(w)
    for _ in range(POLISH):
        step, decrement = _step(losses, importance, limits, region, x, barrier)
        if not decrement > 1e-14 * barrier:
            break
        length = _longest(x, step, region.lower, region.upper)
        while not (losses.predict(region.weights(x + length * step)[None])[0] < limits).all():
            length /= 2
        x = x + length * step
    return region.weights(x)


def _step(
    losses: Losses, importance: Array, limits: Array, region: Region, x: Array, barrier: float
) -> tuple[Array, float]:
    """The Newton step (variables,) of objective plus barrier within the equalities, and how fast the value falls along it."""
    w, count = region.weights(x), int(region.free.sum())
    room = limits - losses.predict(w[None])[0]
    slopes, prices = losses.slopes(w), importance + barrier / room  # an infinite limit has no price
    below, above = x - region.lower, region.upper - x
    gradient, curvature = (
        barrier / above - barrier / below,
        np.diag(barrier / below**2 + barrier / above**2),
    )
    gradient[:count] += (prices @ slopes)[region.free]
    curvature[:count, :count] += losses.curvature(prices, w)[np.ix_(region.free, region.free)]
    steep = np.zeros(
        (int(np.isfinite(room).sum()), len(x))
    )  # the limits' share of the Hessian is barrier * steep' steep
    steep[:, :count] = (slopes / room[:, None])[np.isfinite(room)][:, region.free]
    # scaled by the distance to the bounds, so that the factorisation keeps its digits near them
    scale = np.minimum(below, above)
    step = scale * _solve(
        curvature * np.outer(scale, scale),
        gradient * scale,
        region.equalities * scale,
        steep * scale,
        barrier,
    )
    return step, float(-gradient @ step)


def _solve(
    curvature: Array, gradient: Array, equalities: Array, steep: Array, barrier: float
) -> Array:
    """The x of gradient + (curvature + barrier steep' steep) x + equalities' y = 0 and equalities x = 0, steep rows as equalities that
    give way, for their squares would drown the rest."""
    count, unit = len(gradient), float(curvature.diagonal().min())
    rows, give = (
        np.concatenate([equalities, steep]),
        np.concatenate([np.zeros(len(equalities)), np.full(len(steep), unit / barrier)]),
    )
    size = np.abs(rows).max(axis=1, initial=1e-300)
    rows, give = rows / size[:, None], give / size**2
    held = rows[: len(equalities)].T
    prices = np.linalg.lstsq(held, -gradient / unit, rcond=1e-14)[
        0
    ]  # taken off first: what is left of the gradient is small
    system = np.block([[curvature / unit, rows.T], [rows, -np.diag(give)]])
    side = np.concatenate([-gradient / unit - held @ prices, np.zeros(len(rows))])
    try:
        return np.asarray(np.linalg.solve(system, side)[:count])
    except np.linalg.LinAlgError:  # so many bounds meet that nothing can move
        return np.asarray(np.linalg.lstsq(system, side, rcond=1e-14)[0][:count])


def _longest(x: Array, step: Array, low: Array, high: Array) -> float:
    """The longest part of the step, at most all of it, that stays off the bounds."""
    with np.errstate(divide="ignore"):
        room = np.where(step < 0, (low - x) / step, (high - x) / np.where(step == 0, 1e-300, step))
    return min(1.0, 0.99 * float(room.min()))
