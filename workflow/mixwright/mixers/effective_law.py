"""The effective-data law: L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b) + beta.w, fitted to every target at once."""

from dataclasses import dataclass

import numpy as np

from mixwright.mixture import Array

HUBER = 0.1  # of a target's standard deviation: where the loss of a residual turns from squared to absolute
LEVEL, SCALE, POWER, OFFSET = 0, 1, 2, 3  # columns of log E, log A, log b, log eps; then log K, logit g and beta, m columns each
PRIOR_RUNS = 64  # the priors' strengths were tuned at this many runs
FADE = 2.0  # a run this many standard deviations above its target's best counts half


@dataclass(frozen=True)
class Law:
    """Parameters of the law, one row a target: (targets,) vectors and (targets, domains) matrices; all but `linear` positive, g < 1."""

    level: Array  # E, nats/token
    scale: Array  # A
    power: Array  # b
    offset: Array  # eps
    transfer: Array  # K
    exponent: Array  # g
    linear: Array  # beta, nats/token

    def effective(self, weights: Array) -> Array:
        """(mixtures, targets) effective data S = eps + sum_i K_i w_i^g_i."""
        return self.offset + (self.transfer * np.maximum(weights, 0)[:, None, :] ** self.exponent).sum(axis=2)

    def predict(self, weights: Array) -> Array:
        """(mixtures, domains) weights -> (mixtures, targets) nats/token."""
        return self.level + self.scale * self.effective(weights) ** -self.power + weights @ self.linear.T


@dataclass(frozen=True)
class Prior:
    """Strengths tau and centres mu of the penalty (n / 64) sum tau (theta - mu)^2, on the logarithmic parameters."""

    transfer: tuple[float, float] = (0.004, -2.5)
    own: float = 4.0  # what a target's own domain adds to the centre of its log K
    exponent: tuple[float, float] = (0.02, 0.8)
    power: tuple[float, float] = (0.02, float(np.log(0.2)))
    offset: tuple[float, float] = (0.006, -2.5)
    level: float = 0.02  # centre: the data-driven start
    linear: float = 0.2


def fit_law(weights: Array, losses: Array, prior: Prior, iterations: int = 200, own: Array | None = None) -> Law:
    """Batched Levenberg-Marquardt on pseudo-Huber residuals: (runs, domains) and (runs, targets) -> Law.

    `own` (targets, domains) is 1 where a target's text is a domain's, and 0 elsewhere.
    """
    m, spread = weights.shape[1], np.maximum(losses.std(axis=0), 1e-9)
    theta = _start(weights, losses, spread)
    strength, centre = _penalty(theta, m, prior)
    strength = strength * len(weights) / PRIOR_RUNS
    if own is not None:
        centre[:, 4 : 4 + m] += prior.own * own
    theta = _minimise(theta, weights, losses.T, spread, strength, centre, iterations)
    return _law(theta, spread)


def _trust(losses: Array, spread: Array) -> Array:
    """(targets, runs) weights of residuals, 1 on average: the law is wanted near a target's best mixtures, not where it is starved."""
    trust = 1 / (1 + (losses - losses.min(axis=1, keepdims=True)) / (FADE * spread[:, None]))
    return trust / trust.mean(axis=1, keepdims=True)


def _start(weights: Array, losses: Array, spread: Array) -> Array:
    """log K from each domain's correlation with the loss; E and A by regressing the loss on the effective data that makes."""
    runs, m = weights.shape
    targets = losses.shape[1]
    root = np.sqrt(np.maximum(weights, 0))
    root = (root - root.mean(axis=0)) / np.maximum(root.std(axis=0), 1e-9)
    correlation = ((losses - losses.mean(axis=0)) / spread).T @ root / runs
    theta = np.zeros((targets, 4 + 3 * m))
    theta[:, POWER], theta[:, OFFSET] = np.log(0.3), -2.5
    theta[:, 4 : 4 + m] = -1 - 4 * correlation
    theta[:, 4 + m : 4 + 2 * m] = 0.8
    shape = _law(theta, spread).effective(weights) ** -0.3
    centred = shape - shape.mean(axis=0)
    slope = (centred * losses).sum(axis=0) / np.maximum((centred**2).sum(axis=0), 1e-12)
    slope = np.maximum(slope, 0.1 * spread / np.maximum(shape.std(axis=0), 1e-9))
    level = np.maximum(losses.mean(axis=0) - slope * shape.mean(axis=0), 0.1 * np.abs(losses.min(axis=0)) + 1e-6)
    theta[:, LEVEL], theta[:, SCALE] = np.log(level), np.log(slope)
    return theta


