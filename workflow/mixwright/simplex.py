"""The simplex cut by a box, {w : lower <= w <= upper, sum w = 1}: project onto it, minimise over it, sample inside it."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betainccinv, betaincinv

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

REJECTIONS = 32  # candidates a row draws before it turns to Gibbs sampling
SWEEPS = 24  # rounds of pairs (every domain once a round) from a projected candidate to an almost independent point
LEAST_ALPHA = 1e-12  # an alpha of 0 leaves a domain at its floor, or what the others' caps force on it
CHAINS = 1_000  # parallel chains of a large sample from a box that rejects nearly everything


def check_box(lower: ArrayLike, upper: ArrayLike, slack: float = 1e-9) -> None:
    """Refuses a box that does not meet the simplex."""
    low, high = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    if (low > high + slack).any() or low.sum() > 1 + slack or high.sum() < 1 - slack:
        raise MixwrightError(
            f"bounds: no mixture fits (floors sum to {low.sum():.4g}, caps to {high.sum():.4g}); raise caps or max_epochs, or lower floors"
        )


def project(point: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Array:
    """The nearest mixture (Euclidean) to `point` (domains,) inside the box: clip(point - t), t exact by sorted breakpoints."""
    x, low, high = (np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(point, lower, upper))
    check_box(low, high)
    breaks = np.sort(np.concatenate([x - low, x - high]))
    sums = np.clip(x - breaks[:, None], low, high).sum(axis=1)  # falls as the shift grows
    k = int(np.clip(np.searchsorted(-sums, -1.0, side="left"), 1, len(breaks) - 1))
    fall = sums[k - 1] - sums[k]
    step = (sums[k - 1] - 1.0) / fall if fall > 0 else 0.0
    shift = breaks[k - 1] + np.clip(step, 0, 1) * (breaks[k] - breaks[k - 1])
    return settle(np.clip(x - shift, low, high), low, high)


def scale_into(weights: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Array:
    """The mixture inside the box nearest to positive `weights` (domains,) in Kullback-Leibler divergence: clip(c * weights)."""
    x, low, high = (np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(weights, lower, upper))
    check_box(low, high)
    x = np.maximum(x, 1e-300)
    low_c, high_c = np.log((low / x).clip(1e-300).min()), np.log((high / x).max() + 1.0)
    for _ in range(200):
        middle = (low_c + high_c) / 2
        below = np.clip(np.exp(middle) * x, low, high).sum() < 1
        low_c, high_c = (middle, high_c) if below else (low_c, middle)
    return settle(np.clip(np.exp(high_c) * x, low, high), low, high)


def settle(weights: Array, lower: Array, upper: Array) -> Array:
    """Takes rounding off: weights clipped into the box, what is missing from a sum of 1 shared in proportion to each domain's room."""
    w = np.clip(weights, lower, upper)
    for _ in range(4):
        missing = 1.0 - w.sum()
        room = upper - w if missing > 0 else w - lower
        if abs(missing) < 1e-15 or room.sum() <= 0:
            break
        # in proportion to weight and room, so that an exact zero stays zero where others can take the difference
        share = room * w if (room * w).sum() > abs(missing) else room
        w = np.clip(w + missing * share / share.sum(), lower, upper)
    return w


