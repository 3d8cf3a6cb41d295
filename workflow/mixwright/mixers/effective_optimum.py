"""The best mixture of effective-data laws inside a box: a convex programme, solved to a certified gap."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.effective_law import Law
from mixwright.mixture import Array
from mixwright.simplex import settle

EXACT = 1e-9  # nats/token: a gap below this is not looked into any further
SMALLEST = 1e-14  # weights below this count as zero where powers of them are taken


def best_mixture(law: Law, importance: Array, lower: Array, upper: Array) -> tuple[Array, float]:
    """Minimiser (domains,) of sum_k importance_k L_k(w) in the box, and a bound on its distance from the optimum (nats)."""
    chosen = importance > 0
    law = Law(*(part[chosen] for part in vars(law).values()))
    weights = _interior_point(law, importance[chosen], lower, upper)
    return weights, certificate(law, importance[chosen], weights, lower, upper)


def _interior_point(law: Law, importance: Array, lower: Array, upper: Array) -> Array:
    """Log barrier on the box, Newton steps on the plane sum w = 1; powers w^g and barriers of w are easy for each other."""
    free = upper - lower > 1e-12
    room = upper.sum() - lower.sum()
    fraction = (1 - lower.sum()) / room if room > 1e-12 else 0.0
    w = lower + np.clip(fraction, 0, 1) * (upper - lower)
    if not 1e-9 < fraction < 1 - 1e-9 or free.sum() < 2:
        return settle(w, lower, upper)
    barrier = 0.1
    while barrier > 1e-11:
        w = _centre(law, importance, w, lower, upper, free, barrier)
        barrier *= 0.1
    return settle(w, lower, upper)


def _centre(law: Law, importance: Array, w: Array, lower: Array, upper: Array, free: NDArray[np.bool_], barrier: float) -> Array:
    """Newton's method for the objective plus the barrier over the free domains."""
    low, high = lower[free], upper[free]

    def value(x: Array) -> float:
        full = np.where(free, 0.0, lower)
        full[free] = x
        return float(importance @ law.predict(full[None])[0] - barrier * (np.log(x - low) + np.log(high - x)).sum())

    x = w[free]
    for _ in range(50):
        gradient, curvature = _derivatives(law, importance, np.where(free, _put(free, x), lower))
        gradient = gradient[free] - barrier / (x - low) + barrier / (high - x)
        curvature = curvature[np.ix_(free, free)] + np.diag(barrier / (x - low) ** 2 + barrier / (high - x) ** 2)
        # scaled by the distance to the bounds, so that the factorisation keeps its digits near them
        scale = np.minimum(x - low, high - x)
        solve = np.linalg.solve(curvature * np.outer(scale, scale), np.stack([gradient * scale, scale], axis=1)) * scale[:, None]
        step = -solve[:, 0] + solve[:, 1] * solve[:, 0].sum() / solve[:, 1].sum()
        decrement = float(-gradient @ step)
        if decrement < 1e-3 * barrier:
            break
        with np.errstate(divide="ignore"):
            longest = min(1.0, 0.99 * float(np.min(np.where(step < 0, (low - x) / step, (high - x) / np.where(step == 0, 1e-300, step)))))
        here = value(x)
        while longest > 1e-10 and not value(x + longest * step) <= here - 1e-4 * longest * decrement:
            longest /= 2
        if longest <= 1e-10:
            break
        x = x + longest * step
    return np.where(free, _put(free, x), lower)


def _put(free: NDArray[np.bool_], values: Array) -> Array:
    full = np.zeros(len(free))
    full[free] = values
    return full


def _derivatives(law: Law, importance: Array, w: Array) -> tuple[Array, Array]:
    """Gradient (domains,) and Hessian of the objective at positive weights."""
    w = np.maximum(w, SMALLEST)
    effective = law.effective(w[None])[0]
    mu = importance * law.scale * law.power * effective ** (-law.power - 1)
    growth = law.transfer * law.exponent * w ** (law.exponent - 1)  # dS / dw, (targets, domains)
    gradient = importance @ law.linear - mu @ growth
    outer = (growth.T * (mu * (law.power + 1) / effective)) @ growth
    return gradient, outer + np.diag(mu @ (growth * (1 - law.exponent)) / w)


def certificate(law: Law, importance: Array, weights: Array, lower: Array, upper: Array) -> float:
    """A bound on f(weights) - min f: the most that sum_k mu_k (S_k(w') - S_k(w)) - beta.(w' - w) can gain over feasible w'.

    f lies above its linearisation in S because S^(-b) is convex, and the gain is separable and concave in w'. Any multiplier of
    sum w' = 1 gives an upper bound on it, so the answer is valid however far the bisection got.
    """
    mu = importance * law.scale * law.power * law.effective(weights[None])[0] ** (-law.power - 1)
    cost = importance @ law.linear

    def gain(x: Array) -> Array:
        return mu @ (law.transfer * x**law.exponent) - cost * x

    def slope(x: Array) -> Array:
        return mu @ (law.transfer * law.exponent * np.maximum(x, SMALLEST) ** (law.exponent - 1)) - cost

    here, inside = float(gain(weights).sum()), (weights > lower + 1e-9) & (weights < upper - 1e-9)
    below, above = slope(upper).min() - 1.0, slope(lower).max() + 1.0
    price = float(np.median(slope(weights)[inside])) if inside.any() else (below + above) / 2  # at the optimum the free slopes agree
    bound = np.inf
    for _ in range(80):
        x = _where_slope_is(slope, price, lower, upper)
        bound = min(bound, float((gain(x) - price * x).sum() + price))
        below, above = (price, above) if x.sum() > 1 else (below, price)
        if bound - here < EXACT or abs(x.sum() - 1) < 1e-13:
            break
        price = (below + above) / 2
    return max(0.0, bound - here)


def _where_slope_is(slope: Callable[[Array], Array], price: float, lower: Array, upper: Array) -> Array:
    """Each domain's maximiser of gain - price * x in its interval; slopes fall, and bisection in log x reaches tiny weights."""
    low, high = np.log(np.maximum(lower, SMALLEST)), np.log(np.maximum(upper, SMALLEST))
    for _ in range(60):
        middle = (low + high) / 2
        rising = slope(np.exp(middle)) > price
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.clip(np.exp(high), lower, upper)
