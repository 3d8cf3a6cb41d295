"""Weights of a stack from predictions of runs that no member had seen: nonnegative, summing to 1, shared by the targets or not."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.numerics.quadratic import quadratic_step
from mixwright.numerics.rank_correlation import spearman

LEAST = 0.01  # a member that earns less is left out


def stack(predicted: Array, losses: Array, fold: NDArray[np.int64]) -> Array:
    """(members, targets) weights from (members, runs, targets) out-of-fold predictions and (runs, targets) losses.

    Least squares in standard deviations of each target. Weights of each target's own are taken only where they rank runs of
    folds that did not choose them better (Spearman, mean of the targets) than shared ones do.
    """
    errors = (predicted - losses) / np.maximum(losses.std(axis=0), 1e-9)
    ranks = [_held_out(weights, predicted, errors, losses, fold) for weights in (shared, separate)]
    chosen = (separate if ranks[1] > ranks[0] else shared)(errors)
    chosen = np.where(chosen < LEAST, 0.0, chosen)
    return chosen / chosen.sum(axis=0)


def shared(errors: Array) -> Array:
    """One weight a member: (members, targets) with equal columns."""
    return np.repeat(
        _simplex_least_squares(errors.reshape(len(errors), -1))[:, None], errors.shape[2], axis=1
    )


def separate(errors: Array) -> Array:
    """Weights of each target's own."""
    return np.stack(
        [_simplex_least_squares(errors[:, :, k]) for k in range(errors.shape[2])], axis=1
    )


def combine(weights: Array, predicted: Array) -> Array:
    """(runs, targets) from (members, targets) weights and (members, runs, targets) predictions."""
    return (weights[:, None, :] * predicted).sum(axis=0)


def _held_out(
    weights: Callable[[Array], Array],
    predicted: Array,
    errors: Array,
    losses: Array,
    fold: NDArray[np.int64],
) -> float:
    """Rank correlation on each fold of a stack weighted by the others."""
    guess = np.empty_like(losses)
    for k in np.unique(fold):
        guess[fold == k] = combine(weights(errors[:, fold != k]), predicted[:, fold == k])
    return float(np.mean([spearman(a, b) for a, b in zip(guess.T, losses.T, strict=True)]))


def _simplex_least_squares(errors: Array) -> Array:
    """Minimiser of the mean squared weighted sum of errors (members, n) over the simplex."""
    curvature = errors @ errors.T / errors.shape[1]
    curvature += 1e-9 * np.trace(curvature) * np.eye(len(curvature)) + 1e-300
    start = np.full(len(curvature), 1 / len(curvature))
    found = np.clip(
        start + quadratic_step(curvature, curvature @ start, -start, 1 - start), 0, None
    )
    return found / found.sum()
