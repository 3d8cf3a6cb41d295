"""A swarm of chosen rows: the Dirichlet candidates that teach the effective-data law most.

The choice looks at the law's prior alone, never at a loss.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.designs import dirichlet
from mixwright.designs.row import Row
from mixwright.mixture import Array, Domain
from mixwright.simplex.alike import EQUAL

# The law is L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b). Before any run its parameters are normal,
# with these means and standard deviations: log K, logit g, log b and log eps.
TRANSFER, TRANSFER_SPREAD = -1.2, np.sqrt(0.8)
EXPONENT, EXPONENT_SPREAD = 1.1, np.sqrt(0.25)
POWER, POWER_SPREAD = float(np.log(0.3)), np.sqrt(0.3)
OFFSET, OFFSET_SPREAD = -2.5, np.sqrt(0.5)
# of E and of log A; their means cancel against the spread of the predictions
LEVEL_SPREAD = np.sqrt(0.3)
SCALE_SPREAD = np.sqrt(0.3)
# variance of a run's noise, as a share of the predictions' variance
NOISE = 0.01
# least spread of the predictions, as a share of their mean: equal candidates have none
LEAST_SPREAD = 1e-3
# variances closer than this (relative) are equal: the lexicographically first mixture goes first
TIE = 1e-9
# shares that differ by less are one mixture where too few differ by EQUAL
SAME = 1e-9
# pools of candidates that are drawn at most, one after the other, where mixtures repeat
POOLS = 8


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of the swarm's first round.

    Row i is the i-th choice among the candidates, so that a larger swarm keeps every earlier row.
    """
    candidates = config["designs"]["swarm"]["candidates"]
    rows = []
    for row in dirichlet.rows(config):
        # mixtures that are closer than `equal` are one candidate
        parameters = {**row.parameters, "candidates": candidates, "equal": EQUAL}
        rows.append(replace(row, parameters=parameters))
    return rows


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) the chosen candidates: Dirichlet rows of the same seed and bounds.

    They differ from each other. Where the bounds leave fewer mixtures than rows, those that there
    are come again, in their order.
    """
    numbers = [row.row for row in rows]
    runs = 1 + max(numbers)
    pools = _pools(rows[0], domains)
    chosen = choose_different(pools, runs)
    repeated = np.resize(chosen, (runs, len(domains)))
    return repeated[numbers]


def _pools(first: Row, domains: Sequence[Domain]) -> Iterator[Array]:
    """Yields pools (candidates, domains) of Dirichlet mixtures, the rows of one after another's."""
    count = first.parameters["candidates"]
    for place in range(POOLS):
        start = place * count
        rows = [replace(first, row=start + number) for number in range(count)]
        yield dirichlet.weights(rows, domains)


def choose_different(pools: Iterable[Array], runs: int, measured: Array | None = None) -> Array:
    """Returns (runs, domains) mixtures of the pools that differ, the most informative first.

    They differ by EQUAL, and by less only where the pools hold too few that do. There are fewer
    rows where the pools hold fewer mixtures. A pool is looked at when those before it are used up,
    so that a longer choice begins with the shorter one.

    Args:
        pools: each (candidates, domains).
        measured: (m, domains) mixtures of runs that there are; none of them is taken again.
    """
    chosen: list[Array] = [] if measured is None else [measured]
    missing = runs
    for pool, tolerance in _looks(pools):
        there = np.concatenate([*chosen, pool[:0]])
        order, different = _choice(pool, missing, there, tolerance)
        chosen.append(pool[order[:different]])
        missing -= different
        if missing == 0:
            break
    count = 0 if measured is None else len(measured)
    return np.concatenate(chosen)[count:]


def _looks(pools: Iterable[Array]) -> Iterator[tuple[Array, float]]:
    """Yields each pool with the tolerance EQUAL, and then each again with SAME.

    Narrow bounds leave few mixtures that differ by EQUAL, and more that differ by less.
    """
    looked_at: list[Array] = []
    for pool in pools:
        looked_at.append(pool)
        yield pool, EQUAL
    for pool in looked_at:
        yield pool, SAME


def choose(
    candidates: Array,
    runs: int,
    measured: Array | None = None,
    noise: Array | None = None,
    level: float = 0.0,
) -> list[int]:
    """Returns the indices of `runs` of the candidates (n, domains), the most informative first.

    Each is the one whose loss the earlier ones leave most uncertain. These are the pivots of a
    Cholesky factorisation of the prior's kernel J V J' (greedy D-optimal design). So a longer
    choice begins with the shorter one, and the order of the candidates does not matter. A mixture
    that is chosen or measured already comes again after all others.

    Args:
        measured: (m, domains) mixtures of runs that there are already; the choice goes on after
            them, whatever they measured.
        noise: (m,) variance of each of these runs, as a share of the predictions'; None: NOISE.
        level: the choice ends before `runs` where no candidate is more uncertain than this, as
            `uncertainty` tells it.
    """
    order, _ = _choice(candidates, runs, measured, EQUAL, noise, level)
    return order


