"""MixMin (arXiv 2502.10510): the mixture of one-domain proxies that gives the targets' examples the most likelihood."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np
from scipy.special import logsumexp

from mixwright.errors import MixwrightError
from mixwright.mixers.mixmin_objectives import solve_squared, solve_worst
from mixwright.mixers.mixmin_solver import solve
from mixwright.mixers.saved import FITTED, Fitted
from mixwright.mixers.sequential import Solution
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations

__all__ = ["MixMin", "Solution", "solve", "solve_squared", "solve_worst"]

FOLDS = 5  # of the examples, to ask whether the gain over natural holds on examples not optimised
STRENGTHS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)  # of the pull to natural, as shares of the examples' total weight


@dataclass(frozen=True)
class MixMin(Fitted):
    """Minimises -sum_j a_j log sum_i w_i L_ji + tau KL(w || natural), with a_j = 1 / (examples * tokens of j), by target.

    `tau` is relative to sum_j a_j; "auto" chooses it among a few on held-out examples. `method: published` is the paper's own solver.
    """

    tau: float | str = "auto"
    method: str = "sqp"
    tolerance: float = 1e-6
    likelihoods: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)  # a target: (examples, domains) nats
    scored: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)  # a target: (examples,) scored tokens

    def fit(self, seen: Observations) -> Self:
        if not seen.likelihoods:
            raise MixwrightError("MixMin needs the log-likelihoods of the vertex runs and there are none; train the vertex design")
        targets = tuple(sorted(seen.likelihoods))
        values = tuple(seen.likelihoods[target].values for target in targets)
        scored = tuple(np.maximum(seen.likelihoods[target].scored_tokens, 1.0) for target in targets)
        for target, block in zip(targets, values, strict=True):
            if np.isnan(block).any():
                raise MixwrightError(f"MixMin: target {target} has a log-likelihood of NaN; score it again")
        return self.learned(seen, likelihoods=values, scored=scored)._named(targets)

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token of the *mixed proxies*: it ranks, it does not forecast a level."""
        weights = amounts / amounts.sum(axis=1, keepdims=True)
        return np.column_stack([self._mixed_loss(k, weights) for k in range(len(self.targets))])

    def propose(self, goal: Goal) -> Proposal:
        values, importance, targets = self._examples(self.target_weights(goal))
        total = float(importance.sum())
        gains = {tau: self._held_out_gain(values, importance, targets, goal, tau) for tau in self._strengths()}
        tau = max(gains, key=lambda t: (gains[t][0], t))
        found = self._solve(values, importance, goal, tau)
        predicted = self.predict(found.weights[None])[0]
        notes = [self._gain_note(gains[tau], tau)]
        if not found.converged:
            notes.append(f"the gap {found.gap / total:.1e} stayed above the tolerance {self.tolerance:.0e} after {found.iterations} steps")
        return Proposal("mixmin", found.weights, self.in_goal(predicted, goal), found.gap, tuple(notes))

    def _named(self, targets: tuple[str, ...]) -> Self:
        """Only targets with likelihoods count; the others of the losses were never scored example by example."""
        return replace(self, targets=targets)

    def _strengths(self) -> tuple[float, ...]:
        if self.tau == "auto":
            return STRENGTHS if self.method == "sqp" else (0.0,)
        if isinstance(self.tau, str) or self.tau < 0:
            raise MixwrightError(f"mixers: mixmin.tau is {self.tau}; write a number from 0 on, or auto")
        return (float(self.tau),)

    def _examples(self, importance: Array) -> tuple[Array, Array, Array]:
        """Log-likelihoods, a_j and target index of the goal's examples, all targets one below the other."""
        chosen = np.flatnonzero(importance)
        values = np.concatenate([self.likelihoods[k] for k in chosen])
        a = np.concatenate([importance[k] / (len(self.scored[k]) * self.scored[k]) for k in chosen])
        return values, a, np.concatenate([np.full(len(self.scored[k]), k) for k in chosen])

    def _solve(self, values: Array, importance: Array, goal: Goal, tau: float) -> Solution:
        return solve(
            values,
            importance,
            tolerance=self.tolerance,
            lower=goal.bounds.lower,
            upper=goal.bounds.upper,
            prior=goal.natural,
            tau=tau * float(importance.sum()),
            method=self.method,
        )

    def _mixed_loss(self, target: int, weights: Array) -> Array:
        values, scored = self.likelihoods[target], self.scored[target]
        a = 1 / (len(scored) * scored)
        return np.array([-float(a @ mixed(values, w)) for w in weights])

    def _held_out_gain(self, values: Array, importance: Array, targets: Array, goal: Goal, tau: float) -> tuple[float, float]:
        """Gain over natural (nats/token) on examples left out of the optimisation, and its standard error."""
        fold = np.empty(len(values), dtype=np.int64)
        for target in np.unique(targets):  # every fold holds every target
            rows = np.flatnonzero(targets == target)
            fold[rows] = np.random.default_rng([goal.seed, int(target)]).permutation(len(rows)) % FOLDS
        gain = np.zeros(len(values))
        for k in range(FOLDS):
            inside, outside = fold != k, fold == k
            if not inside.any() or not outside.any():
                continue
            weights = self._solve(values[inside], importance[inside], goal, tau).weights
            gain[outside] = mixed(values[outside], weights) - mixed(values[outside], goal.natural)
        each = importance * gain
        return float(each.sum()), float(np.sqrt(len(each)) * each.std())

    def _gain_note(self, gain: tuple[float, float], tau: float) -> str:
        mean, error = gain
        verdict = "gain over natural" if mean > 2 * error else "no clear gain over natural"
        return f"{verdict} on held-out examples: {mean:+.4f} +- {error:.4f} nats/token of the mixed proxies (pull to natural {tau:g})"


def mixed(loglikelihoods: Array, weights: Array) -> Array:
    """(examples,) log-likelihoods of the mixture of the proxies."""
    return np.asarray(logsumexp(loglikelihoods, axis=1, b=weights))
