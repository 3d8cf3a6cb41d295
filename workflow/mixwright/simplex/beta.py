"""Draws from a Beta distribution that is cut to an interval."""

from collections.abc import Callable

import numpy as np
from scipy.special import betainc, betaincc, betainccinv, betaincinv

from mixwright.mixture import Array


def truncated_beta(a: Array, b: Array, left: Array, right: Array, uniform: Array) -> Array:
    """Returns draws from Beta(a, b) within [left, right], by the inverse of its distribution.

    All arguments have one shape, and so have the draws. Beyond the median the upper tail is
    inverted: each tail keeps the digits of its own end.
    """
    left = np.clip(left, 0, 1)
    right = np.clip(right, 0, 1)
    draws = left.copy()
    open_ = right > left
    a = a[open_]
    b = b[open_]
    low = left[open_]
    high = right[open_]
    uniform = uniform[open_]

    mass_below = betainc(a, b, low)
    tail = mass_below > 0.5
    body = ~tail
    inverted = np.empty_like(low)
    inverted[body] = _between(
        betainc,
        betaincinv,
        a[body],
        b[body],
        mass_below[body],
        high[body],
        uniform[body],
    )
    inverted[tail] = _between(
        betaincc,
        betainccinv,
        a[tail],
        b[tail],
        betaincc(a[tail], b[tail], low[tail]),
        high[tail],
        uniform[tail],
    )
    # An interval may lie so far out that its mass underflows: then its end nearest the mean.
    nearest = np.clip(a / (a + b), low, high)
    inverted = np.where(np.isfinite(inverted), inverted, nearest)
    draws[open_] = np.clip(inverted, low, high)
    return draws


def _between(
    cdf: Callable[..., Array],
    inverse: Callable[..., Array],
    a: Array,
    b: Array,
    start: Array,
    high: Array,
    uniform: Array,
) -> Array:
    """Returns the points where cdf is `uniform` of the way from `start` to its value at `high`."""
    mass = cdf(a, b, high) - start
    return inverse(a, b, start + uniform * mass)