def minimise_linear(costs: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Array:
    """The mixture of least `costs @ w` inside the box, by filling the cheapest domains first."""
    cost, low, high = (np.asarray(a, dtype=np.float64) for a in np.broadcast_arrays(costs, lower, upper))
    w, left = low.copy(), 1.0 - low.sum()
    order = np.argsort(cost, kind="stable")
    room = (high - low)[order]
    w[order] += np.clip(left - (np.cumsum(room) - room), 0.0, room)
    return w


def sample_row(alpha: ArrayLike, lower: ArrayLike, upper: ArrayLike, rng: Generator) -> Array:
    """One Dirichlet(alpha) mixture (domains,) conditioned on the box: a pure function of the arguments and of `rng`'s state."""
    return sample_rows(np.atleast_2d(np.asarray(alpha, dtype=np.float64)), lower, upper, [rng])[0]


def sample_rows(alpha: Array, lower: ArrayLike, upper: ArrayLike, rngs: Sequence[Generator]) -> Array:
    """Row i is a Dirichlet(alpha[i]) mixture conditioned on the box, drawn with rngs[i] alone; alpha is (rows, domains) or (domains,).

    The first of 32 candidates that falls inside is an exact draw; rows without one go on by Gibbs sampling, which keeps that law.
    """
    alpha = np.maximum(np.broadcast_to(np.asarray(alpha, dtype=np.float64), (len(rngs), np.shape(alpha)[-1])), LEAST_ALPHA)
    low, high = _box(lower, upper, alpha.shape[1])
    candidates = np.stack([_dirichlet(a, rng, REJECTIONS) for a, rng in zip(alpha, rngs, strict=True)])
    inside = np.asarray(((candidates >= low) & (candidates <= high)).all(axis=2))
    rows = candidates[np.arange(len(rngs)), inside.argmax(axis=1)]
    outside = np.flatnonzero(~inside.any(axis=1)).tolist()
    if len(outside):
        draws = [_pairings(rngs[i], SWEEPS, alpha.shape[1]) for i in outside]
        start = np.stack([project(candidates[i, 0], low, high) for i in outside])
        orders, uniforms = (np.stack(parts, axis=1) for parts in zip(*draws, strict=True))
        rows[outside] = _gibbs(start, alpha[outside], low, high, orders, uniforms)
    return np.stack([settle(row, low, high) for row in rows])


def sample(alpha: ArrayLike, lower: ArrayLike, upper: ArrayLike, rng: Generator, size: int) -> Array:
    """`size` Dirichlet(alpha) mixtures conditioned on the box, (size, domains); correlated along 1,000 chains where rejection fails."""
    a = np.maximum(np.asarray(alpha, dtype=np.float64), LEAST_ALPHA)
    low, high = _box(lower, upper, len(a))
    kept: list[Array] = []
    for _ in range(8):
        draw = _dirichlet(a, rng, size)
        kept.append(draw[((draw >= low) & (draw <= high)).all(axis=1)])
        if sum(map(len, kept)) >= size:
            return np.concatenate(kept)[:size]
    missing = size - sum(map(len, kept))
    return np.concatenate([*kept, _chains(a, low, high, rng, missing)])


def _box(lower: ArrayLike, upper: ArrayLike, domains: int) -> tuple[Array, Array]:
    low, high = (np.broadcast_to(np.asarray(a, dtype=np.float64), (domains,)) for a in (lower, upper))
    check_box(low, high)
    return low, high


def _dirichlet(alpha: Array, rng: Generator, size: int) -> Array:
    """Dirichlet draws in log space, G(a) = G(a + 1) U^(1/a): strengths of 1e-3 underflow as plain gammas."""
    shape = (size, len(alpha))
    log_gamma = np.log(rng.standard_gamma(alpha + 1.0, shape)) + np.log1p(-rng.random(shape)) / alpha
    weights = np.exp(log_gamma - log_gamma.max(axis=1, keepdims=True))
    return weights / weights.sum(axis=1, keepdims=True)


def _chains(alpha: Array, low: Array, high: Array, rng: Generator, size: int) -> Array:
    """`size` states of parallel Gibbs chains, one kept a round after a burn-in."""
    chains = min(size, CHAINS)
    rounds = SWEEPS + -(-size // chains)
    orders = rng.permuted(np.tile(np.arange(len(alpha)), (rounds, chains, 1)), axis=2)
    uniforms = rng.random((rounds, chains, len(alpha) // 2))
    start = np.stack([project(point, low, high) for point in _dirichlet(alpha, rng, chains)])
    states: list[Array] = []
    _gibbs(start, np.broadcast_to(alpha, start.shape), low, high, orders, uniforms, states.append)
    return np.concatenate(states[SWEEPS:])[:size]


def _pairings(rng: Generator, rounds: int, domains: int) -> tuple[NDArray[np.int64], Array]:
    """For each round an order of the domains, whose two halves are paired, and a uniform a pair."""
    orders = rng.permuted(np.tile(np.arange(domains), (rounds, 1)), axis=1)
    return orders, rng.random((rounds, domains // 2))


def _gibbs(
    w: Array,
    alpha: Array,
    low: Array,
    high: Array,
    orders: NDArray[np.int64],
    uniforms: Array,
    keep: Callable[[Array], None] | None = None,
) -> Array:
    """Redraws pairs (i, j) given s = w_i + w_j: w_i / s is a Beta(alpha_i, alpha_j) truncated to what the box leaves."""
    rows, half = np.arange(len(w))[:, None], w.shape[1] // 2
    w = w.copy()
    for order, uniform in zip(orders, uniforms, strict=True):
        i, j = order[:, :half], order[:, half : 2 * half]
        total = w[rows, i] + w[rows, j]
        left = np.maximum(low[i], total - high[j])
        right = np.maximum(np.minimum(high[i], total - low[j]), left)
        scale = np.where(total > 0, total, 1.0)
        share = _truncated_beta(alpha[rows, i], alpha[rows, j], left / scale, right / scale, uniform)
        w[rows, i] = np.clip(share * total, left, right)
        w[rows, j] = np.maximum(total - w[rows, i], 0.0)
        if keep is not None:
            keep(w.copy())
    return w


def _truncated_beta(a: Array, b: Array, left: Array, right: Array, uniform: Array) -> Array:
    """Inverse-CDF draws of Beta(a, b) within [left, right], through whichever tail keeps the digits."""
    left, right = np.clip(left, 0, 1), np.clip(right, 0, 1)
    f_left, f_right = betainc(a, b, left), betainc(a, b, right)
    lower = betaincinv(a, b, f_left + uniform * (f_right - f_left))
    tail = f_left > 0.5
    if tail.any():
        c_left, c_right = betaincc(a[tail], b[tail], left[tail]), betaincc(a[tail], b[tail], right[tail])
        lower[tail] = betainccinv(a[tail], b[tail], c_left + uniform[tail] * (c_right - c_left))
    nearest = np.clip(a / (a + b), left, right)  # an interval so far out that its mass underflows
    return np.clip(np.where(np.isfinite(lower), lower, nearest), left, right)
