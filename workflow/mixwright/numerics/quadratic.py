"""Small convex programmes over a box with a fixed sum: Newton steps of the solvers above them.

`quadratic_step` solves a quadratic programme by active sets. `entropic_step` adds an entropy
term, tau sum v log(v / prior), and solves by an interior point method.
"""

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# Below this an entropic step's residuals count as 0.
DONE = 1e-13


def quadratic_step(curvature: Array, gradient: Array, lower: Array, upper: Array) -> Array:
    """Minimises g.x + x'Hx / 2 with sum x = 0 and lower <= x <= upper, by active sets.

    Args:
        curvature: H (domains, domains), positive definite.
        gradient: g (domains,).
        lower: (domains,), nowhere above 0, so that x = 0 is feasible.
        upper: (domains,), nowhere below 0.

    Returns:
        x (domains,).
    """
    m = len(gradient)
    x = np.zeros(m)
    # Of each domain: -1 held at its lower bound, 1 at its upper one, 0 free.
    side = np.zeros(m, dtype=np.int64)
    side[lower >= 0] = -1
    side[upper <= 0] = 1
    for _ in range(20 * m + 20):
        free = np.flatnonzero(side == 0)
        slope = gradient + curvature @ x
        move, price = _equality_step(curvature, slope, free)
        if len(free) and np.abs(move).max() > 1e-14:
            room = _room(move, (lower - x)[free], (upper - x)[free])
            blocking = int(np.argmin(room))
            x[free] += min(1.0, float(room[blocking])) * move
            if room[blocking] < 1:
                blocked = free[blocking]
                if move[blocking] < 0:
                    side[blocked] = -1
                    x[blocked] = lower[blocked]
                else:
                    side[blocked] = 1
                    x[blocked] = upper[blocked]
                continue
            slope = gradient + curvature @ x
        # A domain held at a bound is let go where the slope pulls it back inside.
        pull = np.where(upper > lower, side * (slope - price), -np.inf)
        worst = int(np.argmax(pull))
        if pull[worst] <= 1e-12 * (1 + np.abs(gradient).max()):
            break
        side[worst] = 0
    return x


def _room(move: Array, to_lower: Array, to_upper: Array) -> Array:
    """Returns how many times `move` fits between each free domain and the bound it moves to."""
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = np.where(move > 0, to_upper / move, np.inf)
        return np.where(move < 0, to_lower / move, rising)


def _equality_step(
    curvature: Array,
    slope: Array,
    free: NDArray[np.int64],
) -> tuple[Array, float]:
    """Returns the Newton step of the free domains on the plane sum = 0, and the plane's price.

    The price is the multiplier of sum = 0: the slope that all free domains share afterwards.
    """
    if len(free) == 0:
        return np.zeros(0), float(np.median(slope))
    if len(free) == 1:
        return np.zeros(1), float(slope[free[0]])
    sides = np.stack([slope[free], np.ones(len(free))], axis=1)
    solved = np.linalg.solve(curvature[np.ix_(free, free)], sides)
    newton = solved[:, 0]
    along_price = solved[:, 1]
    price = newton.sum() / along_price.sum()
    return price * along_price - newton, float(price)


def entropic_step(
    curvature: Array,
    gradient: Array,
    tau: float,
    prior: Array,
    lower: Array,
    upper: Array,
    start: Array,
) -> Array:
    """Minimises g.(v - s) + (v - s)'H(v - s) / 2 + tau sum v log(v / prior) in a box, sum kept.

    A primal-dual interior point method: the entropy's curvature tau / v spans hundreds of
    orders of magnitude, and an active set method does not survive that.

    Args:
        curvature: H (domains, domains), without the entropy's part.
        gradient: g (domains,), without the entropy's part.
        tau: strength of the entropy term, above 0.
        prior: (domains,) above 0.
        lower: (domains,) lower bounds of v.
        upper: (domains,) upper bounds of v.
        start: s (domains,), inside the box.

    Returns:
        v (domains,), with the sum of `start`.
    """
    middle = (lower + upper) / 2
    total = float(start.sum())
    lowest = lower + 0.01 * (middle - lower)
    highest = upper - 0.01 * (upper - middle)
    v = np.clip(start, lowest, highest)
    # The distances to the bounds are kept apart from v, whose digits end where they are small.
    low = v - lower
    high = upper - v
    # Multipliers of the lower and upper bounds, and of the sum.
    below = 1.0 / low
    above = 1.0 / high
    price = 0.0
    complementarity = 1.0
    for _ in range(100):
        entropy_slope = tau * (np.log(v / prior) + 1)
        slope = gradient + curvature @ (v - start) + entropy_slope
        missing = total - v.sum()
        if complementarity < DONE and abs(missing) < DONE:
            balance = slope - price - below + above
            if np.abs(balance * low * high).max() < DONE:
                break

        aim = 0.1 * complementarity
        bend = tau / v + below / low + above / high
        hessian = curvature + np.diag(bend)
        downhill = -(slope - price - aim / low + aim / high)
        move, price_move = _newton_move(hessian, downhill, missing)
        below_move = (aim - below * move) / low - below
        above_move = (aim + above * move) / high - above
        length = _longest(-move / low, move / high)
        dual_length = _longest(-below_move / below, -above_move / above)

        low = low + length * move
        high = high - length * move
        v = np.where(low < high, lower + low, upper - high)
        price = price + dual_length * price_move
        below = below + dual_length * below_move
        above = above + dual_length * above_move
        products = below @ low + above @ high
        complementarity = float(products / (2 * len(v)))
    return _without_barrier(v, lower, (price - slope) / tau)


def _without_barrier(v: Array, lower: Array, log_factor: Array) -> Array:
    """Returns v with the weights near their floor as low as the objective has them.

    The barrier holds them up. They are read off their own balance of slope and price, which
    `log_factor` (domains,) is.
    """
    dust = v < lower + 1e-9
    balanced = v * np.exp(np.clip(log_factor, -690, 0))
    return np.where(dust, np.clip(balanced, lower, v), v)


def _newton_move(hessian: Array, downhill: Array, missing: float) -> tuple[Array, float]:
    """Returns the step of the variables that also adds `missing` to their sum, and the price's."""
    # Only the diagonal is badly scaled, not the problem: dividing by its root mends that.
    scale = 1 / np.sqrt(np.diag(hessian))
    sides = np.stack([downhill, np.ones(len(downhill))], axis=1)
    scaled_hessian = hessian * scale[:, None] * scale
    scaled_sides = sides * scale[:, None]
    solved = scale[:, None] * np.linalg.solve(scaled_hessian, scaled_sides)
    newton = solved[:, 0]
    along_price = solved[:, 1]
    price_move = (missing - newton.sum()) / along_price.sum()
    return newton + price_move * along_price, price_move


def _longest(first: Array, second: Array) -> float:
    """Returns the share of a step, 1 at most, that uses 99 % of the room of every variable.

    `first` and `second` are the shares of its room that the whole step would use.
    """
    fastest = max(1e-300, float(first.max()), float(second.max()))
    return min(1.0, 0.99 / fastest)
