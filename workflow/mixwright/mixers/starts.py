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
        tried = np.stack([best, start, search(value, bounds, start)])
        best = tried[int(value(tried).argmin())]
    return by_transfers(value, bounds, best)


def search(value: Value, bounds: Bounds, start: Array) -> Array:
    """Returns a local optimum (domains,) by sequential quadratic programming from a mixture."""
    lower, upper, groups = bounds.parts
    floor = np.minimum(np.maximum(lower, NEAREST), upper)

    def at(w: Array) -> float:
        return float(value(np.maximum(w, 0)[None])[0])

    def slopes(w: Array) -> Array:
        step = np.maximum(1e-9, 1e-6 * w)
        up = np.maximum(w + np.diag(step), 0)
        down = np.maximum(w - np.diag(step), 0)
        widths = np.diagonal(up) - np.diagonal(down)
        return (value(up) - value(down)) / widths

    constraints = [LinearConstraint(np.ones((1, len(start))), 1.0, 1.0)]
    if groups:
        member = membership(groups, len(start))
        for row, group in zip(member, groups, strict=True):
            constraints.append(LinearConstraint(row[None], group.lower, group.upper))
    result = minimize(
        at,
        np.clip(start, floor, upper),
        jac=slopes,
        method="SLSQP",
        bounds=list(zip(floor, upper, strict=True)),
        constraints=constraints,
        options={"maxiter": 300, "ftol": 1e-12},
    )
    if not np.isfinite(result.x).all():
        return start
    return settle(np.clip(result.x, lower, upper), lower, upper, groups)


def by_transfers(value: Value, bounds: Bounds, start: Array) -> Array:
    """Returns a mixture (domains,) that no transfer of weight between two domains makes better."""
    best = start
    least = float(value(best[None])[0])
    domains = len(start)
    pairs = np.argwhere(~np.eye(domains, dtype=bool))
    giving = pairs[:, 0]
    taking = pairs[:, 1]
    moves = np.zeros((len(pairs), domains))
    moves[np.arange(len(pairs)), giving] = -1
    moves[np.arange(len(pairs)), taking] = 1
    for _ in range(ROUNDS):
        room = np.minimum(
            best[giving] - bounds.lower[giving],
            bounds.upper[taking] - best[taking],
        )
        sizes = np.minimum(TRANSFERS[:, None], np.maximum(room, 0))
        tried = best + (sizes[..., None] * moves).reshape(-1, domains)
        tried = tried[bounds.contain(tried)]
        if not len(tried):
            return best
        values = value(tried)
        place = int(values.argmin())
        if values[place] >= least - LEAST_GAIN:
            return best
        best = tried[place]
        least = float(values[place])
    return best
