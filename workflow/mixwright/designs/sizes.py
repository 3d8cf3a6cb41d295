"""Which mixture to train at which model size: the choice by information per cost.

The law of the smallest size has the prior of `informative`. The law of each further size lies
around that of the size before, AROUND times as strongly held, as a fit to anchors takes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.designs.informative import NOISE, TIE, sensitivity
from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.simplex.alike import EQUAL

# Strength of the next size's prior, in that of a law's: mixers/laws/effective_data.py has it too.
AROUND = 30.0


@dataclass(frozen=True)
class Size:
    """A model size, and what a run of it costs."""

    name: str
    # in any unit that all sizes share
    cost: float


@dataclass(frozen=True)
class Choice:
    """A run to train: which candidate, at which size."""

    mixture: int
    # place in the order of sizes
    size: int


def choose_sizes(candidates: Array, costs: Sequence[float], budget: float) -> list[Choice]:
    """Returns the runs to train, the one that tells most per cost first.

    A run tells what it takes off the variance of the predictions at the last size, in the mean
    over the candidates. No mixture is taken twice at one size. A smaller budget may choose
    otherwise only where it cannot pay the next run.

    Args:
        candidates: (n, domains) mixtures.
        costs: of a run of each size, the smallest size first and the target size last.
        budget: what all runs may cost together.

    Raises:
        MixwrightError: a cost is not positive, or the budget pays no run.
    """
    _check(costs, budget)
    features = sensitivity(candidates)
    moment = features.T @ features / len(features)
    covariance = prior(features.shape[1], len(costs))
    is_open = np.ones((len(costs), len(candidates)), dtype=bool)
    rank = np.empty(len(candidates), dtype=np.int64)
    rank[np.lexsort(candidates.T[::-1])] = np.arange(len(candidates))
    choices: list[Choice] = []
    left = budget
    costs_of = np.array(costs)
    while True:
        affordable = costs_of <= left
        allowed = is_open & affordable[:, None]
        if not allowed.any():
            return choices
        gains = []
        for size in range(len(costs)):
            gained = _gains(features, moment, covariance, size)
            gains.append(gained / costs[size])
        per_cost = np.stack(gains)
        open_gains = np.where(allowed, per_cost, -np.inf)
        size, mixture = _best(open_gains, rank)
        choices.append(Choice(mixture, size))
        left -= costs[size]
        _learn(covariance, features[mixture], size)
        difference = np.abs(candidates - candidates[mixture])
        is_open[size] &= difference.max(axis=1) > EQUAL


def prior(parameters: int, sizes: int) -> Array:
    """Returns (sizes parameters, sizes parameters) the covariance of all sizes' laws.

    Parameters are in their prior standard deviations. A size's law is the law of the size before
    plus a deviation of variance 1 / AROUND.
    """
    steps = np.arange(sizes)
    before = np.minimum(steps[:, None], steps[None])
    shared = 1 + before / AROUND
    of_one = np.eye(parameters)
    return np.asarray(np.kron(shared, of_one), dtype=np.float64)


def _gains(features: Array, moment: Array, covariance: Array, size: int) -> Array:
    """(candidates,) mean fall of the variance at the last size by one run of this size each.

    Args:
        moment: (parameters, parameters) mean of f f' over the candidates' features f.
    """
    count = features.shape[1]
    here = slice(size * count, (size + 1) * count)
    last = slice(len(covariance) - count, None)
    across = features @ covariance[here, last]
    spread = features @ covariance[here, here]
    products = spread * features
    variance = products.sum(axis=1)
    falls = (across @ moment) * across
    fall = falls.sum(axis=1)
    gains: Array = fall / (variance + NOISE)
    return gains


def _learn(covariance: Array, feature: Array, size: int) -> None:
    """Takes a run's (parameters,) feature into the covariance, in place."""
    count = len(feature)
    here = slice(size * count, (size + 1) * count)
    step = covariance[:, here] @ feature
    step /= np.sqrt(feature @ step[here] + NOISE)
    covariance -= np.outer(step, step)


def _best(gains: Array, rank: NDArray[np.int64]) -> tuple[int, int]:
    """Size and candidate of the most gain; of equal ones the smaller size, then the first rank."""
    greatest = gains.max()
    size, mixtures = np.nonzero(gains >= greatest * (1 - TIE))
    first = size == size.min()
    mixtures = mixtures[first]
    return int(size.min()), int(mixtures[np.argmin(rank[mixtures])])


def _check(costs: Sequence[float], budget: float) -> None:
    if not costs or min(costs) <= 0:
        raise MixwrightError("--sizes: a run of each size costs more than 0; give such numbers")
    if budget < min(costs):
        raise MixwrightError(
            f"--runs: a budget of {budget:g} pays no run of {min(costs):g}; raise it"
        )
