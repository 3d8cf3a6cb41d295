"""Random mixtures inside bounds: draws of Dirichlet(alpha) conditioned on them.

A draw from the plain Dirichlet that falls inside the bounds is exact (rejection). Where such draws
are rare, Gibbs sampling goes on: it redraws the split of two domains at a time, which keeps the
law of the conditioned Dirichlet.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from mixwright.mixture import Array
from mixwright.simplex.beta import truncated_beta
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import Groups, check_box, project, settle

Indices = NDArray[np.int64]

# Candidates that a row draws before it turns to Gibbs sampling.
REJECTIONS = 32
# Rounds of pairs, every domain once a round, from a projected candidate to an almost independent
# point.
SWEEPS = 24
# Stands for an alpha of 0, which leaves a domain at its floor, or at what the others' caps force
# on it.
LEAST_ALPHA = 1e-12
# Parallel chains of a large sample from bounds that reject nearly everything.
CHAINS = 1_000
# Times that a sample of full size is drawn and what lies outside rejected, before chains.
DRAWS = 8


def sample_rows(
    alpha: Array,
    lower: ArrayLike,
    upper: ArrayLike,
    rngs: Sequence[Generator],
    groups: Groups = (),
) -> Array:
    """Draws mixtures conditioned on the bounds, each with a random generator of its own.

    Row i takes the first of REJECTIONS candidates that lies inside, which is an exact draw. Rows
    without one go on by Gibbs sampling.

    Args:
        alpha: (rows, domains) or (domains,) strengths of the Dirichlet law.
        lower: (domains,) floors, or one number.
        upper: (domains,) caps, or one number.
        rngs: of each row; row i depends on rngs[i] alone.
        groups: bounds of sums of weights.

    Returns:
        (rows, domains) mixtures.
    """
    domains = np.shape(alpha)[-1]
    strengths = np.broadcast_to(np.asarray(alpha, dtype=np.float64), (len(rngs), domains))
    strengths = np.maximum(strengths, LEAST_ALPHA)
    bounds = _bounds(lower, upper, groups, domains)
    candidates = np.empty((len(rngs), REJECTIONS, domains))
    for row, rng in enumerate(rngs):
        candidates[row] = _dirichlet(strengths[row], rng, REJECTIONS)
    inside = bounds.contain(candidates.reshape(-1, domains), 0.0)
    inside = inside.reshape(candidates.shape[:2])
    rows = candidates[np.arange(len(rngs)), inside.argmax(axis=1)]

    outside = np.flatnonzero(~inside.any(axis=1)).tolist()
    if outside:
        starts = []
        orders = []
        uniforms = []
        for row in outside:
            order, uniform = _pairings(rngs[row], SWEEPS, domains)
            orders.append(order)
            uniforms.append(uniform)
            starts.append(project(candidates[row, 0], *bounds.parts))
        rows[outside] = _gibbs(
            np.stack(starts),
            strengths[outside],
            bounds,
            np.stack(orders, axis=1),
            np.stack(uniforms, axis=1),
        )
    return np.stack([settle(row, *bounds.parts) for row in rows])


def sample(
    alpha: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    rng: Generator,
    size: int,
    groups: Groups = (),
) -> Array:
    """Draws `size` Dirichlet(alpha) mixtures (size, domains) conditioned on the bounds.

    They are independent where rejection yields enough of them. The rest comes from CHAINS Gibbs
    chains, along which neighbours are correlated.

    Args:
        alpha: (domains,) strengths of the Dirichlet law.
        lower: (domains,) floors, or one number.
        upper: (domains,) caps, or one number.
        rng: where all draws come from.
        size: how many mixtures.
        groups: bounds of sums of weights.
    """
    strengths = np.maximum(np.asarray(alpha, dtype=np.float64), LEAST_ALPHA)
    bounds = _bounds(lower, upper, groups, len(strengths))
    parts: list[Array] = []
    missing = size
    for _ in range(DRAWS):
        draw = _dirichlet(strengths, rng, size)
        inside = draw[bounds.contain(draw, 0.0)]
        parts.append(inside)
        missing -= len(inside)
        if missing <= 0:
            return np.concatenate(parts)[:size]
    parts.append(_chains(strengths, bounds, rng, missing))
    return np.concatenate(parts)


def _bounds(lower: ArrayLike, upper: ArrayLike, groups: Groups, domains: int) -> Bounds:
    """Returns the bounds with one number a domain, and refuses those that leave no mixture."""
    low = np.broadcast_to(np.asarray(lower, dtype=np.float64), (domains,))
    high = np.broadcast_to(np.asarray(upper, dtype=np.float64), (domains,))
    check_box(low, high, groups)
    return Bounds(low, high, tuple(groups))


def _dirichlet(alpha: Array, rng: Generator, size: int) -> Array:
    """Draws (size, domains) mixtures of Dirichlet(alpha) in log space.

    With G(a) = G(a + 1) U^(1/a), strengths of 1e-3 do not underflow as plain gamma draws do.
    """
    shape = (size, len(alpha))
    log_gamma = np.log(rng.standard_gamma(alpha + 1.0, shape))
    log_gamma += np.log1p(-rng.random(shape)) / alpha
    weights = np.exp(log_gamma - log_gamma.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _chains(alpha: Array, bounds: Bounds, rng: Generator, size: int) -> Array:
    """Returns (size, domains) states of parallel Gibbs chains, one a round after a burn-in."""
    chains = min(size, CHAINS)
    rounds = SWEEPS + -(-size // chains)
    identity = np.tile(np.arange(len(alpha)), (rounds, chains, 1))
    orders = rng.permuted(identity, axis=2)
    uniforms = rng.random((rounds, chains, len(alpha) // 2))
    candidates = _dirichlet(alpha, rng, chains)
    start = np.stack([project(point, *bounds.parts) for point in candidates])
    states: list[Array] = []
    strengths = np.broadcast_to(alpha, start.shape)
    _gibbs(start, strengths, bounds, orders, uniforms, states.append)
    return np.concatenate(states[SWEEPS:])[:size]


def _pairings(rng: Generator, rounds: int, domains: int) -> tuple[Indices, Array]:
    """Draws each round's order (rounds, domains) and uniforms (rounds, pairs).

    The first half of an order is paired with the second half; each pair has a uniform.
    """
    orders = rng.permuted(np.tile(np.arange(domains), (rounds, 1)), axis=1)
    return orders, rng.random((rounds, domains // 2))


def _gibbs(
    w: Array,
    alpha: Array,
    bounds: Bounds,
    orders: Indices,
    uniforms: Array,
    keep: Callable[[Array], None] | None = None,
) -> Array:
    """Redraws pairs of weights (i, j) given their sum s = w_i + w_j, round by round.

    w_i / s follows Beta(alpha_i, alpha_j), truncated to what the bounds leave. In a box all pairs
    of a round are redrawn at once. With groups they go one after the other, for each pair moves
    the sums that limit the next.

    Args:
        w: (rows, domains) mixtures inside the bounds, to start from.
        alpha: (rows, domains) strengths of the Dirichlet law.
        bounds: what the mixtures stay in.
        orders: (rounds, rows, domains) orders, whose two halves are paired.
        uniforms: (rounds, rows, pairs) uniform draws from 0 to 1.
        keep: called with the state (rows, domains) after each round.

    Returns:
        (rows, domains) the last state.
    """
    w = w.copy()
    half = w.shape[1] // 2
    sums = _Sums(bounds)
    turns = [slice(0, half)]
    if bounds.groups:
        turns = [slice(k, k + 1) for k in range(half)]
    for order, uniform in zip(orders, uniforms, strict=True):
        first = order[:, :half]
        second = order[:, half : 2 * half]
        for turn in turns:
            _redraw(w, alpha, bounds, sums, first[:, turn], second[:, turn], uniform[:, turn])
        if keep is not None:
            keep(w.copy())
    return w


def _redraw(
    w: Array,
    alpha: Array,
    bounds: Bounds,
    sums: "_Sums",
    i: Indices,
    j: Indices,
    uniform: Array,
) -> None:
    """Redraws the pairs (i, j), (rows, pairs) each, in place."""
    rows = np.arange(len(w))[:, None]
    total = w[rows, i] + w[rows, j]
    left = np.maximum(bounds.lower[i], total - bounds.upper[j])
    right = np.minimum(bounds.upper[i], total - bounds.lower[j])
    if bounds.groups:
        fall, rise = sums.room(w, i, j)
        left = np.maximum(left, w[rows, i] - fall)
        right = np.minimum(right, w[rows, i] + rise)
    right = np.maximum(right, left)
    scale = np.where(total > 0, total, 1.0)
    share = truncated_beta(
        alpha[rows, i],
        alpha[rows, j],
        left / scale,
        right / scale,
        uniform,
    )
    w[rows, i] = np.clip(share * total, left, right)
    w[rows, j] = np.maximum(total - w[rows, i], 0.0)


class _Sums:
    """How far weight can move between two domains before a group's sum meets its limit."""

    def __init__(self, bounds: Bounds) -> None:
        groups = bounds.groups
        # Of each domain its group; one more, without limits, for the domains in none.
        self.owner = np.full(len(bounds.lower), len(groups))
        self.lower = np.full(len(groups) + 1, -np.inf)
        self.upper = np.full(len(groups) + 1, np.inf)
        for row, group in enumerate(groups):
            self.owner[list(group.members)] = row
            self.lower[row] = group.lower
            self.upper[row] = group.upper
        everyone = np.arange(len(groups) + 1)
        self.members = (self.owner[:, None] == everyone).astype(np.float64)

    def room(self, w: Array, i: Indices, j: Indices) -> tuple[Array, Array]:
        """Returns (rows, 1) what can move from i to j, and from j to i.

        Two domains of one group, or of none, move without limit.
        """
        sums = w @ self.members
        below = np.maximum(sums - self.lower, 0.0)
        above = np.maximum(self.upper - sums, 0.0)
        rows = np.arange(len(w))[:, None]
        of_i = self.owner[i]
        of_j = self.owner[j]
        fall = np.minimum(below[rows, of_i], above[rows, of_j])
        rise = np.minimum(above[rows, of_i], below[rows, of_j])
        same = of_i == of_j
        return np.where(same, np.inf, fall), np.where(same, np.inf, rise)


def sample_around(centre: Array, alpha: Array, bounds: Bounds, rng: Generator, size: int) -> Array:
    """Returns (size, domains) mixtures inside the bounds, most of them near `centre`.

    Each lies on the way from `centre`, which is inside too, to a Dirichlet(alpha) mixture;
    how far along is the square of a uniform number.
    """
    far = sample(alpha, bounds.lower, bounds.upper, rng, size, bounds.groups)
    share = rng.random((size, 1)) ** 2
    return np.asarray(centre + share * (far - centre))
