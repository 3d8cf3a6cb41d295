"""Dirichlet mixtures conditioned on bounds: exact by rejection where that is quick, by Gibbs sampling where it is not."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betainccinv, betaincinv

from mixwright.mixture import Array
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import Groups, check_box, project, settle

REJECTIONS = 32  # candidates a row draws before it turns to Gibbs sampling
SWEEPS = 24  # rounds of pairs (every domain once a round) from a projected candidate to an almost independent point
LEAST_ALPHA = (
    1e-12  # an alpha of 0 leaves a domain at its floor, or what the others' caps force on it
)
CHAINS = 1_000  # parallel chains of a large sample from bounds that reject nearly everything


def sample_row(
    alpha: ArrayLike, lower: ArrayLike, upper: ArrayLike, rng: Generator, groups: Groups = ()
) -> Array:
    """One Dirichlet(alpha) mixture (domains,) conditioned on the bounds: a pure function of the arguments and of `rng`'s state."""
    return sample_rows(
        np.atleast_2d(np.asarray(alpha, dtype=np.float64)), lower, upper, [rng], groups
    )[0]


def sample_rows(
    alpha: Array, lower: ArrayLike, upper: ArrayLike, rngs: Sequence[Generator], groups: Groups = ()
) -> Array:
    """Row i is a Dirichlet(alpha[i]) mixture conditioned on the bounds, drawn with rngs[i] alone; alpha is (rows, domains) or (domains,).

    The first of 32 candidates that falls inside is an exact draw; rows without one go on by Gibbs sampling, which keeps that law.
    """
    alpha = np.maximum(
        np.broadcast_to(np.asarray(alpha, dtype=np.float64), (len(rngs), np.shape(alpha)[-1])),
        LEAST_ALPHA,
    )
    bounds = _bounds(lower, upper, groups, alpha.shape[1])
    candidates = np.stack(
        [_dirichlet(a, rng, REJECTIONS) for a, rng in zip(alpha, rngs, strict=True)]
    )
    inside = bounds.contain(candidates.reshape(-1, alpha.shape[1]), 0.0).reshape(
        candidates.shape[:2]
    )
    rows = candidates[np.arange(len(rngs)), inside.argmax(axis=1)]
    outside = np.flatnonzero(~inside.any(axis=1)).tolist()
    if len(outside):
        draws = [_pairings(rngs[i], SWEEPS, alpha.shape[1]) for i in outside]
        start = np.stack([project(candidates[i, 0], *bounds.parts) for i in outside])
        orders, uniforms = (np.stack(parts, axis=1) for parts in zip(*draws, strict=True))
        rows[outside] = _gibbs(start, alpha[outside], bounds, orders, uniforms)
    return np.stack([settle(row, *bounds.parts) for row in rows])


def sample(
    alpha: ArrayLike,
    lower: ArrayLike,
    upper: ArrayLike,
    rng: Generator,
    size: int,
    groups: Groups = (),
) -> Array:
    """`size` Dirichlet(alpha) mixtures conditioned on the bounds, (size, domains); correlated along 1,000 chains where rejection fails."""
    a = np.maximum(np.asarray(alpha, dtype=np.float64), LEAST_ALPHA)
    bounds = _bounds(lower, upper, groups, len(a))
    kept: list[Array] = []
    for _ in range(8):
        draw = _dirichlet(a, rng, size)
        kept.append(draw[bounds.contain(draw, 0.0)])
        if sum(map(len, kept)) >= size:
            return np.concatenate(kept)[:size]
    missing = size - sum(map(len, kept))
    return np.concatenate([*kept, _chains(a, bounds, rng, missing)])


def _bounds(lower: ArrayLike, upper: ArrayLike, groups: Groups, domains: int) -> Bounds:
    low, high = (
        np.broadcast_to(np.asarray(a, dtype=np.float64), (domains,)) for a in (lower, upper)
    )
    check_box(low, high, groups)
    return Bounds(low, high, tuple(groups))


