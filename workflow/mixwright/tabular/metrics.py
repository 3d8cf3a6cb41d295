"""Scores of a probability of the label 1: log-likelihoods, average precision, and the interval of a difference between two arms."""

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

CLIP = 1e-7  # of a probability: float32 trees reach 0 and 1
DRAWS = 2_000


def loglikelihoods(probability: Array, labels: Array) -> Array:
    """(examples,) log of the probability given to the true label, nats."""
    p = np.clip(np.asarray(probability, np.float64), CLIP, 1 - CLIP)
    return np.where(np.asarray(labels) > 0.5, np.log(p), np.log1p(-p))


def average_precision(labels: Array, scores: Array, counts: NDArray[np.int64] | None = None) -> float:
    """Σ over thresholds of precision times the rise of recall, ties together, as in scikit-learn; `counts`: how often an example stands."""
    order = np.argsort(-np.asarray(scores), kind="stable")
    hits = np.asarray(labels, np.float64)[order]
    count = np.ones(len(hits)) if counts is None else counts[order].astype(np.float64)
    ends = np.append(np.flatnonzero(np.diff(np.asarray(scores)[order])), len(hits) - 1)
    true, seen = np.cumsum(hits * count)[ends], np.cumsum(count)[ends]
    if true[-1] <= 0:
        raise MixwrightError("average precision: no example has the label 1; give the part more rows")
    return float((np.diff(true, prepend=0.0) * true / np.maximum(seen, 1e-300)).sum() / true[-1])


def average_precision_draws(labels: Array, scores: Array, draws: int = DRAWS, seed: int = 0) -> Array:
    """(draws,) average precision on examples drawn with replacement; the same seed draws the same examples, so arms can be paired."""
    labels, scores = np.asarray(labels, np.float64), np.asarray(scores)
    rng = np.random.default_rng(seed)
    found = np.empty(draws)
    for draw in range(draws):
        counts = rng.multinomial(len(labels), np.full(len(labels), 1 / len(labels)))
        while not (counts * labels).any():
            counts = rng.multinomial(len(labels), np.full(len(labels), 1 / len(labels)))
        found[draw] = average_precision(labels, scores, counts)
    return found


def difference(
    labels: Array, ours: Array, theirs: Array, level: float = 0.95, draws: int = DRAWS, seed: int = 0
) -> tuple[float, float, float]:
    """Average precision of `ours` minus that of `theirs` on the same examples, and the paired percentile interval over the examples."""
    gained = average_precision_draws(labels, ours, draws, seed) - average_precision_draws(labels, theirs, draws, seed)
    low, high = np.quantile(gained, [(1 - level) / 2, (1 + level) / 2])
    return average_precision(labels, ours) - average_precision(labels, theirs), float(low), float(high)
