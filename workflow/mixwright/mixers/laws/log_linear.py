"""The log-linear law of "Data Mixing Laws" (Ye et al., arXiv 2403.16952).

    L(w) = c + k exp(sum_i t_i w_i)

    L    loss of a target, nats/token
    w_i  weight of domain i in the training mixture
    c    level, nats/token
    k    scale, nats/token
    t_i  effect of domain i: below 0 it lowers the loss, above 0 it raises it

Weights sum to 1, so log k is part of every t_i here. The law is convex in w, and its optimum is
certified. It knows no diminishing returns: without caps it proposes corners.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal
from mixwright.mixers.laws.mixer import LEAST, REFIT_STEPS, LawMixer
from mixwright.mixers.laws.optimum import Certify, Laws, best_mixture
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.numerics.least_squares import Rows, minimise
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations
from mixwright.simplex.geometry import Groups, frank_wolfe_gap

# Strength of the penalty on t, towards the mean of its start: domains that no run tells apart keep
# the same effect.
RIDGE = 1e-3
# Starts of c: so many standard deviations below the least loss.
FLOORS = (0.1, 0.5, 2.0)
# The effect of every domain on a target that never varies: exp of it is 0.
NOTHING = -1e3
# Exponents are cut here while a fit looks for its way, so that none overflows.
GREATEST = 50.0


@dataclass(frozen=True)
class LogLinear(LawMixer):
    """Fits c + exp(t.w) to each target by pseudo-Huber loss, and proposes the certified optimum.

    `parameters` is (targets, 1 + domains): c and t.
    """

    name = "log-linear"

    def fit(self, observations: Observations) -> Self:
        """Returns a copy fitted to the swarm runs of one length."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        self.check_length(swarm)
        parameters = fit_log_linear(swarm.weights, swarm.losses, self.iterations)
        return self.learned(swarm, parameters=parameters)

    def refit(self, observations: Observations) -> Self:
        """Returns a copy after a few steps from where this fit ended."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        steps = min(REFIT_STEPS, self.iterations)
        parameters = fit_log_linear(
            swarm.weights,
            swarm.losses,
            steps,
            self.parameters,
        )
        return self.learned(swarm, parameters=parameters)

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token of (mixtures, domains) tokens.

        They are predicted at the swarm's total, whatever the total of the amounts.
        """
        weights = amounts / amounts.sum(axis=1, keepdims=True)
        return Exponentials(self.parameters).predict(weights)

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float]:
        """Returns the best mixture (domains,) and its certified gap, nats/token."""
        laws = Exponentials(self.parameters)
        inside = (*goal.bounds.parts, limits.most, limits.start)
        return best_mixture(laws, importance, *inside, certify=_linear_gap)

    def convex_laws(self, goal: Goal) -> tuple[Laws, Certify]:
        """Returns the laws, and what bounds the gap of their sums."""
        return Exponentials(self.parameters), _linear_gap

    def note(self, importance: Array, weights: Array) -> str:
        """Returns a sentence on how many domains the proposal uses."""
        used = int((weights > 1e-6).sum())
        return (
            f"{used} of {len(weights)} domains used: a log-linear law knows no diminishing returns"
        )


@dataclass(frozen=True)
class Exponentials:
    """The laws c + exp(t.w) of some targets: their values and derivatives."""

    # (targets, 1 + domains): c (nats/token) and t
    parameters: Array

    @property
    def level(self) -> Array:
        """c (targets,), nats/token."""
        return self.parameters[:, 0]

    @property
    def effect(self) -> Array:
        """t (targets, domains)."""
        return self.parameters[:, 1:]

    def only(self, chosen: NDArray[np.bool_]) -> "Exponentials":
        """Returns the laws of the chosen targets."""
        return Exponentials(self.parameters[chosen])

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, targets) losses, nats/token, of weights (mixtures, domains)."""
        return self.level + np.exp(weights @ self.effect.T)

    def slopes(self, w: Array) -> Array:
        """Returns (targets, domains) gradients at w (domains,)."""
        rise = np.exp(self.effect @ w)
        return rise[:, None] * self.effect

    def curvature(self, importance: Array, w: Array) -> Array:
        """Returns the (domains, domains) Hessian of importance @ losses at w (domains,)."""
        return (self.slopes(w).T * importance) @ self.effect


def fit_log_linear(
    weights: Array,
    losses: Array,
    iterations: int,
    near: Array | None = None,
) -> Array:
    """Fits c and t of every target, and keeps the best of three starts.

    Args:
        weights: (runs, domains).
        losses: (runs, targets) nats/token.
        iterations: the most steps of each start.
        near: (targets, 1 + domains) where to start instead; centres of the penalty stay as they
            are.

    Returns:
        (targets, 1 + domains): c and t.
    """
    spread = Spread.of(losses)
    tamed = spread.tame(losses)
    deviation = spread.deviation
    strength = np.full(1 + weights.shape[1], RIDGE)
    strength[0] = 0.0

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        level = theta[:, :1]
        effect = theta[:, 1:]
        rise = np.exp(np.minimum(effect @ weights.T, GREATEST))
        jacobian = np.empty((*rise.shape, 1 + weights.shape[1]))
        jacobian[..., 0] = 1.0
        jacobian[..., 1:] = rise[..., None] * weights
        jacobian /= deviation[rows, None, None]
        residual = level + rise - tamed.T[rows]
        return residual / deviation[rows, None], jacobian

    fits = []
    costs = []
    floors: tuple[float, ...] = FLOORS
    if near is not None:
        floors = FLOORS[:1]
    for floor in floors:
        level = tamed.min(axis=0) - floor * deviation
        start = _start(weights, tamed, level)
        centre = start.copy()
        centre[:, 1:] = start[:, 1:].mean(axis=1, keepdims=True)
        if near is not None:
            start = near
        theta, cost = minimise(start, residuals, strength, centre, iterations)
        fits.append(theta)
        costs.append(cost)
    best = np.argmin(costs, axis=0)
    parameters = np.stack(fits)[best, np.arange(len(best))]
    flat = ~spread.varies
    parameters[flat, 0] = spread.centre[flat]
    parameters[flat, 1:] = NOTHING
    return parameters


def _start(weights: Array, losses: Array, level: Array) -> Array:
    """Returns (targets, 1 + domains): the level c as it is, t by regression of log(loss - c)."""
    effect = np.linalg.lstsq(weights, np.log(losses - level), rcond=1e-6)[0]
    return np.column_stack([level, effect.T])


def _linear_gap(
    laws: Exponentials,
    importance: Array,
    weights: Array,
    lower: Array,
    upper: Array,
    groups: Groups = (),
) -> float:
    """Returns the Frank-Wolfe gap, max over w' of slope.(w - w'), nats/token.

    It bounds what the mixture misses. It is useful here because slopes are finite.
    """
    slope = importance @ laws.slopes(weights)
    return frank_wolfe_gap(slope, weights, lower, upper, groups)
