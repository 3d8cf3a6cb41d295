"""MixMin (arXiv 2502.10510): the mixture of one-domain proxies that gives the targets' examples the most likelihood."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, Fitted
from mixwright.mixers.mixmin.examples import Examples, gain_note, intervals
from mixwright.mixers.mixmin.objectives import solve_squared, solve_worst
from mixwright.mixers.mixmin.solver import solve
from mixwright.mixture import Array
from mixwright.numerics.sqp import Solution
from mixwright.observations import Likelihoods, Observations

__all__ = ["MixMin", "Solution", "solve", "solve_squared", "solve_worst"]

FOLDS = 5  # of the examples, to ask which pull to natural holds on examples not optimised
REPORTING = 8  # examples of each target that report, at least: below, held-out folds say what the mixture gains
STRENGTHS = (
    0.0,
    0.003,
    0.01,
    0.03,
    0.1,
    0.3,
)  # of the pull to natural, as shares of the examples' total weight


@dataclass(frozen=True)
class MixMin(Fitted):
    """Minimises -sum_j a_j log sum_i w_i L_ji + tau KL(w || natural), with a_j = 1 / (examples * tokens of j), by target.

    `tau` is relative to sum_j a_j; "auto" chooses it among a few on held-out folds. `method: published` is the paper's own solver.
    Examples that report never choose: neither the mixture nor tau; the gain over natural is theirs, where there are such.
    """

    tau: float | str = "auto"
    method: str = "sqp"
    tolerance: float = 1e-6
    draws: int = 100
    likelihoods: tuple[Array, ...] = field(
        default=(), metadata=FITTED, repr=False
    )  # a target: (examples, domains) nats
    scored: tuple[Array, ...] = field(
        default=(), metadata=FITTED, repr=False
    )  # a target: (examples,) scored tokens
    reported: tuple[Array, ...] = field(
        default=(), metadata=FITTED, repr=False
    )  # the same of the examples that report
    reported_scored: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)
    name = "mixmin"

    def fit(self, seen: Observations) -> Self:
        if not seen.likelihoods:
            raise MixwrightError(
                "MixMin needs the log-likelihoods of the vertex runs and there are none; train the vertex design"
            )
        targets = tuple(sorted(seen.likelihoods))
        for target in targets:
            if np.isnan(seen.likelihoods[target].values).any():
                raise MixwrightError(
                    f"MixMin: target {target} has a log-likelihood of NaN; score it again"
                )
        values, scored = _tables([seen.likelihoods[target].choosing for target in targets])
        reported, reported_scored = _tables(
            [seen.likelihoods[target].reporting for target in targets]
        )
        found = self.learned(
            seen,
            likelihoods=values,
            scored=scored,
            reported=reported,
            reported_scored=reported_scored,
        )
        return replace(
            found, targets=targets
        )  # the others of the losses were never scored example by example

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token of the *mixed proxies*: it ranks, it does not forecast a level."""
        weights = amounts / amounts.sum(axis=1, keepdims=True)
        return np.column_stack(
            [
                self._choosing(np.eye(len(self.targets))[k]).losses(weights)
                for k in range(len(self.targets))
            ]
        )

    def propose(self, goal: Goal) -> Proposal:
        importance = self.target_weights(goal)
        choosing, reporting = (
            self._choosing(importance),
            Examples.of(self.reported, self.reported_scored, importance),
        )
        held_out = {tau: self._held_out_gain(choosing, goal, tau) for tau in self._strengths()}
        tau = max(held_out, key=lambda t: (held_out[t].sum(), t))
        found = self._solve(choosing, goal, tau)
        enough = reporting.least(importance) >= REPORTING
        each = reporting.gains(found.weights, goal.natural) if enough else held_out[tau]
        notes = [
            gain_note(
                each,
                tau,
                "examples that reported only" if enough else "held-out folds of the examples",
            )
        ]
        if not found.converged:
            gap = found.gap / choosing.importance.sum()
            notes.append(
                f"the gap {gap:.1e} stayed above the tolerance {self.tolerance:.0e} after {found.iterations} steps"
            )
        predicted = self.predict(found.weights[None])[0]
        told = reporting if enough else choosing
        trust = (
            intervals(choosing, told, each, goal, found.weights, tau, self.targets, self.draws)
            if self.draws
            else {}
        )
        return Proposal(
            "mixmin",
            goal.mixture(found.weights),
            self.in_goal(predicted, goal),
            found.gap,
            tuple(notes),
            trust,
        )

    def _choosing(self, importance: Array) -> Examples:
        return Examples.of(self.likelihoods, self.scored, importance)

    def _strengths(self) -> tuple[float, ...]:
        if self.tau == "auto":
            return (0.0,) if self.method == "published" else STRENGTHS
        if isinstance(self.tau, str) or self.tau < 0:
            raise MixwrightError(
                f"mixers: mixmin.tau is {self.tau}; write a number from 0 on, or auto"
            )
        return (float(self.tau),)

    def _solve(self, examples: Examples, goal: Goal, tau: float) -> Solution:
        return solve(
            examples.values,
            examples.importance,
            tolerance=self.tolerance,
            lower=goal.bounds.lower,
            upper=goal.bounds.upper,
            prior=goal.natural,
            tau=tau * float(examples.importance.sum()),
            method=self.method,
            groups=goal.bounds.groups,
        )

    def _held_out_gain(self, examples: Examples, goal: Goal, tau: float) -> Array:
        """(examples,) gain over natural, weighted, of each example under the mixture that the other folds choose."""
        fold, gain = examples.folds(FOLDS, goal.seed), np.zeros(len(examples.importance))
        for k in range(FOLDS):
            inside, outside = fold != k, fold == k
            if inside.any() and outside.any():
                weights = self._solve(examples.only(inside), goal, tau).weights
                gain[outside] = examples.only(outside).gains(weights, goal.natural)
        return gain


def _tables(likelihoods: list[Likelihoods]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    return tuple(each.values for each in likelihoods), tuple(
        np.maximum(each.scored_tokens, 1.0) for each in likelihoods
    )
