"""Data Mixing Laws (arXiv 2403.16952): L(w) = c + exp(t.w) a target, convex, with the certified optimum of their weighted sum."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal
from mixwright.mixers.laws.mixer import LawMixer
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.numerics.least_squares import Rows, minimise
from mixwright.observations import Observations
from mixwright.simplex.geometry import Groups, minimise_linear

RIDGE = (
    1e-3  # on t, towards the mean of its start: domains that no run tells apart keep the same slope
)
FLOORS = (0.1, 0.5, 2.0)  # starts: c this many standard deviations below the least loss


@dataclass(frozen=True)
class LogLinear(LawMixer):
    """c + exp(t.w), Huber: the paper's c + k exp(t.w) with log k inside t, since weights sum to 1. Proposes corners if nothing caps it."""

    name = "log-linear"

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=8)
        self.check_length(swarm)
        return self.learned(
            swarm, parameters=fit_log_linear(swarm.weights, swarm.losses, self.iterations)
        )

    def refit(self, seen: Observations) -> Self:
        return self.fit(seen)

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return self.parameters[:, 0] + np.exp(
            amounts / amounts.sum(axis=1, keepdims=True) @ self.parameters[:, 1:].T
        )

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float]:
        laws = Exponentials(self.parameters)
        inside = (*goal.bounds.parts, limits.most, limits.start)
        return best_mixture(laws, importance, *inside, certify=_linear_gap)

    def note(self, importance: Array, weights: Array) -> str:
        used = int((weights > 1e-6).sum())
        return (
            f"{used} of {len(weights)} domains used: a log-linear law knows no diminishing returns"
        )


@dataclass(frozen=True)
class Exponentials:
    """The laws' values and derivatives; `parameters` is (targets, 1 + domains), c and t."""

    parameters: Array

    def only(self, chosen: NDArray[np.bool_]) -> "Exponentials":
        """Those of some targets."""
        return Exponentials(self.parameters[chosen])

    def predict(self, weights: Array) -> Array:
        return self.parameters[:, 0] + np.exp(weights @ self.parameters[:, 1:].T)

    def slopes(self, w: Array) -> Array:
        return np.exp(self.parameters[:, 1:] @ w)[:, None] * self.parameters[:, 1:]

    def curvature(self, importance: Array, w: Array) -> Array:
        return (self.slopes(w).T * importance) @ self.parameters[:, 1:]


def fit_log_linear(weights: Array, losses: Array, iterations: int) -> Array:
    """(targets, 1 + domains): c and t of every target, the best of three starts."""
    spread = np.maximum(losses.std(axis=0), 1e-9)
    starts = np.stack(
        [_start(weights, losses, losses.min(axis=0) - floor * spread) for floor in FLOORS]
    )
    strength = np.r_[0.0, np.full(weights.shape[1], RIDGE)]

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        rise = np.exp(np.minimum(theta[:, 1:] @ weights.T, 50.0))
        jacobian = np.concatenate([np.ones((*rise.shape, 1)), rise[..., None] * weights], axis=2)
        return (theta[:, :1] + rise - losses.T[rows]) / spread[rows, None], jacobian / spread[
            rows, None, None
        ]

    centre = [
        np.column_stack(
            [start[:, 0], np.tile(start[:, 1:].mean(axis=1, keepdims=True), weights.shape[1])]
        )
        for start in starts
    ]
    fits = [
        minimise(start, residuals, strength, middle, iterations)
        for start, middle in zip(starts, centre, strict=True)
    ]
    best = np.argmin([cost for _, cost in fits], axis=0)
    return np.stack([theta for theta, _ in fits])[best, np.arange(len(best))]


def _start(weights: Array, losses: Array, floor: Array) -> Array:
    """c given, t by regressing log(loss - c)."""
    slopes = np.linalg.lstsq(weights, np.log(losses - floor), rcond=1e-6)[0]
    return np.column_stack([floor, slopes.T])


def _linear_gap(
    laws: Exponentials,
    importance: Array,
    weights: Array,
    lower: Array,
    upper: Array,
    groups: Groups = (),
) -> float:
    """The Frank-Wolfe gap: what the linearised objective can still gain inside; slopes are finite here."""
    slope = importance @ laws.slopes(weights)
    return float(slope @ (weights - minimise_linear(slope, lower, upper, groups)))
