"""Many small robust regressions at once: batched Levenberg-Marquardt on pseudo-Huber residuals with a quadratic penalty."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

HUBER = 0.1  # of a target's standard deviation: where the loss of a residual turns from squared to absolute
Rows = NDArray[np.int64]
Residuals = Callable[
    [Array, Rows], tuple[Array, Array]
]  # parameters of some targets, which -> residuals (t, runs), Jacobian (t, runs, p)


def pseudo_huber(residuals: Array) -> Array:
    """HUBER^2 (sqrt(1 + (r / HUBER)^2) - 1), summed over the last axis."""
    cost: Array = HUBER**2 * (np.sqrt(1 + (residuals / HUBER) ** 2) - 1).sum(axis=-1)
    return cost


def minimise(
    theta: Array, residuals: Residuals, strength: Array, centre: Array, iterations: int
) -> tuple[Array, Array]:
    """Parameters (targets, p) and costs (targets,) of sum pseudo-Huber + sum strength (theta - centre)^2, from the start `theta`.

    Each target has a damping of its own, takes no step that does not lower its cost, and rests once four steps have changed nothing.
    """
    theta, cost = theta.copy(), np.zeros(len(theta))
    rows = np.arange(len(theta))
    r, jacobian = residuals(theta, rows)
    cost[:] = pseudo_huber(r) + (strength * (theta - centre) ** 2).sum(axis=1)
    damping, quiet = np.full(len(theta), 1e-2), np.zeros(len(theta), dtype=np.int64)
    for _ in range(iterations):
        trial = theta[rows] + np.clip(
            _step(r, jacobian, strength, theta[rows] - centre[rows], damping), -2.0, 2.0
        )
        trial_r, trial_jacobian = residuals(trial, rows)
        trial_cost = pseudo_huber(trial_r) + (strength * (trial - centre[rows]) ** 2).sum(axis=1)
        better = trial_cost < cost[rows]
        quiet = np.where(cost[rows] - trial_cost > 1e-7 * cost[rows], 0, quiet + 1)
        damping = np.clip(np.where(better, damping / 4, damping * 6), 1e-9, 1e9)
        theta[rows[better]], cost[rows[better]] = trial[better], trial_cost[better]
        r[better], jacobian[better] = trial_r[better], trial_jacobian[better]
        if (quiet >= 4).any():
            awake = quiet < 4
            rows, r, jacobian, damping, quiet = (
                rows[awake],
                r[awake],
                jacobian[awake],
                damping[awake],
                quiet[awake],
            )
        if not len(rows):
            break
    return theta, cost


def _step(residuals: Array, jacobian: Array, strength: Array, away: Array, damping: Array) -> Array:
    """The damped Gauss-Newton step of every target, its residuals reweighted as pseudo-Huber asks."""
    weighted = jacobian / np.sqrt(1 + (residuals / HUBER) ** 2)[..., None]
    gradient = (residuals[:, None, :] @ weighted)[:, 0] + 2 * strength * away
    curvature = weighted.transpose(0, 2, 1) @ jacobian
    diagonal = 2 * strength + damping[:, None] * (np.einsum("tpp->tp", curvature) + 2 * strength)
    np.einsum("tpp->tp", curvature)[...] += diagonal
    return np.asarray(-np.linalg.solve(curvature, gradient[..., None])[..., 0], dtype=np.float64)
