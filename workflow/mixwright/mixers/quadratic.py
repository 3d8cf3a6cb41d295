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
                room = np.where(move < 0, (lower - x)[free] / move, np.where(move > 0, (upper - x)[free] / move, np.inf))
            blocking = int(np.argmin(room))
            x[free] += min(1.0, float(room[blocking])) * move
            if room[blocking] < 1:
                side[free[blocking]] = -1 if move[blocking] < 0 else 1
                x[free[blocking]] = lower[free[blocking]] if move[blocking] < 0 else upper[free[blocking]]
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
    solved = np.linalg.solve(curvature[np.ix_(free, free)], np.stack([slope[free], np.ones(len(free))], axis=1))
    price = solved[:, 0].sum() / solved[:, 1].sum()
    return price * solved[:, 1] - solved[:, 0], float(price)
