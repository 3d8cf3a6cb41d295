"""The best mixture of effective-data laws inside bounds and limits: a convex programme, solved to a certified gap."""

from collections.abc import Callable
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.law import SMALLEST, Law
from mixwright.mixture import Array
from mixwright.numerics.interior_point import Losses, minimise_inside
from mixwright.simplex.geometry import Groups

EXACT = 1e-9  # nats/token: a gap below this is not looked into any further
PRICES = 80  # bisections of a price; any price gives a valid bound


# bounds f(weights) - min f, of (laws, importance, weights, lower, upper, groups)
Certify = Callable[..., float]


class Laws(Losses, Protocol):
    """Convex laws of a mixture, one a target."""

    def only(self, chosen: NDArray[np.bool_]) -> Self:
        """Those of some targets."""
        ...


def best_mixture(
    laws: Laws,
    importance: Array,
    lower: Array,
    upper: Array,
    groups: Groups = (),
    limits: Array | None = None,
    start: Array | None = None,
    certify: Certify | None = None,
) -> tuple[Array, float]:
    """Minimiser (domains,) of sum_k importance_k L_k(w) inside, with L_k(w) <= limits_k (`start` keeps them), and a bound on its
    distance from the optimum (nats), by `certify` (that of effective-data laws where none is named).

    With limits the bound is the Lagrangian's, a weighted sum of laws too: its certificate plus what the multipliers hold of slack.
    """
    limits = np.full(len(importance), np.inf) if limits is None else limits
    chosen = (importance > 0) | np.isfinite(limits)
    laws, importance, limits = laws.only(chosen), importance[chosen], limits[chosen]
    weights, multipliers = minimise_inside(laws, importance, lower, upper, groups, limits, start)
    bound: Certify = certificate if certify is None else certify
    gap = bound(laws, importance + multipliers, weights, lower, upper, groups)
    limited = np.isfinite(limits)
    slack = (limits - laws.predict(weights[None])[0])[limited]
    return weights, max(0.0, gap + float(multipliers[limited] @ slack))


def certificate(
    law: Law, importance: Array, weights: Array, lower: Array, upper: Array, groups: Groups = ()
) -> float:
    """A bound on f(weights) - min f: the most that sum_k mu_k (S_k(w') - S_k(w)) - beta.(w' - w) can gain over feasible w'.

    f lies above its linearisation in S because S^(-b) is convex, and the gain is separable and concave in w'. Any multipliers of
    sum w' = 1 and of the groups' sums give an upper bound on it, so the answer is valid however far the bisections got.
    """
    mu, cost = importance * law.worth(weights), importance @ law.linear

    def gain(x: Array) -> Array:
        return mu @ law.terms(x) - cost * x

    def slope(x: Array) -> Array:
        return mu @ law.growth(x) - cost

    def best(price: Array) -> Array:
        return _where_slope_is(slope, price, lower, upper)

    def bound_at(price: float, prices: Array) -> tuple[float, float]:
        """The bound at a price of the mixture and one of each domain (its group's, where that has its own), and the sum of their w'."""
        x = best(prices)
        total, bound = float(x.sum()), float((gain(x) - prices * x).sum() + price)
        for group in (
            groups
        ):  # one whose price is its own holds its limit, whatever x is at a price where it jumps
            own = float(prices[group.members[0]]) - price
            limit = group.upper if own > 0 else group.lower
            bound += own * limit
            total += limit - float(x[list(group.members)].sum()) if own else 0.0
        return bound, total

    here = float(gain(weights).sum())
    price, prices = _agreed_prices(slope(weights), weights, lower, upper, groups)
    bound = bound_at(price, prices)[0]
    if bound - here < EXACT:
        return max(0.0, bound - here)
    below, above = slope(upper).min() - 1.0, slope(lower).max() + 1.0
    least, most = _group_prices(best, below, above, len(weights), groups)
    for _ in range(PRICES):
        price = (below + above) / 2
        found, total = bound_at(price, np.clip(price, least, most))
        bound = min(bound, found)
        below, above = (price, above) if total > 1 else (below, price)
        if bound - here < EXACT or (abs(total - 1) < 1e-13 and not groups):
            break
    return max(0.0, bound - here)


def _agreed_prices(
    slopes: Array, weights: Array, lower: Array, upper: Array, groups: Groups
) -> tuple[float, Array]:
    """The mixture's price and the domains' (domains,) that `weights` suggest: at the optimum the free slopes agree, and those inside a
    group at its limit agree on another price."""
    inside, loose, own = (
        (weights > lower + 1e-9) & (weights < upper - 1e-9),
        np.ones(len(weights), dtype=bool),
        {},
    )
    for group in groups:
        members = list(group.members)
        if not group.lower + 1e-9 < weights[members].sum() < group.upper - 1e-9:
            loose[members] = False
            own[group] = slopes[members][inside[members]]
    free = slopes[inside & loose]
    price = float(np.median(free)) if len(free) else float(np.median(slopes))
    prices = np.full(len(weights), price)
    for group, found in own.items():
        prices[list(group.members)] = np.median(found) if len(found) else price
    return price, prices


def _group_prices(
    best: Callable[[Array], Array], below: float, above: float, domains: int, groups: Groups
) -> tuple[Array, Array]:
    """(domains,) least and most prices: those at which a domain's group has its greatest and its least sum."""
    member = np.array(
        [[float(i in group.members) for i in range(domains)] for group in groups]
    ).reshape(len(groups), domains)
    limits = np.array([[group.upper, group.lower] for group in groups]).reshape(len(groups), 2)
    found = []
    for side, open_end in ((0, -np.inf), (1, np.inf)):
        low, high = np.full(len(groups), below), np.full(len(groups), above)
        for _ in range(PRICES if groups else 0):
            middle = (low + high) / 2
            much = member @ best(middle @ member) > limits[:, side]
            low, high = np.where(much, middle, low), np.where(much, high, middle)
        prices = np.full(domains, open_end)
        for group, price in zip(groups, high, strict=True):
            prices[list(group.members)] = price
        found.append(prices)
    return found[0], found[1]


def _where_slope_is(
    slope: Callable[[Array], Array], price: Array, lower: Array, upper: Array
) -> Array:
    """Each domain's maximiser of gain - price * x in its interval; slopes fall, and bisection in log x reaches tiny weights."""
    low, high = np.log(np.maximum(lower, SMALLEST)), np.log(np.maximum(upper, SMALLEST))
    for _ in range(60):
        middle = (low + high) / 2
        rising = slope(np.exp(middle)) > price
        low, high = np.where(rising, middle, low), np.where(rising, high, middle)
    return np.clip(np.exp(high), lower, upper)
