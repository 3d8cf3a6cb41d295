"""Whose turn it is: which domain feeds each sequence, by weights and counts alone."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Deficits closer than this are equal, so that rounding never decides.
TIE = 1e-9
# Of a few runs and domains lists are faster than arrays: where runs * (10 + domains) is less.
FEW = 100


def allocate(weights: ArrayLike, sequences: int) -> Ints:
    """Returns the domain of each sequence: the one whose count lags its weight most.

    Ties go to the lower index. Every prefix is near the mixture.

    Args:
        weights: (domains,).
        sequences: number of sequences.

    Returns:
        (sequences,) indices of domains.
    """
    shares = np.atleast_2d(np.asarray(weights, np.float64))
    (chosen,) = allocate_next(shares, np.zeros(shares.shape, np.int64), 0, sequences)
    return chosen.astype(np.int64)


def allocate_next(weights: Floats, counts: Ints, first: int, length: int) -> NDArray[np.int32]:
    """Goes on with the allocations of several runs.

    Args:
        weights: (runs, domains).
        counts: (runs, domains) of the sequences before `first`.
        first: sequences that every run has taken.
        length: sequences to come.

    Returns:
        (runs, length) indices of domains, each as `allocate` says.
    """
    chosen = np.empty((length, len(weights)), np.intp)
    taken = counts.astype(np.float64)
    if len(weights) * (10 + weights.shape[1]) < FEW:
        for run, share in enumerate(weights.tolist()):
            counts_of_run = taken[run].tolist()
            chosen[:, run] = _next_of_one(share, counts_of_run, first, length)
        return chosen.T.astype(np.int32)
    # Arrays of one shape, and nothing made anew: this loop is what a layout costs.
    flat = taken.reshape(-1)
    runs, width = weights.shape
    rows = width * np.arange(runs)
    deficits = np.empty_like(taken)
    lagging = np.empty(taken.shape, np.bool_)
    limits = np.empty((runs, 1))
    for position, domains in enumerate(chosen, start=first + 1):
        np.multiply(weights, float(position), out=deficits)
        np.subtract(deficits, taken, out=deficits)
        np.maximum.reduce(deficits, axis=1, out=limits, keepdims=True)
        np.subtract(limits, TIE, out=limits)
        np.greater_equal(deficits, limits, out=lagging)
        lagging.argmax(axis=1, out=domains)
        flat[rows + domains] += 1
    return chosen.T.astype(np.int32)


def _next_of_one(share: list[float], counts: list[float], first: int, length: int) -> list[int]:
    """The next domains of one run, of lists; `counts` goes on with them."""
    chosen = []
    # Of floats alone the arithmetic is faster, and its results are the same.
    for position in map(float, range(first + 1, first + length + 1)):
        deficits = [weight * position - count for weight, count in zip(share, counts, strict=True)]
        limit = max(deficits) - TIE
        for domain, deficit in enumerate(deficits):
            if deficit >= limit:
                chosen.append(domain)
                counts[domain] += 1.0
                break
    return chosen