def _dirichlet(alpha: Array, rng: Generator, size: int) -> Array:
    """Dirichlet draws in log space, G(a) = G(a + 1) U^(1/a): strengths of 1e-3 underflow as plain gammas."""
    shape = (size, len(alpha))
    log_gamma = (
        np.log(rng.standard_gamma(alpha + 1.0, shape)) + np.log1p(-rng.random(shape)) / alpha
    )
    weights = np.exp(log_gamma - log_gamma.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _chains(alpha: Array, bounds: Bounds, rng: Generator, size: int) -> Array:
    """`size` states of parallel Gibbs chains, one kept a round after a burn-in."""
    chains = min(size, CHAINS)
    rounds = SWEEPS + -(-size // chains)
    orders = rng.permuted(np.tile(np.arange(len(alpha)), (rounds, chains, 1)), axis=2)
    uniforms = rng.random((rounds, chains, len(alpha) // 2))
    start = np.stack([project(point, *bounds.parts) for point in _dirichlet(alpha, rng, chains)])
    states: list[Array] = []
    _gibbs(start, np.broadcast_to(alpha, start.shape), bounds, orders, uniforms, states.append)
    return np.concatenate(states[SWEEPS:])[:size]


def _pairings(rng: Generator, rounds: int, domains: int) -> tuple[NDArray[np.int64], Array]:
    """For each round an order of the domains, whose two halves are paired, and a uniform a pair."""
    orders = rng.permuted(np.tile(np.arange(domains), (rounds, 1)), axis=1)
    return orders, rng.random((rounds, domains // 2))


def _gibbs(
    w: Array,
    alpha: Array,
    bounds: Bounds,
    orders: NDArray[np.int64],
    uniforms: Array,
    keep: Callable[[Array], None] | None = None,
) -> Array:
    """Redraws pairs (i, j) given s = w_i + w_j: w_i / s is a Beta(alpha_i, alpha_j) truncated to what the bounds leave.

    The pairs of a round are redrawn at once in a box; with groups one after the other, for each moves the sums that limit the next.
    """
    rows, half, sums = np.arange(len(w))[:, None], w.shape[1] // 2, _Sums(bounds)
    w = w.copy()
    turns = [slice(0, half)] if not bounds.groups else [slice(k, k + 1) for k in range(half)]
    for order, uniform in zip(orders, uniforms, strict=True):
        for turn in turns:
            i, j = order[:, :half][:, turn], order[:, half : 2 * half][:, turn]
            total = w[rows, i] + w[rows, j]
            left = np.maximum(bounds.lower[i], total - bounds.upper[j])
            right = np.minimum(bounds.upper[i], total - bounds.lower[j])
            if bounds.groups:
                fall, rise = sums.room(w, i, j)
                left, right = (
                    np.maximum(left, w[rows, i] - fall),
                    np.minimum(right, w[rows, i] + rise),
                )
            right = np.maximum(right, left)
            scale = np.where(total > 0, total, 1.0)
            share = _truncated_beta(
                alpha[rows, i], alpha[rows, j], left / scale, right / scale, uniform[:, turn]
            )
            w[rows, i] = np.clip(share * total, left, right)
            w[rows, j] = np.maximum(total - w[rows, i], 0.0)
        if keep is not None:
            keep(w.copy())
    return w


class _Sums:
    """How far weight can move between two domains before a group's sum meets its limit."""

    def __init__(self, bounds: Bounds) -> None:
        groups, domains = bounds.groups, len(bounds.lower)
        self.owner = np.full(
            domains, len(groups)
        )  # of each domain its group; one more for those in none
        for g, group in enumerate(groups):
            self.owner[list(group.members)] = g
        self.members = (self.owner[:, None] == np.arange(len(groups) + 1)).astype(np.float64)
        self.lower = np.array([*(group.lower for group in groups), -np.inf])
        self.upper = np.array([*(group.upper for group in groups), np.inf])

    def room(self, w: Array, i: NDArray[np.int64], j: NDArray[np.int64]) -> tuple[Array, Array]:
        """(rows, 1) what can move from i to j, and from j to i; all of it within one group."""
        sums = w @ self.members
        below, above = np.maximum(sums - self.lower, 0.0), np.maximum(self.upper - sums, 0.0)
        rows, of_i, of_j = np.arange(len(w))[:, None], self.owner[i], self.owner[j]
        fall, rise = (
            np.minimum(below[rows, of_i], above[rows, of_j]),
            np.minimum(above[rows, of_i], below[rows, of_j]),
        )
        return np.where(of_i == of_j, np.inf, fall), np.where(of_i == of_j, np.inf, rise)


def _truncated_beta(a: Array, b: Array, left: Array, right: Array, uniform: Array) -> Array:
    """Inverse-CDF draws of Beta(a, b) within [left, right], through whichever tail keeps the digits."""
    left, right = np.clip(left, 0, 1), np.clip(right, 0, 1)
    drawn = left.copy()
    open_ = right > left
    a, b, low, high, uniform = (part[open_] for part in (a, b, left, right, uniform))
    f_low = betainc(a, b, low)
    found, tail = np.empty_like(low), f_low > 0.5
    for side, cdf, inverse in ((~tail, betainc, betaincinv), (tail, betaincc, betainccinv)):
        x, y, start = (
            a[side],
            b[side],
            f_low[side] if cdf is betainc else betaincc(a[side], b[side], low[side]),
        )
        found[side] = inverse(x, y, start + uniform[side] * (cdf(x, y, high[side]) - start))
    nearest = np.clip(a / (a + b), low, high)  # an interval so far out that its mass underflows
    drawn[open_] = np.clip(np.where(np.isfinite(found), found, nearest), low, high)
    return drawn


def sample_around(centre: Array, alpha: Array, bounds: Bounds, rng: Generator, size: int) -> Array:
    """Returns (size, domains) mixtures inside the bounds, most of them near `centre`.

    Each lies on the way from `centre`, which is inside too, to a Dirichlet(alpha) mixture;
    how far along is the square of a uniform number.
    """
    far = sample(alpha, bounds.lower, bounds.upper, rng, size, bounds.groups)
    share = rng.random((size, 1)) ** 2
    return np.asarray(centre + share * (far - centre))