def _choice(
    candidates: Array,
    runs: int,
    measured: Array | None,
    tolerance: float,
    noise: Array | None = None,
    level: float = 0.0,
) -> tuple[list[int], int]:
    """The order of `choose`, and how many of its first mixtures differ from all before them."""
    count = len(candidates)
    features, covariance, variance = _after(candidates, measured, noise)
    is_new = np.ones(count, dtype=bool)
    if measured is not None:
        for mixture in measured:
            is_new &= _apart(candidates, mixture, tolerance)
    rank = np.empty(count, dtype=np.int64)
    rank[np.lexsort(candidates.T[::-1])] = np.arange(count)
    order: list[int] = []
    different = 0
    for _ in range(min(runs, count)):
        is_open = is_new
        if not is_new.any():
            # the mixtures are used up: what is left repeats them
            is_open = np.ones(count, dtype=bool)
            is_open[order] = False
        still = np.where(is_open, variance, -np.inf)
        if level and still.max() <= level:
            break
        different += bool(is_new.any())
        pick = _greatest(still, rank)
        order.append(pick)
        step = _learn(covariance, features[pick])
        variance = np.maximum(variance - (features @ step) ** 2, 0.0)
        is_new &= _apart(candidates, candidates[pick], tolerance)
    return order, different


def _apart(candidates: Array, mixture: Array, tolerance: float) -> NDArray[np.bool_]:
    """Which candidates (n, domains) are another mixture than this one (domains,)."""
    difference = np.abs(candidates - mixture)
    return difference.max(axis=1) > tolerance


def _greatest(variance: Array, rank: NDArray[np.int64]) -> int:
    """The candidate of the greatest variance; of equal ones the lexicographically first."""
    greatest = variance.max() * (1 - TIE)
    best = np.flatnonzero(variance >= greatest)
    return int(best[np.argmin(rank[best])])


def uncertainty(
    candidates: Array, measured: Array | None = None, noise: Array | None = None
) -> Array:
    """Returns (n,) the variance that measured runs leave of the candidates' losses (n, domains).

    It is a share of the variance of the prior's predictions. The arguments are those of `choose`.
    """
    _, _, variance = _after(candidates, measured, noise)
    return variance


def difference(first: Array, second: Array, measured: Array) -> Array:
    """Returns (n,) the variance that measured runs leave of losses' differences.

    They are those between the mixtures first and second (n, domains each), row by row, as a share
    of the variance of the prior's predictions.
    """
    count = len(first)
    mixtures = np.concatenate([first, second])
    features, covariance, _ = _after(mixtures, measured, None)
    apart = features[:count] - features[count:]
    return np.asarray(np.einsum("ij,jk,ik->i", apart, covariance, apart))


def _after(
    candidates: Array, measured: Array | None, noise: Array | None
) -> tuple[Array, Array, Array]:
    """Returns what runs leave uncertain.

    Returns:
        (n, parameters) features of the candidates, (parameters, parameters) covariance of the
        standardised parameters, and (n,) variance of each candidate's loss.
    """
    count = len(candidates)
    features = sensitivity(candidates)
    earlier = np.zeros((0, features.shape[1]))
    if measured is not None and len(measured):
        features = sensitivity(np.concatenate([candidates, measured]))
        features, earlier = features[:count], features[count:]
    if noise is None:
        noise = np.full(len(earlier), NOISE)
    covariance = np.eye(features.shape[1])
    variance = (features**2).sum(axis=1)
    for feature, of_run in zip(earlier, noise, strict=True):
        step = _learn(covariance, feature, of_run)
        variance = np.maximum(variance - (features @ step) ** 2, 0.0)
    return features, covariance, variance


def _learn(covariance: Array, feature: Array, noise: float = NOISE) -> Array:
    """Takes a run's (parameters,) feature into the covariance, in place; returns the step."""
    step = covariance @ feature
    step /= np.sqrt(feature @ step + noise)
    covariance -= np.outer(step, step)
    return np.asarray(step)


def sensitivity(weights: Array) -> Array:
    """Returns (n, 4 + 2 domains) derivatives of the law's prediction by its parameters.

    They are taken at the prior's means, for mixtures (n, domains). Each is in the parameter's prior
    standard deviation, over the spread of the predictions.
    """
    power = np.exp(POWER)
    offset = np.exp(OFFSET)
    exponent = 1 / (1 + np.exp(-EXPONENT))
    terms = np.exp(TRANSFER) * weights**exponent
    effective = offset + terms.sum(axis=1, keepdims=True)
    fall = effective**-power
    slope = -power * fall / effective
    # w^g log w is 0 at 0
    logs = np.log(np.where(weights > 0, weights, 1.0))
    by_level = np.full_like(fall, LEVEL_SPREAD)
    by_scale = SCALE_SPREAD * fall
    by_power = -POWER_SPREAD * power * fall * np.log(effective)
    by_offset = OFFSET_SPREAD * slope * offset
    by_transfer = TRANSFER_SPREAD * slope * terms
    by_exponent = EXPONENT_SPREAD * slope * terms * exponent * (1 - exponent) * logs
    jacobian = np.hstack(
        [
            by_level,
            by_scale,
            by_power,
            by_offset,
            by_transfer,
            by_exponent,
        ]
    )
    spread = float(fall.std())
    least = LEAST_SPREAD * float(fall.mean())
    return jacobian / max(spread, least)
