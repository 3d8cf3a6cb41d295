"""A small convex quadratic programme: a box and one equality."""

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array


def quadratic_step(curvature: Array, gradient: Array, lower: Array, upper: Array) -> Array:
    """Minimiser x of gradient.x + x'Hx/2 with sum x = 0 and lower <= x <= upper (0 is feasible), by active sets."""
    m = len(gradient)
    x, side = np.zeros(m), np.zeros(m, dtype=np.int64)
    side[lower >= 0], side[upper <= 0] = -1, 1
    for _ in range(20 * m + 20):
        free = np.flatnonzero(side == 0)
        slope = gradient + curvature @ x
        move, price = _equality_step(curvature, slope, free)
        if len(free) and np.abs(move).max() > 1e-14:
            with np.errstate(divide="ignore", invalid="ignore"):
                room = np.where(
                    move < 0,
                    (lower - x)[free] / move,
                    np.where(move > 0, (upper - x)[free] / move, np.inf),
                )
            blocking = int(np.argmin(room))
            x[free] += min(1.0, float(room[blocking])) * move
            if room[blocking] < 1:
                side[free[blocking]] = -1 if move[blocking] < 0 else 1
                x[free[blocking]] = (
                    lower[free[blocking]] if move[blocking] < 0 else upper[free[blocking]]
                )
                continue
            slope = gradient + curvature @ x
        # a domain held at a bound is let go where the slope pulls it back inside
        wrong = np.where(upper > lower, side * (slope - price), -np.inf)
        worst = int(np.argmax(wrong))
        if wrong[worst] <= 1e-12 * (1 + np.abs(gradient).max()):
            break
        side[worst] = 0
    return x


def _equality_step(curvature: Array, slope: Array, free: NDArray[np.int64]) -> tuple[Array, float]:
    """Newton step of the free domains on the plane sum = 0, and the price of that plane."""
    if len(free) == 0:
        return np.zeros(0), float(np.median(slope))
    if len(free) == 1:
        return np.zeros(1), float(slope[free[0]])
    solved = np.linalg.solve(
        curvature[np.ix_(free, free)], np.stack([slope[free], np.ones(len(free))], axis=1)
    )
    price = solved[:, 0].sum() / solved[:, 1].sum()
    return price * solved[:, 1] - solved[:, 0], float(price)


def entropic_step(
    curvature: Array,
    gradient: Array,
    tau: float,
    prior: Array,
    lower: Array,
    upper: Array,
    start: Array,
) -> Array:
    """Minimiser v of gradient.(v - start) + (v - start)'H(v - start)/2 + tau sum v log(v/prior) in the box, its sum kept, by a
    primal-dual interior point method: the pull's curvature tau/v spans hundreds of orders of magnitude, which no active set outlives."""
    middle, total = (lower + upper) / 2, float(start.sum())
    v = np.clip(start, lower + 0.01 * (middle - lower), upper - 0.01 * (upper - middle))
    low, high = v - lower, upper - v  # kept apart from v, whose digits end where they are small
    below, above, price, complementarity = 1.0 / low, 1.0 / high, 0.0, 1.0
    for _ in range(100):
        slope = gradient + curvature @ (v - start) + tau * (np.log(v / prior) + 1)
        missing = total - v.sum()
        if (
            complementarity < 1e-13
            and abs(missing) < 1e-13
            and np.abs((slope - price - below + above) * low * high).max() < 1e-13
        ):
            break
        aim = 0.1 * complementarity
        hessian = curvature + np.diag(tau / v + below / low + above / high)
        right = -(slope - price - aim / low + aim / high)
        scale = 1 / np.sqrt(np.diag(hessian))  # the diagonal alone is badly scaled, not the problem
        both = scale[:, None] * np.linalg.solve(
            hessian * scale[:, None] * scale,
            np.stack([right, np.ones(len(v))], axis=1) * scale[:, None],
        )
        more = (missing - both[:, 0].sum()) / both[:, 1].sum()
        move = both[:, 0] + more * both[:, 1]
        down = (aim - below * move) / low - below
        up = (aim + above * move) / high - above
        length = min(
            1.0, 0.99 / max(1e-300, float((-move / low).max()), float((move / high).max()))
        )
        other = min(
            1.0, 0.99 / max(1e-300, float((-down / below).max()), float((-up / above).max()))
        )
        low, high = low + length * move, high - length * move
        v = np.where(low < high, lower + low, upper - high)
        price, below, above = price + other * more, below + other * down, above + other * up
        complementarity = float((below @ low + above @ high) / (2 * len(v)))
    dust = v < lower + 1e-9
    balanced = v * np.exp(np.clip((price - slope) / tau, -690, 0))
    return np.where(dust, np.clip(balanced, lower, v), v)
