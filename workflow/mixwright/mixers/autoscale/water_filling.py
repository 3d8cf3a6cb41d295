"""Best budgets where each domain's loss falls as a power law, and how such budgets grow with scale.

AutoScale (arXiv 2407.20177) at one scale:

    minimise  sum_i c_i (n_i + a_i)^(-b_i)
    over      sum_i n_i = N,  lower_i <= n_i <= upper_i

and between scales, from the best amounts n1 and n2 of two of them:

    n_i(t) = n1_i (n2_i / n1_i)^t,  with t such that sum_i n_i(t) = N

    n_i  amount of domain i, tokens (or base amounts)
    N    total, in the same unit
    a_i  offset, in the same unit: what the other domains are worth to domain i's loss
    b_i  exponent, no unit
    c_i  scale of domain i's loss
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

# Steps of a bisection: more than float64 can tell apart.
STEPS = 200


def water_filling(
    offsets: ArrayLike,
    exponents: ArrayLike,
    total: float,
    lower: ArrayLike = 0.0,
    upper: ArrayLike = np.inf,
    scales: ArrayLike = 1.0,
) -> Array:
    """Returns the exact minimiser, (domains,) n.

    At the minimum all domains inside their bounds gain the same, mu, from one more token:
    n_i = clip((c_i b_i / mu)^(1 / (b_i + 1)) - a_i). Bisection finds log mu.

    Args:
        offsets, exponents, scales: (domains,) a, b and c, or one number for all.
        total: N.
        lower, upper: (domains,) bounds of n, or one number for all.

    Raises:
        MixwrightError: no amounts inside the bounds sum to N.
    """
    arrays = np.broadcast_arrays(offsets, exponents, lower, upper, scales)
    a, b, low, high, c = (np.asarray(array, dtype=np.float64) for array in arrays)
    high = np.minimum(high, total)
    if low.sum() > total * (1 + 1e-12) or high.sum() < total * (1 - 1e-12):
        raise MixwrightError(
            f"autoscale: no amounts between {low.sum():.4g} and {high.sum():.4g}"
            f" sum to {total:.4g}; widen the bounds"
        )
    log_gain = np.log(np.maximum(c * b, 1e-300))
    steepness = b + 1

    def amounts(log_mu: float) -> Array:
        log_amounts = (log_gain - log_mu) / steepness
        # 700: so that the exponential stays finite.
        log_amounts = np.minimum(log_amounts, 700.0)
        return np.clip(np.exp(log_amounts) - a, low, high)

    def log_gain_at(n: Array) -> Array:
        log_amounts = np.log(np.maximum(n + a, 1e-300))
        return log_gain - steepness * log_amounts

    # From where every amount is at its upper bound to where every amount is at its lower one.
    left = np.min(log_gain_at(high))
    right = np.max(log_gain_at(low))
    while right - left > 1e-14 * max(1.0, abs(left), abs(right)):
        middle = (left + right) / 2
        if amounts(middle).sum() > total:
            left = middle
        else:
            right = middle
    n = amounts(right)
    free = (n > low) & (n < high)
    if free.any():
        missing = total - n.sum()
        n = n + missing * free / free.sum()
    return np.clip(n, low, high)


def extrapolate(first: ArrayLike, second: ArrayLike, total: float) -> Array:
    """Returns (domains,) n(t) of sum `total`, from the best amounts of two scales.

    Args:
        first, second: (domains,) n1 and n2, tokens, the smaller scale first.
        total: N, tokens.

    Raises:
        MixwrightError: the second scale is not the larger one, an amount is 0, or no n(t) is as
            small as N.
    """
    n1 = np.asarray(first, dtype=np.float64)
    n2 = np.asarray(second, dtype=np.float64)
    if n2.sum() <= n1.sum():
        raise MixwrightError(
            "autoscale: the second scale must hold more tokens than the first;"
            " give perturb two different totals"
        )
    if min(n1.min(), n2.min()) <= 0:
        raise MixwrightError(
            "autoscale: an optimum of 0 tokens has no growth factor; set autoscale.least above 0"
        )
    logs = np.log(n1)
    growth = np.log(n2 / n1)

    def amounts(t: float) -> Array:
        return np.exp(logs + t * growth)

    def falling(t: float) -> bool:
        return bool(amounts(t) @ growth < 0)

    def too_few(t: float) -> bool:
        return bool(amounts(t).sum() < total)

    # The sum is convex in t: it grows from its lowest point on, and a smaller total has no answer.
    fastest = float(np.abs(growth).max())
    lowest = _bisect(-60.0 / max(fastest, 1e-3), 1.0, falling)
    if amounts(lowest).sum() > total:
        raise MixwrightError(
            f"autoscale: no scale of these two optima is as small as {total:.4g} tokens;"
            " ask for more tokens"
        )
    t = _bisect(lowest, 60.0 / float(growth.max()), too_few)
    return amounts(t)


def _bisect(low: float, high: float, below: Callable[[float], bool]) -> float:
    """Where `below` turns false between `low` and `high`, from the upper side."""
    for _ in range(STEPS):
        middle = (low + high) / 2
        if below(middle):
            low = middle
        else:
            high = middle
    return high
