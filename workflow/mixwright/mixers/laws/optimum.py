"""The best mixture of effective-data laws inside bounds and limits, with a certificate.

    minimise  f(w) = sum_k a_k L_k(w)   inside bounds,  with L_k(w) <= M_k where a limit is set

The programme is convex. Its usual certificate, the Frank-Wolfe gap, is useless here: the gradient
is infinite at w_i = 0. But f lies above its linearisation in the effective data S_k, because
S^(-b) is convex. So for every w' inside

    f(w) - f(w') <= sum_k mu_k (S_k(w') - S_k(w)) - sum_k a_k beta_k.(w' - w),
    mu_k = a_k A_k b_k S_k(w)^(-b_k - 1)

and the greatest right side over w' bounds what w misses. It is separable and concave in w'. By
duality any prices (multipliers) of sum w' = 1 and of the groups' sums give a bound on it, so the
result is valid however far the bisections of the prices got.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.law import SMALLEST, Law
from mixwright.mixture import Array
from mixwright.numerics.interior_point import Losses, minimise_inside
from mixwright.simplex.bounds import membership
from mixwright.simplex.geometry import Groups

# A gap below this, in nats/token, is not made tighter.
EXACT = 1e-9
# Bisections of a price: any price gives a valid bound.
PRICES = 80
# Bisections of a weight's logarithm.
WEIGHTS = 60
# A weight or sum this near its limit counts as at the limit.
TOUCHING = 1e-9


# Bounds f(weights) - min f, of (laws, importance, weights, lower, upper, groups)
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
    """Returns the mixture of least importance @ losses, and a bound on what it misses.

    With limits the bound is the Lagrangian's, a weighted sum of laws too: its certificate plus the
    slack of the limits times their multipliers.

    Args:
        laws: of all targets.
        importance: (targets,) weights of the losses.
        lower: (domains,) floors.
        upper: (domains,) caps.
        groups: bounds of sums of weights.
        limits: (targets,) the greatest losses allowed (nats/token), infinite where none is set.
        start: (domains,) a mixture inside that keeps the limits; needed where there are any.
        certify: bounds f(w) - min f; that of effective-data laws where none is named.

    Returns:
        The mixture (domains,) and the bound, nats/token.
    """
    if limits is None:
        limits = np.full(len(importance), np.inf)
    chosen = (importance > 0) | np.isfinite(limits)
    laws = laws.only(chosen)
    importance = importance[chosen]
    limits = limits[chosen]
    weights, multipliers = minimise_inside(laws, importance, lower, upper, groups, limits, start)
    bound: Certify = certificate if certify is None else certify
    gap = bound(laws, importance + multipliers, weights, lower, upper, groups)
    limited = np.isfinite(limits)
    slack = (limits - laws.predict(weights[None])[0])[limited]
    return weights, max(0.0, gap + float(multipliers[limited] @ slack))


def certificate(
    law: Law,
    importance: Array,
    weights: Array,
    lower: Array,
    upper: Array,
    groups: Groups = (),
) -> float:
    """Returns a bound on f(weights) - min f, nats/token, for f = importance @ losses.

    Args:
        law: of the targets.
        importance: (targets,) weights of the losses.
        weights: (domains,) a mixture inside.
        lower: (domains,) floors.
        upper: (domains,) caps.
        groups: bounds of sums of weights.
    """
    gain = _Gain(
        law=law,
        mu=importance * law.worth(weights),
        cost=importance @ law.linear,
        lower=lower,
        upper=upper,
        groups=groups,
    )
    at_weights = float(gain.value(weights).sum())
    price, prices = _agreed_prices(gain, weights)
    bound, _ = gain.bound(price, prices)
    if bound - at_weights < EXACT:
        return max(0.0, bound - at_weights)

    below = gain.slope(upper).min() - 1.0
    above = gain.slope(lower).max() + 1.0
    least, most = _group_prices(gain, below, above)
    for _ in range(PRICES):
        price = (below + above) / 2
        bound_there, total = gain.bound(price, np.clip(price, least, most))
        bound = min(bound, bound_there)
        if total > 1:
            below = price
        else:
            above = price
        if bound - at_weights < EXACT:
            break
        if abs(total - 1) < 1e-13 and not groups:
            break
    return max(0.0, bound - at_weights)


@dataclass(frozen=True)
class _Gain:
    """What a mixture w' gains at most: the sum over domains of mu.K_i w'_i^g_i - cost_i w'_i."""

    law: Law
    # (targets,) mu
    mu: Array
    # (domains,) sum_k a_k beta_k
    cost: Array
    # (domains,) each
    lower: Array
    upper: Array
    groups: Groups

    def value(self, x: Array) -> Array:
        """Returns (domains,) gains at weights x (domains,)."""
        return self.mu @ self.law.terms(x) - self.cost * x

    def slope(self, x: Array) -> Array:
        """Returns (domains,) derivatives of the gains; they fall as weights grow."""
        return self.mu @ self.law.growth(x) - self.cost

    def best(self, prices: Array) -> Array:
        """Returns each domain's maximiser of gain - price * x within its bounds (domains,).

        Bisection in log x reaches tiny weights.
        """
        low = np.log(np.maximum(self.lower, SMALLEST))
        high = np.log(np.maximum(self.upper, SMALLEST))
        for _ in range(WEIGHTS):
            middle = (low + high) / 2
            rising = self.slope(np.exp(middle)) > prices
            low = np.where(rising, middle, low)
            high = np.where(rising, high, middle)
        return np.clip(np.exp(high), self.lower, self.upper)

    def bound(self, price: float, prices: Array) -> tuple[float, float]:
        """Returns the bound that some prices give, and the sum of the w' that they make.

        Args:
            price: of the sum of all weights.
            prices: (domains,) the same, or the price of the domain's group where that has its own.
        """
        x = self.best(prices)
        total = float(x.sum())
        bound = float((self.value(x) - prices * x).sum() + price)
        for group in self.groups:
            members = list(group.members)
            extra = float(prices[members[0]]) - price
            if extra == 0:
                continue
            # A group with a price of its own holds its limit, whatever x is at a price where it
            # jumps.
            limit = group.lower
            if extra > 0:
                limit = group.upper
            bound += extra * limit
            total += limit - float(x[members].sum())
        return bound, total


