"""Minimises a weighted sum of convex losses inside bounds and under limits on single losses.

    minimise  sum_k a_k L_k(w)
    subject to  lower <= w <= upper,  sum w = 1,  least_g <= sum_g w <= most_g,  L_k(w) <= M_k

by Newton's method on the objective plus logarithmic barriers,

    sum_k a_k L_k(w) - t (sum log(distance to a bound) + sum_k log(M_k - L_k(w))),

for a barrier t that shrinks tenfold at a time. The bounds are made a box first (see open_box), so
that every step only has to keep a few sums.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.numerics.open_box import OpenBox
from mixwright.numerics.threads import one_thread
from mixwright.simplex.geometry import Groups, settle

BARRIERS = 10.0 ** -np.arange(1, 12)
# The smallest barrier with limits. A smaller one leaves less room below a limit than losses have
# digits, and the multipliers are read off that room.
SHARPEST = 1e-9
# Newton steps at one barrier, at most.
STEPS = 50
# More steps at the last barrier, at most: undamped steps square the multipliers' error.
POLISH = 12


class Losses(Protocol):
    """Convex losses of a mixture, one a target."""

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, targets) losses of (mixtures, domains) weights."""

    def slopes(self, w: Array) -> Array:
        """Returns (targets, domains) gradients at w (domains,), whose weights are positive."""

    def curvature(self, importance: Array, w: Array) -> Array:
        """Returns the (domains, domains) Hessian of importance @ losses at w (domains,)."""


@one_thread
def minimise_inside(
    losses: Losses,
    importance: Array,
    lower: Array,
    upper: Array,
    groups: Groups = (),
    limits: Array | None = None,
    start: Array | None = None,
) -> tuple[Array, Array]:
    """Returns the mixture of least importance @ losses inside bounds and limits.

    Args:
        losses: convex losses of a mixture.
        importance: (targets,) weights of the losses, from 0 on.
        lower: (domains,) floors.
        upper: (domains,) caps.
        groups: bounds of sums of weights.
        limits: (targets,) the most that each loss may be (nats/token), infinite where nothing
            limits it; None where nothing limits any.
        start: (domains,) a mixture inside the bounds that keeps the limits. Without limits none
            is needed.

    Returns:
        The mixture (domains,), and the multipliers (targets,) of the limits: by how much the
        objective would fall for each nat that a limit is raised.
    """
    if limits is None:
        limits = np.full(len(importance), np.inf)
    box = OpenBox.of(lower, upper, groups)
    w = _inside(losses, limits, box.middle, start)
    multipliers = np.zeros(len(importance))
    if box.free_weights < 2:
        return settle(w, lower, upper, groups), multipliers

    limited = np.isfinite(limits).any()
    barriers = BARRIERS
    if limited:
        barriers = BARRIERS[BARRIERS >= SHARPEST / 2]
    for barrier in barriers.tolist():
        problem = _Problem(losses, importance, limits, box, barrier)
        w = problem.centre(w)
    if limited:
        w = problem.polish(w)
        multipliers = problem.barrier / (limits - losses.predict(w[None])[0])
    return settle(w, lower, upper, groups), multipliers


def _inside(losses: Losses, limits: Array, middle: Array, start: Array | None) -> Array:
    """Returns a point off the bounds and within the limits.

    It goes from `start` towards the middle, by halves until it keeps the limits.
    """
    if start is None or not np.isfinite(limits).any():
        return middle
    step = 1.0
    point = start + step * (middle - start)
    while step > 1e-12 and not (losses.predict(point[None])[0] < limits).all():
        step /= 2
        point = start + step * (middle - start)
    return point


