"""Weights of a stack of mixers (Wolpert 1992, Breiman 1996), from predictions of unseen runs.

minimise  sum_rk ( sum_m v_m (y'_mrk - y_rk) / s_k )^2   over v_m >= 0, sum_m v_m = 1

v_m     weight of member m, shared by all targets; or one of its own for each target
y'_mrk  loss of target k in run r that member m predicts, fitted to other folds of the runs
y_rk    the measured loss, nats/token
s_k     standard deviation of target k's losses (numerics.spread: wild runs are tamed)
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.numerics.quadratic import quadratic_step
from mixwright.numerics.rank_correlation import spearman
from mixwright.numerics.spread import Spread

# A member that earns a smaller weight is left out.
SMALLEST = 0.01


def stack(predicted: Array, losses: Array, fold: NDArray[np.int64]) -> Array:
    """Returns (members, targets) weights; each column sums to 1.

    Each target gets weights of its own only if they rank the runs of held-out folds better
    (Spearman, mean of the targets) than shared ones do. Targets that do not vary choose nothing,
    and get the mean of the others' weights.

    Args:
        predicted: (members, runs, targets) out-of-fold predictions, nats/token.
        losses: (runs, targets) nats/token.
        fold: (runs,) the fold of each run.
    """
    spread = Spread.of(losses)
    varies = spread.varies
    if not varies.any():
        members = len(predicted)
        return np.full((members, losses.shape[1]), 1 / members)
    weights = _weights(predicted[..., varies], losses[:, varies], fold)
    mean = weights.mean(axis=1, keepdims=True)
    everywhere = np.repeat(mean, losses.shape[1], axis=1)
    everywhere[:, varies] = weights
    return everywhere


def _weights(predicted: Array, losses: Array, fold: NDArray[np.int64]) -> Array:
    """(members, targets) weights, for targets that vary; see `stack`."""
    spread = Spread.of(losses)
    errors = (predicted - spread.tame(losses)) / spread.deviation
    rank_shared = _held_out(shared, predicted, errors, losses, fold)
    rank_separate = _held_out(separate, predicted, errors, losses, fold)
    choose = separate if rank_separate > rank_shared else shared
    weights = choose(errors)
    weights = np.where(weights < SMALLEST, 0.0, weights)
    return weights / weights.sum(axis=0)


def shared(errors: Array) -> Array:
    """Returns (members, targets) weights with equal columns.

    Args:
        errors: (members, runs, targets), in standard deviations.
    """
    members, _, targets = errors.shape
    weights = _simplex_least_squares(errors.reshape(members, -1))
    return np.repeat(weights[:, None], targets, axis=1)


def separate(errors: Array) -> Array:
    """Returns (members, targets) weights, each target's from its own errors.

    Args:
        errors: (members, runs, targets), in standard deviations.
    """
    columns = []
    for k in range(errors.shape[2]):
        weights = _simplex_least_squares(errors[:, :, k])
        columns.append(weights)
    return np.stack(columns, axis=1)


def combine(weights: Array, predicted: Array) -> Array:
    """Returns (runs, targets) the stack's predictions.

    Args:
        weights: (members, targets).
        predicted: (members, runs, targets).
    """
    weighted = weights[:, None, :] * predicted
    return weighted.sum(axis=0)


def _held_out(
    choose: Callable[[Array], Array],
    predicted: Array,
    errors: Array,
    losses: Array,
    fold: NDArray[np.int64],
) -> float:
    """Rank correlation of a stack whose weights for each fold are chosen on the other folds."""
    stacked = np.empty_like(losses)
    for k in np.unique(fold):
        outside = fold == k
        weights = choose(errors[:, ~outside])
        stacked[outside] = combine(weights, predicted[:, outside])
    correlations = []
    for guess, truth in zip(stacked.T, losses.T, strict=True):
        correlations.append(spearman(guess, truth))
    return float(np.mean(correlations))


def _simplex_least_squares(errors: Array) -> Array:
    """(members,) weights on the simplex of least mean squared sum_m v_m errors_m.

    `errors` are (members, n). The problem is quadratic: v'Hv / 2 with H = errors errors' / n.
    """
    members, n = errors.shape
    curvature = errors @ errors.T / n
    # A little of the identity, so that members that agree share the weight.
    ridge = 1e-9 * np.trace(curvature) * np.eye(members)
    curvature += ridge + 1e-300
    start = np.full(members, 1 / members)
    step = quadratic_step(
        curvature,
        gradient=curvature @ start,
        lower=-start,
        upper=1 - start,
    )
    weights = np.clip(start + step, 0, None)
    return weights / weights.sum()