def _penalty(start: Array, m: int, prior: Prior) -> tuple[Array, Array]:
    """(parameters,) strengths and (targets, parameters) centres."""
    strength, centre = np.empty(start.shape[1]), start.copy()
    strength[[LEVEL, SCALE]] = prior.level
    transfer, exponent = slice(4, 4 + m), slice(4 + m, 4 + 2 * m)
    for column, (tau, mu) in (
        (POWER, prior.power),
        (OFFSET, prior.offset),
        (transfer, prior.transfer),
        (exponent, prior.exponent),
    ):
        strength[column], centre[:, column] = tau, mu
    strength[4 + 2 * m :], centre[:, 4 + 2 * m :] = prior.linear, 0.0
    return strength, centre


def _law(theta: Array, spread: Array) -> Law:
    m = (theta.shape[1] - 4) // 3
    level, scale, power, offset = np.exp(theta[:, :4]).T
    transfer, logit, linear = np.exp(theta[:, 4 : 4 + m]), theta[:, 4 + m : 4 + 2 * m], theta[:, 4 + 2 * m :]
    return Law(level, scale, power, offset, transfer, 1 / (1 + np.exp(-logit)), spread[:, None] * linear)


def _residuals(theta: Array, weights: Array, losses: Array, spread: Array) -> tuple[Array, Array]:
    """(targets, runs) residuals in standard deviations and their (targets, runs, parameters) Jacobian."""
    law, m = _law(theta, spread), weights.shape[1]
    logs = np.log(np.maximum(weights, 1e-300))
    terms = law.transfer[:, None, :] * np.where(weights > 0, np.exp(law.exponent[:, None, :] * logs), 0.0)
    effective = law.offset[:, None] + terms.sum(axis=2)
    fall = law.scale[:, None] * effective ** -law.power[:, None]
    slope = -law.power[:, None] * fall / effective  # d loss / d effective data
    jacobian = np.empty((*losses.shape, theta.shape[1]))
    jacobian[..., LEVEL] = law.level[:, None]
    jacobian[..., SCALE] = fall
    jacobian[..., POWER] = -law.power[:, None] * fall * np.log(effective)
    jacobian[..., OFFSET] = slope * law.offset[:, None]
    jacobian[..., 4 : 4 + m] = slope[..., None] * terms
    growth = (law.exponent * (1 - law.exponent))[:, None, :] * logs
    jacobian[..., 4 + m : 4 + 2 * m] = jacobian[..., 4 : 4 + m] * growth
    jacobian[..., 4 + 2 * m :] = spread[:, None, None] * weights
    predicted = law.level[:, None] + fall + law.linear @ weights.T
    trust = _trust(losses, spread) / spread[:, None]
    return (predicted - losses) * trust, jacobian * trust[..., None]


def _cost(residuals: Array, theta: Array, strength: Array, centre: Array) -> Array:
    """(targets,) pseudo-Huber loss and penalty."""
    huber = HUBER**2 * (np.sqrt(1 + (residuals / HUBER) ** 2) - 1)
    return huber.sum(axis=1) + (strength * (theta - centre) ** 2).sum(axis=1)


def _minimise(theta: Array, weights: Array, losses: Array, spread: Array, strength: Array, centre: Array, iterations: int) -> Array:
    """Levenberg-Marquardt with a damping a target; a step that does not lower a target's cost is not taken."""
    damping = np.full(len(theta), 1e-2)
    residuals, jacobian = _residuals(theta, weights, losses, spread)
    cost, quiet = _cost(residuals, theta, strength, centre), np.zeros(len(theta), dtype=np.int64)
    for _ in range(iterations):
        importance = 1 / np.sqrt(1 + (residuals / HUBER) ** 2)
        weighted = jacobian * importance[..., None]
        gradient = np.einsum("tnp,tn->tp", weighted, residuals) + 2 * strength * (theta - centre)
        curvature = weighted.transpose(0, 2, 1) @ jacobian
        diagonal = 2 * strength + damping[:, None] * (np.einsum("tpp->tp", curvature) + 2 * strength)
        np.einsum("tpp->tp", curvature)[...] += diagonal
        step = -np.linalg.solve(curvature, gradient[..., None])[..., 0]
        trial = theta + np.clip(step, -2.0, 2.0)
        trial_residuals, trial_jacobian = _residuals(trial, weights, losses, spread)
        trial_cost = _cost(trial_residuals, trial, strength, centre)
        better = trial_cost < cost
        quiet = np.where(cost - trial_cost > 1e-7 * cost, 0, quiet + 1)
        damping = np.clip(np.where(better, damping / 4, damping * 6), 1e-9, 1e9)
        theta = np.where(better[:, None], trial, theta)
        cost = np.where(better, trial_cost, cost)
        residuals = np.where(better[:, None], trial_residuals, residuals)
        jacobian = np.where(better[:, None, None], trial_jacobian, jacobian)
        if (quiet >= 4).all():
            break
    return theta
