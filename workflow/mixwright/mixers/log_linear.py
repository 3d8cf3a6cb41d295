"""Data Mixing Laws (arXiv 2403.16952): L(w) = c + exp(t.w) a target, convex, with the certified optimum of their weighted sum."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mixwright.mixers.law_mixer import LawMixer
from mixwright.mixers.quadratic import quadratic_step
from mixwright.mixers.robust_fit import Rows, minimise
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations
from mixwright.simplex import minimise_linear, settle

RIDGE = 1e-3  # on t, towards the mean of its start: domains that no run tells apart keep the same slope
FLOORS = (0.1, 0.5, 2.0)  # starts: c this many standard deviations below the least loss


@dataclass(frozen=True)
class LogLinear(LawMixer):
    """c + exp(t.w), Huber: the paper's c + k exp(t.w) with log k inside t, since weights sum to 1. Proposes corners if nothing caps it."""

    name = "log-linear"

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=8)
        self.check_length(swarm)
        return self.learned(swarm, parameters=fit_log_linear(swarm.weights, swarm.losses, self.iterations))

    def refit(self, seen: Observations) -> Self:
        return self.fit(seen)

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return self.parameters[:, 0] + np.exp(amounts / amounts.sum(axis=1, keepdims=True) @ self.parameters[:, 1:].T)

    def propose(self, goal: Goal) -> Proposal:
        importance = self.target_weights(goal)
        weights, gap = best_mixture(self.parameters[:, 1:], importance, goal.bounds.lower, goal.bounds.upper)
        touching = int((weights > 1e-6).sum())
        notes = (*self.gap_notes(gap), f"{touching} of {len(weights)} domains used: a log-linear law knows no diminishing returns")
        return Proposal(self.name, weights, self.in_goal(self.predict(weights[None])[0], goal), gap, notes)


def fit_log_linear(weights: Array, losses: Array, iterations: int) -> Array:
    """(targets, 1 + domains): c and t of every target, the best of three starts."""
    spread = np.maximum(losses.std(axis=0), 1e-9)
    starts = np.stack([_start(weights, losses, losses.min(axis=0) - floor * spread) for floor in FLOORS])
    strength = np.r_[0.0, np.full(weights.shape[1], RIDGE)]

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        rise = np.exp(np.minimum(theta[:, 1:] @ weights.T, 50.0))
        jacobian = np.concatenate([np.ones((*rise.shape, 1)), rise[..., None] * weights], axis=2)
        return (theta[:, :1] + rise - losses.T[rows]) / spread[rows, None], jacobian / spread[rows, None, None]

    centre = [np.column_stack([start[:, 0], np.tile(start[:, 1:].mean(axis=1, keepdims=True), weights.shape[1])]) for start in starts]
    fits = [minimise(start, residuals, strength, middle, iterations) for start, middle in zip(starts, centre, strict=True)]
    best = np.argmin([cost for _, cost in fits], axis=0)
    return np.stack([theta for theta, _ in fits])[best, np.arange(len(best))]


def _start(weights: Array, losses: Array, floor: Array) -> Array:
    """c given, t by regressing log(loss - c)."""
    slopes = np.linalg.lstsq(weights, np.log(losses - floor), rcond=1e-6)[0]
    return np.column_stack([floor, slopes.T])


def best_mixture(slopes: Array, importance: Array, lower: Array, upper: Array) -> tuple[Array, float]:
    """Minimiser of sum_k importance_k exp(t_k.w) in the box by Newton steps on its active set, and the Frank-Wolfe gap (finite here)."""
    slopes, importance = slopes[importance > 0], importance[importance > 0]
    w = settle(minimise_linear(importance @ slopes, lower, upper), lower, upper)
    best, least = w, np.inf
    for _ in range(200):
        rise = importance * np.exp(slopes @ w)
        gradient = rise @ slopes
        gap = float(gradient @ (w - minimise_linear(gradient, lower, upper)))
        if gap < least:
            best, least = w, gap
        if least < 1e-10:
            break
        curvature = (slopes.T * rise) @ slopes
        step = quadratic_step(curvature + 1e-8 * np.trace(curvature) * np.eye(len(w)), gradient, lower - w, upper - w)
        length = 1.0
        while length > 1e-6 and importance @ np.exp(slopes @ (w + length * step)) > rise.sum() + 1e-4 * length * (gradient @ step):
            length /= 2
        w = settle(w + length * step, lower, upper)
    return best, max(0.0, least)
