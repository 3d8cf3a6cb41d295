"""Budgets between domains whose losses fall as separate power laws, and how such budgets grow with scale (arXiv 2407.20177)."""

import numpy as np
from numpy.typing import ArrayLike

from mixwright.errors import MixwrightError
from mixwright.mixture import Array


def water_filling(
    offsets: ArrayLike,
    exponents: ArrayLike,
    total: float,
    lower: ArrayLike = 0.0,
    upper: ArrayLike = np.inf,
    scales: ArrayLike = 1.0,
) -> Array:
    """Exact minimiser (domains,) of sum_i c_i (n_i + a_i)^(-b_i) with sum n = total and lower <= n <= upper.

    n_i = clip((c_i b_i / mu)^(1 / (b_i + 1)) - a_i), with mu found by bisection of its logarithm.
    """
    a, b, low, high, c = (
        np.asarray(x, dtype=np.float64)
        for x in np.broadcast_arrays(offsets, exponents, lower, upper, scales)
    )
    high = np.minimum(high, total)
    if low.sum() > total * (1 + 1e-12) or high.sum() < total * (1 - 1e-12):
        raise MixwrightError(
            f"autoscale: no amounts between {low.sum():.4g} and {high.sum():.4g} sum to {total:.4g}; widen the bounds"
        )
    slope, steepness = np.log(np.maximum(c * b, 1e-300)), b + 1

    def amounts(log_mu: float) -> Array:
        return np.clip(np.exp(np.minimum((slope - log_mu) / steepness, 700.0)) - a, low, high)

    # every amount at its upper bound, and every amount at its lower one
    left, right = (
        pick(slope - steepness * np.log(np.maximum(n + a, 1e-300)))
        for n, pick in ((high, np.min), (low, np.max))
    )
    while right - left > 1e-14 * max(1.0, abs(left), abs(right)):
        middle = (left + right) / 2
        left, right = (middle, right) if amounts(middle).sum() > total else (left, middle)
    found = amounts(right)
    free = (found > low) & (found < high)
    missing = total - found.sum()
    return np.clip(found + (missing * free / free.sum() if free.any() else 0.0), low, high)


def extrapolate(first: ArrayLike, second: ArrayLike, total: float) -> Array:
    """AutoScale's amounts (domains,) n1_i (n2_i / n1_i)^t, at the real t where they sum to `total`."""
    n1, n2 = (np.asarray(n, dtype=np.float64) for n in (first, second))
    if n2.sum() <= n1.sum():
        raise MixwrightError(
            "autoscale: the second scale must hold more tokens than the first; give perturb two different totals"
        )
    if min(n1.min(), n2.min()) <= 0:
        raise MixwrightError(
            "autoscale: an optimum of 0 tokens has no growth factor; set autoscale.least above 0"
        )
    growth = np.log(n2 / n1)

    def amounts(t: float) -> Array:
        return np.exp(np.log(n1) + t * growth)

    # the sum is convex in t: from its lowest point on it grows, and totals below that point have no answer
    left, right = -60.0 / max(float(np.abs(growth).max()), 1e-3), 60.0 / float(growth.max())
    low, high = left, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if amounts(middle) @ growth < 0 else (low, middle)
    left = high
    if amounts(left).sum() > total:
        raise MixwrightError(
            f"autoscale: no scale of these two optima is as small as {total:.4g} tokens; ask for more tokens"
        )
    for _ in range(200):
        middle = (left + right) / 2
        left, right = (middle, right) if amounts(middle).sum() < total else (left, middle)
    return amounts(right)
