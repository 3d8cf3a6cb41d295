"""Minimises a weighted sum of convex losses inside bounds and under limits on single losses.

    minimise  sum_k a_k L_k(w)
    subject to  lower <= w <= upper,  sum w = 1,  least_g <= sum_g w <= most_g,  L_k(w) <= M_k

by Newton's method on the objective plus logarithmic barriers,

    sum_k a_k L_k(w) - t (sum log(distance to a bound) + sum_k log(M_k - L_k(w))),

for a barrier t that shrinks at every round. Its curvature at a distance d is t / d^2, or price / d
with the price t / d that the distance has at the minimum. Steps take the latter, with prices that
are unknowns of their own (primal-dual: Nocedal and Wright, Numerical Optimization, chapter 19).
Then t shrinks a hundredfold, and the next minimum is a few steps away. Limits bend, and prices from
elsewhere point out of them: with limits t / d stands for the prices, and t shrinks tenfold. The
bounds are made a box first (see open_box), so that every step only has to keep a few sums.
"""

from dataclasses import dataclass, replace
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
# A barrier is done when the value falls by less along a step, in barriers.
ROUGH = 0.3
ROUGH_IN_LIMITS = 1e-3
# The same of the last barrier.
FINE = 1e-6
# How many times a price may be that which is its due at the minimum, and the other way round.
FAR = 100.0
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
    barriers = BARRIERS[::2]
    rough = ROUGH
    if limited:
        barriers = BARRIERS[BARRIERS >= SHARPEST / 2]
        rough = ROUGH_IN_LIMITS
    problem = _Problem(losses, importance, limits, box, float(barriers[0]))
    prices = problem.due(problem.distances(box.variables(w)))
    for barrier in barriers.tolist():
        problem = replace(problem, barrier=barrier)
        enough = rough
        if barrier == barriers[-1]:
            enough = FINE
        w, prices = problem.centre(w, prices, enough)
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

    def distances(self, x: Array) -> Array:
        """Returns how far (variables,) are from their lower bounds, upper bounds and limits.

        They are side by side, (2 variables + targets,).
        """
        room = self.limits - self.losses_at(x)
        return np.concatenate([x - self.box.lower, self.box.upper - x, room])

    def due(self, distances: Array) -> Array:
        """Returns the prices of distances at the minimum. An infinite limit has no price."""
        return self.barrier / distances

    def centre(self, w: Array, prices: Array, enough: float) -> tuple[Array, Array]:
        """Minimises the value from the mixture w (domains,), by damped Newton steps.

        Args:
            w: the mixture.
            prices: of the distances there.
            enough: a decrement under so many barriers ends the search.

        Returns:
            The mixture and the prices at the minimum.
        """
        x = self.box.variables(w)
        value = self.value(x)
        for _ in range(STEPS):
            distances = self.distances(x)
            due = self.due(distances)
            prices = np.clip(prices, due / FAR, due * FAR)
            if len(self.limited):
                prices = due
            step, change, decrement = self.newton_step(x, distances, prices)
            # Written so that a decrement that is no number ends the search too.
            if not decrement >= enough * self.barrier:
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
            moved = due - prices * change / distances
            prices = np.maximum(moved, 0.01 * prices)
        return self.box.weights(x), prices

    def polish(self, w: Array) -> Array:
        """Takes Newton steps near the centre that no longer compare values.

        The values' last digits do not tell better from worse there.
        """
        x = self.box.variables(w)
        for _ in range(POLISH):
            distances = self.distances(x)
            step, _, decrement = self.newton_step(x, distances, self.due(distances))
            if not decrement > 1e-14 * self.barrier:
                break
            length = self.longest(x, step)
            while not (self.losses_at(x + length * step) < self.limits).all():
                length /= 2
            x = x + length * step
        return self.box.weights(x)

    def newton_step(self, x: Array, distances: Array, prices: Array) -> tuple[Array, Array, float]:
        """Returns the Newton step (variables,) that keeps the equalities.

        With it come the change of the distances along it and its decrement: how fast the value
        falls. The prices of the distances give the barriers' curvature.
        """
        free = self.box.free
        count = self.box.free_weights
        variables = len(x)
        w = self.box.weights(x)
        slopes = self.losses.slopes(w)
        pull_up, pull_down, pull = _parts(self.due(distances), variables)
        below, above, room = _parts(distances, variables)
        of_lower, of_upper, of_limits = _parts(prices, variables)

        gradient = pull_down - pull_up
        gradient[:count] += ((self.importance + pull) @ slopes)[free]
        curvature = np.diag(of_lower / below + of_upper / above)
        bend = self.losses.curvature(self.importance + of_limits, w)
        curvature[:count, :count] += bend[np.ix_(free, free)]
        # The limits' own share of the Hessian is steep' diag(price * room) steep.
        limited = self.limited
        steep = np.zeros((len(limited), variables))
        steep[:, :count] = slopes[limited][:, free] / room[limited, None]

        # Scaled by the distance to the bounds, so that the factorisation keeps its digits there.
        scale = np.minimum(below, above)
        step = scale * _solve(
            curvature * np.outer(scale, scale),
            gradient * scale,
            self.box.equalities * scale,
            steep * scale,
            of_limits[limited] * room[limited],
        )
        rise = slopes[:, free] @ step[:count]
        change = np.concatenate([step, -step, -rise])
        return step, change, float(-gradient @ step)

    def longest(self, x: Array, step: Array) -> float:
        """Returns the longest part of the step, 1 at most, that stays off the bounds."""
        with np.errstate(divide="ignore"):
            falling = (self.box.lower - x) / step
            rising = (self.box.upper - x) / np.where(step == 0, 1e-300, step)
            room = np.where(step < 0, falling, rising)
        return min(1.0, 0.99 * float(room.min()))


def _parts(values: Array, variables: int) -> tuple[Array, Array, Array]:
    """Returns those of the lower bounds, upper bounds and limits, which stand side by side."""
    both = 2 * variables
    return values[:variables], values[variables:both], values[both:]


def _solve(
    curvature: Array,
    gradient: Array,
    equalities: Array,
    steep: Array,
    strength: Array,
) -> Array:
    """Returns the x of g + (H + S' diag(strength) S) x + E'y = 0 and E x = 0.

    H is the curvature, g the gradient, E the equalities, S the rows of `steep`. These stand in
    the system as equalities that give way, for their squares would drown the rest.
    """
    count = len(gradient)
    unit = float(curvature.diagonal().min())
    rows = np.concatenate([equalities, steep])
    give = np.concatenate([np.zeros(len(equalities)), unit / strength])
    size = np.abs(rows).max(axis=1, initial=1e-300)
    rows = rows / size[:, None]
    give = give / size**2
    # The prices of the equalities are taken off first: what is left of the gradient is small.
    equal = rows[: len(equalities)].T
    prices = np.linalg.lstsq(equal, -gradient / unit, rcond=1e-14)[0]
    remaining = -gradient / unit - equal @ prices

    both = count + len(rows)
    system = np.zeros((both, both))
    system[:count, :count] = curvature / unit
    system[:count, count:] = rows.T
    system[count:, :count] = rows
    system[count:, count:] = -np.diag(give)
    side = np.zeros(both)
    side[:count] = remaining
    try:
        solved = np.linalg.solve(system, side)
    except np.linalg.LinAlgError:
        # So many bounds meet that nothing can move.
        solved = np.linalg.lstsq(system, side, rcond=1e-14)[0]
    return np.asarray(solved[:count])
