"""Points of the simplex inside bounds: projections, linear programmes, and rounding taken off.

The set is {w : lower <= w <= upper, sum w = 1, least_g <= sum_g w <= most_g}. Every function takes
its box, `lower` and `upper` (domains,) or one number for all, and its groups last.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.simplex.bounds import SLACK, Group, check_groups

Groups = Sequence[Group]
# Rounds of settling between groups and the whole, at most: rounding takes one or two.
ROUNDS = 8
# Bisections of a logarithm: more than a float has digits.
BISECTIONS = 200
# Stands for a weight of 0 where it is scaled or divided by.
TINY = 1e-300


def check_box(
    lower: ArrayLike,
    upper: ArrayLike,
    groups: Groups = (),
    slack: float = SLACK,
) -> None:
    """Refuses bounds that leave no mixture.

    Raises:
        MixwrightError: the box misses the simplex, or the groups leave nothing of it.
    """
    low = np.asarray(lower, dtype=np.float64)
    high = np.asarray(upper, dtype=np.float64)
    if (low > high + slack).any() or low.sum() > 1 + slack or high.sum() < 1 - slack:
        raise MixwrightError(
            f"bounds: no mixture fits (floors sum to {low.sum():.4g}, caps to {high.sum():.4g});"
            " raise caps or max_epochs, or lower floors"
        )
    check_groups(low, high, groups)


def project(point: ArrayLike, lower: ArrayLike, upper: ArrayLike, groups: Groups = ()) -> Array:
    """Returns the mixture inside that is nearest to a point (domains,), by Euclid's distance.

    It is clip(point - t, lower, upper), with t exact by sorting the breakpoints. A group keeps its
    sum between its limits by staying at the t where it meets them.
    """
    x, low, high = _as_floats(point, lower, upper)
    check_box(low, high, groups)
    return settle(_project(x, low, high, groups), low, high, groups)


def scale_into(
    weights: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    groups: Groups = (),
) -> Array:
    """Returns the mixture inside that is nearest to weights (domains,) by divergence KL(. || w).

    It is clip(c w, lower, upper). A group has a factor c of its own where it would leave its
    limits. Weights of 0 count as tiny ones.
    """
    x, low, high = _as_floats(weights, lower, upper)
    check_box(low, high, groups)
    x = np.maximum(x, TINY)
    # The logarithms of the factors that a domain's group leaves it.
    least = np.full(len(x), -np.inf)
    most = np.full(len(x), np.inf)
    for group in groups:
        i = list(group.members)
        if low[i].sum() < group.lower:
            least[i] = _log_factor(x[i], low[i], high[i], group.lower)
        if high[i].sum() > group.upper:
            most[i] = _log_factor(x[i], low[i], high[i], group.upper)
    log_factor = _log_factor(x, low, high, 1.0, least, most)
    factor = np.exp(np.clip(log_factor, least, most))
    return settle(np.clip(factor * x, low, high), low, high, groups)


def settle(weights: Array, lower: Array, upper: Array, groups: Groups = ()) -> Array:
    """Returns weights (domains,) with rounding taken off: inside the bounds, with a sum of 1.

    They are clipped into the bounds; what a sum then misses is shared in proportion to each
    domain's weight and room.
    """
    w = np.clip(weights, lower, upper)
    if not groups:
        return _share(w, 1.0, lower, upper)
    for _ in range(ROUNDS):
        # How far each domain may go when its group's room is taken into account.
        low = lower.copy()
        high = upper.copy()
        for group in groups:
            i = list(group.members)
            total = min(max(float(w[i].sum()), group.lower), group.upper)
            w[i] = _share(w[i], total, lower[i], upper[i])
            high[i] = w[i] + _room(w[i], upper[i], group.upper, 1)
            low[i] = w[i] - _room(w[i], lower[i], group.lower, -1)
        w = _share(w, 1.0, np.minimum(low, w), np.maximum(high, w))
        if abs(w.sum() - 1) < 1e-14:
            return w
    return _share(_project(w, lower, upper, groups), 1.0, lower, upper)


def minimise_linear(
    costs: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    groups: Groups = (),
) -> Array:
    """Returns the mixture (domains,) of least costs @ w inside.

    The cheapest domains are filled first: up to each group's least, then wherever there is room.
    """
    cost, low, high = _as_floats(costs, lower, upper)
    w = low.copy()
    order = np.argsort(cost, kind="stable")
    if not groups:
        w[order] += _fill(1.0 - low.sum(), (high - low)[order])
        return w
    group_of: dict[int, str] = {}
    left: dict[str, float] = {}
    for group in groups:
        inside = order[np.isin(order, group.members)]
        w[inside] += _fill(group.lower - low[inside].sum(), (high - low)[inside])
        group_of.update(dict.fromkeys(group.members, group.name))
        left[group.name] = max(0.0, group.upper - w[list(group.members)].sum())
    missing = 1.0 - w.sum()
    for i in order.tolist():
        step = min(missing, high[i] - w[i])
        if i in group_of:
            step = min(step, left[group_of[i]])
        step = max(0.0, step)
        w[i] += step
        missing -= step
        if i in group_of:
            left[group_of[i]] -= step
    return w


def frank_wolfe_gap(
    gradient: Array,
    weights: Array,
    lower: ArrayLike,
    upper: ArrayLike,
    groups: Groups = (),
) -> float:
    """Returns max over mixtures s inside the bounds of gradient.(weights - s).

    Where the gradient is a convex function's at the weights, it bounds what they miss.

    Args:
        gradient: (domains,) at the weights.
        weights: (domains,) a mixture inside.
        lower: (domains,) floors.
        upper: (domains,) caps.
        groups: bounds of sums of weights.
    """
    cheapest = minimise_linear(gradient, lower, upper, groups)
    return float(gradient @ (weights - cheapest))


def _as_floats(*values: ArrayLike) -> tuple[Array, ...]:
    """Returns the values as float64 arrays of one shape."""
    arrays = np.broadcast_arrays(*values)
    return tuple(np.asarray(array, dtype=np.float64) for array in arrays)


def _fill(total: float, room: Array) -> Array:
    """Returns how much of `total` goes into each room, the first ones first."""
    before = np.cumsum(room) - room
    return np.clip(total - before, 0.0, room)


def _room(w: Array, edge: Array, limit: float, sign: int) -> Array:
    """Returns how far each weight of a group may move up (sign 1) or down (sign -1).

    The domains' rooms up to `edge` are cut alike where together they exceed the group's room up
    to its `limit`.
    """
    room = sign * (edge - w)
    left = max(0.0, sign * (limit - float(w.sum())))
    return room * min(1.0, left / max(float(room.sum()), TINY))


def _share(w: Array, total: float, lower: Array, upper: Array) -> Array:
    """Returns weights moved to the sum `total` within bounds, by weight and room."""
    for _ in range(4):
        missing = total - w.sum()
        room = w - lower
        if missing > 0:
            room = upper - w
        if abs(missing) < 1e-15 or room.sum() <= 0:
            break
        # By weight and room, so that an exact zero stays zero where others can take it all.
        share = room * w
        if not share.sum() > abs(missing):
            share = room
        w = np.clip(w + missing * share / share.sum(), lower, upper)
    return w


def _project(x: Array, low: Array, high: Array, groups: Groups) -> Array:
    """Returns the nearest mixture (domains,) up to rounding."""
    # The shifts t that a domain's group leaves it.
    first = np.full(len(x), -np.inf)
    last = np.full(len(x), np.inf)
    for group in groups:
        i = list(group.members)
        if high[i].sum() > group.upper:
            first[i] = _shift(x[i], low[i], high[i], group.upper)
        if low[i].sum() < group.lower:
            last[i] = _shift(x[i], low[i], high[i], group.lower)
    shift = np.clip(_shift(x, low, high, 1.0, first, last), first, last)
    return np.clip(x - shift, low, high)


def _shift(
    x: Array,
    low: Array,
    high: Array,
    total: float,
    first: ArrayLike = -np.inf,
    last: ArrayLike = np.inf,
) -> float:
    """Returns the t at which clip(x - clip(t, first, last), low, high) sums to `total`.

    The sum is linear in t between its breakpoints, and falls.
    """
    breaks = np.concatenate([x - low, x - high, np.ravel(first), np.ravel(last)])
    breaks = np.sort(breaks[np.isfinite(breaks)])
    shifts = np.clip(breaks[:, None], first, last)
    sums = np.clip(x - shifts, low, high).sum(axis=1)
    place = np.searchsorted(-sums, -total, side="left")
    k = int(np.clip(place, 1, len(breaks) - 1))
    fall = sums[k - 1] - sums[k]
    step = 0.0
    if fall > 0:
        step = (sums[k - 1] - total) / fall
    return float(breaks[k - 1] + np.clip(step, 0, 1) * (breaks[k] - breaks[k - 1]))


def _log_factor(
    x: Array,
    low: Array,
    high: Array,
    total: float,
    least: ArrayLike = -np.inf,
    most: ArrayLike = np.inf,
) -> float:
    """Returns the c at which clip(exp(clip(c, least, most)) * x, low, high) sums to `total`."""
    below = np.log((low / x).clip(TINY).min())
    above = np.log((high / x).max() + 1.0)
    for _ in range(BISECTIONS):
        middle = (below + above) / 2
        factor = np.exp(np.clip(middle, least, most))
        if np.clip(factor * x, low, high).sum() < total:
            below = middle
        else:
            above = middle
    return float(above)
