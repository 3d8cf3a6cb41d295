"""A swarm of chosen rows: the most informative Dirichlet candidates under the effective-data law's prior, before any loss is seen."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mixwright.designs import Row, dirichlet
from mixwright.mixture import Array, Domain

# Mean and variance of the law's parameters before any run, by name: L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b), logarithms and logit.
TRANSFER, EXPONENT, POWER, OFFSET = (-1.2, 0.8), (1.1, 0.25), (float(np.log(0.3)), 0.3), (-2.5, 0.5)
LEVEL = SCALE = 0.3  # variances; their means cancel against the spread of the predictions
NOISE = 0.01  # of a run, as a share of the predictions' variance
LEAST_SPREAD = (
    1e-3  # of the predictions, as a share of their mean: candidates of one prediction have none
)
TIE = 1e-9  # variances closer than this (relative) are equal: the lexicographically first mixture goes first


def rows(study: Mapping[str, Any]) -> list[Row]:
    """Row i is the i-th choice among the candidates, so that growing the swarm keeps every earlier row."""
    candidates = {"candidates": study["designs"]["swarm"]["candidates"]}
    return [
        replace(row, parameters={**row.parameters, **candidates}) for row in dirichlet.rows(study)
    ]


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """(rows, domains) the chosen candidates: Dirichlet rows of the same seed and bounds."""
    candidates = dirichlet.weights(
        [replace(rows[0], row=i) for i in range(rows[0].parameters["candidates"])], domains
    )
    chosen = choose(candidates, 1 + max(row.row for row in rows))
    return candidates[[chosen[row.row] for row in rows]]


def choose(candidates: Array, runs: int) -> list[int]:
    """Indices of `runs` of the candidates (n, domains), best first: always the one whose loss the earlier ones leave most uncertain.

    The pivots of a Cholesky factorisation of the prior's kernel J V J' (greedy D-optimal design): nested, and blind to the rows' order.
    """
    features = sensitivity(candidates)
    variance = (features**2).sum(axis=1)
    covariance = np.eye(features.shape[1])  # of the standardised parameters, given the rows chosen
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
    """(n, 4 + 2 domains) derivatives of the prior's prediction by its parameters, each in prior standard deviations, over its spread."""
    m = weights.shape[1]
    power, offset, exponent = np.exp(POWER[0]), np.exp(OFFSET[0]), 1 / (1 + np.exp(-EXPONENT[0]))
    terms = np.exp(TRANSFER[0]) * weights**exponent
    effective = offset + terms.sum(axis=1, keepdims=True)
    fall = effective**-power
    slope = -power * fall / effective
    logs = np.log(np.where(weights > 0, weights, 1.0))
    jacobian = np.hstack(
        [
            np.full_like(fall, np.sqrt(LEVEL)),
            np.sqrt(SCALE) * fall,
            -np.sqrt(POWER[1]) * power * fall * np.log(effective),
            np.sqrt(OFFSET[1]) * slope * offset,
            np.sqrt(TRANSFER[1]) * slope * terms,
            np.sqrt(EXPONENT[1]) * slope * terms * exponent * (1 - exponent) * logs,
        ]
    )
    assert jacobian.shape[1] == 4 + 2 * m
    return jacobian / max(float(fall.std()), LEAST_SPREAD * float(fall.mean()))
