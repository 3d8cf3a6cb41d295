"""Many small robust regressions at once, by a batched Levenberg-Marquardt method.

Each regression (a target) minimises, over its parameters theta,

    sum_j h^2 (sqrt(1 + (r_j(theta) / h)^2) - 1)  +  sum_p s_p (theta_p - c_p)^2

r_j are the residuals of its runs, h = HUBER, and the second sum is a quadratic penalty with
strengths s and centres c. The first sum is the pseudo-Huber loss: about squared for small
residuals and about absolute for large ones, so that one wild run does little harm.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.numerics.threads import one_thread

# h: the residual at which the loss turns from squared to absolute. Residuals are in units of
# their target's standard deviation.
HUBER = 0.1
# No parameter moves further than this in one step.
LONGEST = 2.0
# A step that lowers the cost by less than this share of it has changed nothing.
LEAST_GAIN = 1e-7
# A target rests after so many steps in a row that changed nothing.
PATIENCE = 4

# Indices (t,) of the targets that are still being fitted.
Rows = NDArray[np.int64]
# Parameters (t, p) of the targets `rows` -> residuals (t, runs) and their Jacobian (t, runs, p).
Residuals = Callable[[Array, Rows], tuple[Array, Array]]


def pseudo_huber(residuals: Array) -> Array:
    """Returns HUBER^2 (sqrt(1 + (r / HUBER)^2) - 1), summed over the last axis."""
    cost: Array = HUBER**2 * (np.sqrt(1 + (residuals / HUBER) ** 2) - 1).sum(axis=-1)
    return cost


@one_thread
def minimise(
    theta: Array,
    residuals: Residuals,
    strength: Array,
    centre: Array,
    iterations: int,
) -> tuple[Array, Array]:
    """Fits every target: minimises its pseudo-Huber loss plus its penalty.

    Each target has its own damping. It takes no step that does not lower its cost, and rests
    once PATIENCE steps in a row have changed nothing.

    Args:
        theta: (targets, p) parameters to start from.
        residuals: gives residuals and Jacobian of some targets, see `Residuals`.
        strength: (p,) strengths of the penalty.
        centre: (targets, p) centres of the penalty.
        iterations: the most steps.

    Returns:
        The parameters (targets, p) and the costs (targets,).
    """
    theta = theta.copy()
    rows = np.arange(len(theta))
    r, jacobian = residuals(theta, rows)
    cost = _cost(r, theta, strength, centre)
    damping = np.full(len(theta), 1e-2)
    quiet = np.zeros(len(theta), dtype=np.int64)
    for _ in range(iterations):
        step = _step(r, jacobian, strength, theta[rows] - centre[rows], damping)
        trial = theta[rows] + np.clip(step, -LONGEST, LONGEST)
        trial_r, trial_jacobian = residuals(trial, rows)
        trial_cost = _cost(trial_r, trial, strength, centre[rows])

        better = trial_cost < cost[rows]
        gained = cost[rows] - trial_cost > LEAST_GAIN * cost[rows]
        quiet = np.where(gained, 0, quiet + 1)
        damping = np.clip(np.where(better, damping / 4, damping * 6), 1e-9, 1e9)
        theta[rows[better]] = trial[better]
        cost[rows[better]] = trial_cost[better]
        if better.all():
            r, jacobian = trial_r, trial_jacobian
        else:
            r[better] = trial_r[better]
            jacobian[better] = trial_jacobian[better]

        awake = quiet < PATIENCE
        if not awake.all():
            rows = rows[awake]
            r = r[awake]
            jacobian = jacobian[awake]
            damping = damping[awake]
            quiet = quiet[awake]
        if not len(rows):
            break
    return theta, cost


def _cost(residuals: Array, theta: Array, strength: Array, centre: Array) -> Array:
    """Returns (t,) loss plus penalty of the targets."""
    penalty = (strength * (theta - centre) ** 2).sum(axis=1)
    return pseudo_huber(residuals) + penalty


def _step(
    residuals: Array,
    jacobian: Array,
    strength: Array,
    away: Array,
    damping: Array,
) -> Array:
    """Returns the damped Gauss-Newton step (t, p) of every target.

    Residuals are reweighted as the pseudo-Huber loss asks. `away` (t, p) is theta - centre.
    """
    weighted = jacobian / np.sqrt(1 + (residuals / HUBER) ** 2)[..., None]
    gradient = (residuals[:, None, :] @ weighted)[:, 0] + 2 * strength * away
    curvature = weighted.transpose(0, 2, 1) @ jacobian
    # A view on the diagonals (t, p) of the curvatures: adding to it changes them.
    diagonal = np.einsum("tpp->tp", curvature)
    diagonal += 2 * strength + damping[:, None] * (diagonal + 2 * strength)
    solved = np.linalg.solve(curvature, gradient[..., None])
    return np.asarray(-solved[..., 0], dtype=np.float64)
