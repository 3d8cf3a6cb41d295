"""The simplex cut by a box and by sums of groups, {w : lower <= w <= upper, least_g <= sum_g w <= most_g, sum w = 1}: project, minimise."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.simplex.bounds import SLACK, Group, check_groups

Groups = Sequence[Group]
ROUNDS = 8  # of settling: rounding takes one or two


def check_box(
    lower: ArrayLike, upper: ArrayLike, groups: Groups = (), slack: float = SLACK
) -> None:
    """Refuses bounds that do not meet the simplex."""
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if (low > high + slack).any() or low.sum() > 1 + slack or high.sum() < 1 - slack:
        raise MixwrightError(
            f"bounds: no mixture fits (floors sum to {low.sum():.4g}, caps to {high.sum():.4g}); raise caps or max_epochs, or lower floors"
        )
    check_groups(low, high, groups)


def project(point: ArrayLike, lower: ArrayLike, upper: ArrayLike, groups: Groups = ()) -> Array:
    """The nearest mixture (Euclidean) to `point` (domains,) inside: clip(point - t), t exact by sorted breakpoints.

    A group keeps its sum between its limits by staying at the t where it meets them.
    """
    x, low, high = (
        np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(point, lower, upper)
    )
    check_box(low, high, groups)
    return settle(_project(x, low, high, groups), low, high, groups)


def scale_into(
    weights: ArrayLike, lower: ArrayLike, upper: ArrayLike, groups: Groups = ()
) -> Array:
    """The mixture inside nearest to positive `weights` (domains,) in Kullback-Leibler divergence: clip(c * weights), a group's c its own
    where it would leave its limits."""
    x, low, high = (
        np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(weights, lower, upper)
    )
    check_box(low, high, groups)
    x = np.maximum(x, 1e-300)
    least, most = np.full(len(x), -np.inf), np.full(len(x), np.inf)
    for group in groups:
        i = list(group.members)
        if low[i].sum() < group.lower:
            least[i] = _log_factor(x[i], low[i], high[i], group.lower)
        if high[i].sum() > group.upper:
            most[i] = _log_factor(x[i], low[i], high[i], group.upper)
    factor = np.clip(_log_factor(x, low, high, 1.0, least, most), least, most)
    return settle(np.clip(np.exp(factor) * x, low, high), low, high, groups)


def settle(weights: Array, lower: Array, upper: Array, groups: Groups = ()) -> Array:
    """Takes rounding off: weights clipped into the bounds, what is missing from a sum shared in proportion to each domain's room."""
    w = np.clip(weights, lower, upper)
    if not groups:
        return _share(w, 1.0, lower, upper)
    for _ in range(ROUNDS):
        low, high = lower.copy(), upper.copy()  # of a domain, its group's room taken into account
        for group in groups:
            i = list(group.members)
            total = float(w[i].sum())
            w[i] = _share(w[i], min(max(total, group.lower), group.upper), lower[i], upper[i])
            for limit, sign, edge in ((group.upper, 1, upper[i]), (group.lower, -1, lower[i])):
                room = sign * (edge - w[i])
                left = max(0.0, sign * (limit - float(w[i].sum())))
                side = w[i] + sign * room * min(1.0, left / max(float(room.sum()), 1e-300))
                (high if sign > 0 else low)[i] = side
        w = _share(w, 1.0, np.minimum(low, w), np.maximum(high, w))
        if abs(w.sum() - 1) < 1e-14:
            return w
    return _share(_project(w, lower, upper, groups), 1.0, lower, upper)


def minimise_linear(
    costs: ArrayLike, lower: ArrayLike, upper: ArrayLike, groups: Groups = ()
) -> Array:
    """The mixture of least `costs @ w` inside, by filling the cheapest domains first: each group's least, then whoever has room."""
    cost, low, high = (
        np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(costs, lower, upper)
    )
    w, order = low.copy(), np.argsort(cost, kind="stable")
    if not groups:
        w[order] += _fill(1.0 - low.sum(), (high - low)[order])
        return w
    for group in groups:
        inside = order[np.isin(order, group.members)]
        w[inside] += _fill(group.lower - low[inside].sum(), (high - low)[inside])
    room = {i: group.name for group in groups for i in group.members}
    left = {group.name: max(0.0, group.upper - w[list(group.members)].sum()) for group in groups}
    missing = 1.0 - w.sum()
    for i in order.tolist():
        step = max(0.0, min(missing, high[i] - w[i], left.get(room.get(i, ""), np.inf)))
        w[i] += step
        missing -= step
        if i in room:
            left[room[i]] -= step
    return w


def _fill(total: float, room: Array) -> Array:
    """`total` poured into rooms, the first ones first."""
    return np.clip(total - (np.cumsum(room) - room), 0.0, room)


def _share(w: Array, total: float, lower: Array, upper: Array) -> Array:
    """Weights moved to the sum `total` within their bounds, in proportion to weight and room."""
    for _ in range(4):
        missing = total - w.sum()
        room = upper - w if missing > 0 else w - lower
        if abs(missing) < 1e-15 or room.sum() <= 0:
            break
        # by weight and room, so that an exact zero stays zero where others can take the difference
        share = room * w if (room * w).sum() > abs(missing) else room
        w = np.clip(w + missing * share / share.sum(), lower, upper)
    return w


def _project(x: Array, low: Array, high: Array, groups: Groups) -> Array:
    first, last = (
        np.full(len(x), -np.inf),
        np.full(len(x), np.inf),
    )  # shifts that a domain's group leaves it
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
    """The t at which clip(x - clip(t, first, last), low, high) sums to `total`, which is linear between its breakpoints."""
    breaks = np.concatenate([x - low, x - high, np.ravel(first), np.ravel(last)])
    breaks = np.sort(breaks[np.isfinite(breaks)])
    sums = np.clip(x - np.clip(breaks[:, None], first, last), low, high).sum(
        axis=1
    )  # falls as the shift grows
    k = int(np.clip(np.searchsorted(-sums, -total, side="left"), 1, len(breaks) - 1))
    fall = sums[k - 1] - sums[k]
    step = (sums[k - 1] - total) / fall if fall > 0 else 0.0
    return float(breaks[k - 1] + np.clip(step, 0, 1) * (breaks[k] - breaks[k - 1]))


def _log_factor(
    x: Array,
    low: Array,
    high: Array,
    total: float,
    least: ArrayLike = -np.inf,
    most: ArrayLike = np.inf,
) -> float:
    """The c at which clip(exp(clip(c, least, most)) * x, low, high) sums to `total`."""
    below, above = np.log((low / x).clip(1e-300).min()), np.log((high / x).max() + 1.0)
    for _ in range(200):
        middle = (below + above) / 2
        short = np.clip(np.exp(np.clip(middle, least, most)) * x, low, high).sum() < total
        below, above = (middle, above) if short else (below, middle)
    return float(above)
