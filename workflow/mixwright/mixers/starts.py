"""The best mixture of losses that are not convex: local searches from several mixtures.

No search certifies what it reaches. Slopes are taken by differences, so that any function of the
weights will do.
"""

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import LinearConstraint, minimize

from mixwright.mixture import Array
from mixwright.simplex.bounds import Bounds, membership
from mixwright.simplex.geometry import settle

# (mixtures, domains) weights -> (mixtures,) what is minimised
Value = Callable[[Array], Array]

# No search goes nearer to a weight of 0: slopes are infinite there.
NEAREST = 1e-7
# Transfers between two domains that the last search tries, as shares of a mixture.
TRANSFERS = 0.5 ** np.arange(2, 22)
ROUNDS = 60
# A transfer that gains less, in nats/token, ends the search.
LEAST_GAIN = 1e-12


def best_from(value: Value, bounds: Bounds, starts: Sequence[Array]) -> Array:
    """Returns the best mixture (domains,) that searches from the starts reach.

    Args:
        value: what is minimised.
        bounds: of the weights.
        starts: mixtures (domains,) inside the bounds.
    """
    best = starts[0]
    for start in starts:
        reached = search(value, bounds, start)
        tried = np.stack([best, start, reached])
        values = value(tried)
        place = int(values.argmin())
        best = tried[place]
    return by_transfers(value, bounds, best)


def search(value: Value, bounds: Bounds, start: Array) -> Array:
    """Returns a local optimum (domains,) by sequential quadratic programming from a mixture."""
    lower, upper, groups = bounds.parts
    nearest = np.maximum(lower, NEAREST)
    floor = np.minimum(nearest, upper)

    def at(w: Array) -> float:
        positive = np.maximum(w, 0)
        values = value(positive[None])
        return float(values[0])

    def slopes(w: Array) -> Array:
        steps = np.maximum(1e-9, 1e-6 * w)
        apart = np.diag(steps)
        up = np.maximum(w + apart, 0)
        down = np.maximum(w - apart, 0)
        highest = np.diagonal(up)
        lowest = np.diagonal(down)
        widths = highest - lowest
        rises = value(up) - value(down)
        return rises / widths

    first = np.clip(start, floor, upper)
    limits = list(zip(floor, upper, strict=True))
    result = minimize(
        at,
        first,
        jac=slopes,
        method="SLSQP",
        bounds=limits,
        constraints=_constraints(bounds),
        options={"maxiter": 300, "ftol": 1e-12},
    )
    reached = result.x
    if not np.isfinite(reached).all():
        return start
    clipped = np.clip(reached, lower, upper)
    return settle(clipped, lower, upper, groups)


def _constraints(bounds: Bounds) -> list[LinearConstraint]:
    """Returns what sums of weights must fulfil: they are a mixture, and inside groups' bounds."""
    domains = len(bounds.lower)
    everything = np.ones((1, domains))
    constraints = [LinearConstraint(everything, 1.0, 1.0)]
    groups = bounds.parts[2]
    if not groups:
        return constraints
    member = membership(groups, domains)
    for row, group in zip(member, groups, strict=True):
        constraint = LinearConstraint(row[None], group.lower, group.upper)
        constraints.append(constraint)
    return constraints


def by_transfers(value: Value, bounds: Bounds, start: Array) -> Array:
    """Returns a mixture (domains,) that no transfer of weight between two domains makes better."""
    best = start
    values = value(best[None])
    least = float(values[0])
    domains = len(start)
    same = np.eye(domains, dtype=bool)
    pairs = np.argwhere(~same)
    giving = pairs[:, 0]
    taking = pairs[:, 1]
    rows = np.arange(len(pairs))
    moves = np.zeros((len(pairs), domains))
    moves[rows, giving] = -1
    moves[rows, taking] = 1
    shares = TRANSFERS[:, None]
    for _ in range(ROUNDS):
        over = best - bounds.lower
        under = bounds.upper - best
        to_give = over[giving]
        to_take = under[taking]
        room = np.minimum(to_give, to_take)
        room = np.maximum(room, 0)
        sizes = np.minimum(shares, room)
        transfers = sizes[..., None] * moves
        tried = best + transfers.reshape(-1, domains)
        inside = bounds.contain(tried)
        tried = tried[inside]
        if not len(tried):
            return best
        values = value(tried)
        place = int(values.argmin())
        if values[place] >= least - LEAST_GAIN:
            return best
        best = tried[place]
        least = float(values[place])
    return best