@dataclass(frozen=True)
class _Problem:
    """The objective plus the barriers of all bounds and limits."""

    losses: Losses
    # (targets,)
    importance: Array
    # (targets,) nats/token
    limits: Array
    box: OpenBox
    # strength of the barriers, nats/token
    barrier: float

    @cached_property
    def limited(self) -> NDArray[np.int64]:
        """Indices of the targets that have a limit."""
        return np.flatnonzero(np.isfinite(self.limits))

    def losses_at(self, x: Array) -> Array:
        """Returns (targets,) losses at (variables,)."""
        return self.losses.predict(self.box.weights(x)[None])[0]

    def value(self, x: Array) -> float:
        """Returns objective plus barriers; infinite where a limit is not kept."""
        losses = self.losses_at(x)
        room = (self.limits - losses)[self.limited]
        if (room <= 0).any():
            return np.inf
        to_lower = np.log(x - self.box.lower).sum()
        to_upper = np.log(self.box.upper - x).sum()
        logs = to_lower + to_upper + np.log(room).sum()
        return float(self.importance @ losses - self.barrier * logs)

    def centre(self, w: Array) -> Array:
        """Minimises the value from the mixture w (domains,), by damped Newton steps."""
        x = self.box.variables(w)
        value = self.value(x)
        for _ in range(STEPS):
            step, decrement = self.newton_step(x)
            # Written so that a decrement that is no number ends the search too.
            if not decrement >= 1e-3 * self.barrier:
                break
            length = self.longest(x, step)
            trial = self.value(x + length * step)
            while length > 1e-10 and not trial <= value - 1e-4 * length * decrement:
                length /= 2
                trial = self.value(x + length * step)
            if length <= 1e-10:
                break
            x = x + length * step
            value = trial
        return self.box.weights(x)

    def polish(self, w: Array) -> Array:
        """Takes Newton steps near the centre that no longer compare values.

        The values' last digits do not tell better from worse there.
        """
        x = self.box.variables(w)
        for _ in range(POLISH):
            step, decrement = self.newton_step(x)
            if not decrement > 1e-14 * self.barrier:
                break
            length = self.longest(x, step)
            while not (self.losses_at(x + length * step) < self.limits).all():
                length /= 2
            x = x + length * step
        return self.box.weights(x)

    def newton_step(self, x: Array) -> tuple[Array, float]:
        """Returns the Newton step (variables,) that keeps the equalities, and its decrement.

        The decrement is how fast the value falls along the step.
        """
        barrier = self.barrier
        free = self.box.free
        count = self.box.free_weights
        w = self.box.weights(x)
        room = self.limits - self.losses.predict(w[None])[0]
        slopes = self.losses.slopes(w)
        # An infinite limit has no price.
        prices = self.importance + barrier / room

        below = x - self.box.lower
        above = self.box.upper - x
        gradient = barrier / above - barrier / below
        gradient[:count] += (prices @ slopes)[free]
        curvature = np.diag(barrier / below**2 + barrier / above**2)
        bend = self.losses.curvature(prices, w)
        curvature[:count, :count] += bend[np.ix_(free, free)]
        # The limits' own share of the Hessian is barrier * steep' steep.
        limited = np.isfinite(room)
        steep = np.zeros((int(limited.sum()), len(x)))
        steep[:, :count] = (slopes / room[:, None])[limited][:, free]

        # Scaled by the distance to the bounds, so that the factorisation keeps its digits there.
        scale = np.minimum(below, above)
        step = scale * _solve(
            curvature * np.outer(scale, scale),
            gradient * scale,
            self.box.equalities * scale,
            steep * scale,
            barrier,
        )
        return step, float(-gradient @ step)

    def longest(self, x: Array, step: Array) -> float:
        """Returns the longest part of the step, 1 at most, that stays off the bounds."""
        with np.errstate(divide="ignore"):
            falling = (self.box.lower - x) / step
            rising = (self.box.upper - x) / np.where(step == 0, 1e-300, step)
            room = np.where(step < 0, falling, rising)
        return min(1.0, 0.99 * float(room.min()))


def _solve(
    curvature: Array,
    gradient: Array,
    equalities: Array,
    steep: Array,
    barrier: float,
) -> Array:
    """Returns the x of g + (H + barrier S'S) x + E'y = 0 and E x = 0.

    H is the curvature, g the gradient, E the equalities, S the rows of `steep`. These stand in
    the system as equalities that give way, for their squares would drown the rest.
    """
    count = len(gradient)
    unit = float(curvature.diagonal().min())
    rows = np.concatenate([equalities, steep])
    give = np.concatenate([np.zeros(len(equalities)), np.full(len(steep), unit / barrier)])
    size = np.abs(rows).max(axis=1, initial=1e-300)
    rows = rows / size[:, None]
    give = give / size**2
    # The prices of the equalities are taken off first: what is left of the gradient is small.
    equal = rows[: len(equalities)].T
    prices = np.linalg.lstsq(equal, -gradient / unit, rcond=1e-14)[0]
    remaining = -gradient / unit - equal @ prices

    system = np.block([[curvature / unit, rows.T], [rows, -np.diag(give)]])
    side = np.concatenate([remaining, np.zeros(len(rows))])
    try:
        solved = np.linalg.solve(system, side)
    except np.linalg.LinAlgError:
        # So many bounds meet that nothing can move.
        solved = np.linalg.lstsq(system, side, rcond=1e-14)[0]
    return np.asarray(solved[:count])