def _agreed_prices(gain: _Gain, weights: Array) -> tuple[float, Array]:
    """Returns the mixture's price and the domains' (domains,) that a mixture suggests.

    At the optimum the slopes of free weights agree on a price, and those inside a group at its
    limit agree on another.
    """
    slopes = gain.slope(weights)
    off_floor = weights > gain.lower + TOUCHING
    off_cap = weights < gain.upper - TOUCHING
    inside = off_floor & off_cap
    loose = np.ones(len(weights), dtype=bool)
    at_limit = []
    for group in gain.groups:
        members = list(group.members)
        total = weights[members].sum()
        if not group.lower + TOUCHING < total < group.upper - TOUCHING:
            loose[members] = False
            at_limit.append(members)

    price = _median(slopes[inside & loose], float(np.median(slopes)))
    prices = np.full(len(weights), price)
    for members in at_limit:
        prices[members] = _median(slopes[members][inside[members]], price)
    return price, prices


def _median(values: Array, otherwise: float) -> float:
    """Returns the median; `otherwise` where there are no values."""
    if len(values) == 0:
        return otherwise
    return float(np.median(values))


def _group_prices(gain: _Gain, below: float, above: float) -> tuple[Array, Array]:
    """Returns (domains,) least and most prices of the domains, infinite without a group.

    At the least price a domain's group has its greatest sum, at the most price its least sum.
    Every price is between `below` and `above`.
    """
    groups = gain.groups
    least = np.full(len(gain.lower), -np.inf)
    most = np.full(len(gain.lower), np.inf)
    if not groups:
        return least, most
    member = membership(groups, len(gain.lower))
    group_least = np.array([group.lower for group in groups])
    group_most = np.array([group.upper for group in groups])
    for prices, limits in ((least, group_most), (most, group_least)):
        low = np.full(len(groups), below)
        high = np.full(len(groups), above)
        for _ in range(PRICES):
            middle = (low + high) / 2
            sums = member @ gain.best(middle @ member)
            low = np.where(sums > limits, middle, low)
            high = np.where(sums > limits, high, middle)
        for group, price in zip(groups, high, strict=True):
            prices[list(group.members)] = price
    return least, most
