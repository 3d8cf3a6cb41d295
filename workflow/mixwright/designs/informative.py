"""A swarm of chosen rows: the Dirichlet candidates that teach the effective-data law most.

The choice looks at the law's prior alone, never at a loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mixwright.designs import dirichlet
from mixwright.designs.row import Row
from mixwright.mixture import Array, Domain

# The law is L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b). Each pair is the mean and the variance of a
# parameter before any run: log K, logit g, log b and log eps.
TRANSFER = (-1.2, 0.8)
EXPONENT = (1.1, 0.25)
POWER = (float(np.log(0.3)), 0.3)
OFFSET = (-2.5, 0.5)
# variances of E and of log A; their means cancel against the spread of the predictions
LEVEL = 0.3
SCALE = 0.3
# variance of a run's noise, as a share of the predictions' variance
NOISE = 0.01
# least spread of the predictions, as a share of their mean: equal candidates have none
LEAST_SPREAD = 1e-3
# variances closer than this (relative) are equal: the lexicographically first mixture goes first
TIE = 1e-9


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of the swarm.

    Row i is the i-th choice among the candidates, so that a larger swarm keeps every earlier row.
    """
    added = {"candidates": config["designs"]["swarm"]["candidates"]}
    drawn = dirichlet.rows(config)
    return [replace(row, parameters={**row.parameters, **added}) for row in drawn]


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) the chosen candidates: Dirichlet rows of the same seed and bounds."""
    first = rows[0]
    pool = [replace(first, row=i) for i in range(first.parameters["candidates"])]
    candidates = dirichlet.weights(pool, domains)
    order = choose(candidates, 1 + max(row.row for row in rows))
    return candidates[[order[row.row] for row in rows]]


def choose(candidates: Array, runs: int) -> list[int]:
    """Returns the indices of `runs` of the candidates (n, domains), the most informative first.

    Each is the one whose loss the earlier ones leave most uncertain. These are the pivots of a
    Cholesky factorisation of the prior's kernel J V J' (greedy D-optimal design). So a longer
    choice begins with the shorter one, and the order of the candidates does not matter.
    """
    features = sensitivity(candidates)
    variance = (features**2).sum(axis=1)
    # covariance of the standardised parameters, after the runs chosen so far
    covariance = np.eye(features.shape[1])
    rank = np.empty(len(candidates), dtype=np.int64)
    rank[np.lexsort(candidates.T[::-1])] = np.arange(len(candidates))
    order: list[int] = []
    for _ in range(min(runs, len(candidates))):
        best = np.flatnonzero(variance >= variance.max() * (1 - TIE))
        pick = int(best[np.argmin(rank[best])])
        step = covariance @ features[pick]
        step /= np.sqrt(features[pick] @ step + NOISE)
        covariance -= np.outer(step, step)
        variance = np.maximum(variance - (features @ step) ** 2, 0.0)
        variance[[*order, pick]] = -np.inf
        order.append(pick)
    return order


def sensitivity(weights: Array) -> Array:
    """Returns (n, 4 + 2 domains) derivatives of the law's prediction by its parameters.

    They are taken at the prior's means, for mixtures (n, domains). Each is in the parameter's prior
    standard deviation, over the spread of the predictions.
    """
    power = np.exp(POWER[0])
    offset = np.exp(OFFSET[0])
    exponent = 1 / (1 + np.exp(-EXPONENT[0]))
    terms = np.exp(TRANSFER[0]) * weights**exponent
    effective = offset + terms.sum(axis=1, keepdims=True)
    fall = effective**-power
    slope = -power * fall / effective
    logs = np.log(np.where(weights > 0, weights, 1.0))
    by_parameter = [
        np.full_like(fall, np.sqrt(LEVEL)),
        np.sqrt(SCALE) * fall,
        -np.sqrt(POWER[1]) * power * fall * np.log(effective),
        np.sqrt(OFFSET[1]) * slope * offset,
        np.sqrt(TRANSFER[1]) * slope * terms,
        np.sqrt(EXPONENT[1]) * slope * terms * exponent * (1 - exponent) * logs,
    ]
    spread = max(float(fall.std()), LEAST_SPREAD * float(fall.mean()))
    return np.hstack(by_parameter) / spread
