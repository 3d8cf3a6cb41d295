"""MixMin (arXiv 2502.10510): the mixture of one-domain proxies most likely to write the targets.

One proxy is trained on each domain alone. The mixture minimises the cross-entropy of the mixed
proxies on the targets' examples, and a pull to the natural mixture:

    f(w) = -sum_j a_j log( sum_i w_i L_ji ) + tau (sum_j a_j) KL(w || natural)

    w_i   weight of domain i; the weights lie on the simplex, inside the goal's bounds
    L_ji  likelihood of the whole example j under the proxy of domain i
    a_j   weight of example j, 1 / tokens: (goal's weight of its target) / (examples of the target
          * scored tokens of j), so that f is in nats/token
    tau   strength of the pull, no unit; the paper has none (tau = 0)

f is convex: solver.py finds its minimum and certifies it by a gap. With `objective: worst` the
least of the targets' gains over natural takes the place of the goal's mean (worst.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, Fitted
from mixwright.mixers.mixmin.examples import (
    GoalExamples,
    gain_note,
    intervals,
    refuse_nan,
    scored_targets,
)
from mixwright.mixers.mixmin.solver import solve
from mixwright.mixers.mixmin.worst import (
    cost_note,
    greatest_total,
    least_gain,
    solve_examples,
    solve_worst,
    worst_note,
)
from mixwright.mixture import Array
from mixwright.numerics.sqp import Solution
from mixwright.observations import Likelihoods, Observations

__all__ = ["MixMin", "Solution", "solve", "solve_worst"]

# Folds of the examples, to ask which pull to natural holds on examples that did not choose.
FOLDS = 5
# Reporting examples of each target at least. With fewer, held-out folds say what is gained.
REPORTING = 8
# Pulls to natural that "auto" tries.
STRENGTHS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3)


@dataclass(frozen=True)
class MixMin(Fitted):
    """Fits nothing but the table of likelihoods; `propose` solves.

    Examples that report never choose, neither the mixture nor tau. Where there are such examples,
    the gain over natural is measured on them.
    """

    # mean: the goal's weighted mean of its targets; worst: the target that gains least over natural
    objective: str = "mean"
    # a number, or "auto": the one among STRENGTHS that gains most on held-out folds
    tau: float | str = "auto"
    # sqp, em or published (the paper's own solver, without a pull)
    method: str = "sqp"
    # gap at which the solver stops, relative to sum_j a_j
    tolerance: float = 1e-6
    # resampled examples that intervals are made from; 0: no intervals
    draws: int = 100
    # of each target (examples, domains) nats, and (examples,) scored tokens
    likelihoods: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)
    scored: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)
    # the same of the examples that report
    reported: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)
    reported_scored: tuple[Array, ...] = field(default=(), metadata=FITTED, repr=False)
    name = "mixmin"

    def __post_init__(self) -> None:
        if self.objective not in ("mean", "worst"):
            raise MixwrightError(
                f"mixers: mixmin.objective is {self.objective}; write mean or worst"
            )
        if self.worst and self.method != "sqp":
            raise MixwrightError(
                f"mixers: mixmin.method {self.method} minimises the mean alone;"
                " take method sqp, or objective mean"
            )

    @property
    def worst(self) -> bool:
        """Whether the worst target is minimised."""
        return self.objective == "worst"

    def fit(self, observations: Observations) -> Self:
        """Takes the likelihoods of every target that was scored example by example."""
        targets = scored_targets(observations)
        blocks = [observations.likelihoods[target] for target in targets]
        for target, block in zip(targets, blocks, strict=True):
            refuse_nan(target, block.values)
        values, scored = _tables([block.choosing for block in blocks])
        reported, reported_scored = _tables([block.reporting for block in blocks])
        fitted = self.learned(
            observations,
            likelihoods=values,
            scored=scored,
            reported=reported,
            reported_scored=reported_scored,
        )
        # The other targets of the losses have no examples to mix on.
        return replace(fitted, targets=targets)

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) losses of the *mixed proxies*, nats/token.

        They rank mixtures; they do not forecast the loss of a model.

        Args:
            amounts: (mixtures, domains) tokens.
        """
        weights = amounts / amounts.sum(axis=1, keepdims=True)
        columns = []
        for alone in np.eye(len(self.targets)):
            columns.append(self._choosing(alone).losses(weights))
        return np.column_stack(columns)

    def propose(self, goal: Goal) -> Proposal:
        """Minimises f, and says what its minimum gains over natural."""
        importance = self._importance(goal)
        choosing = self._choosing(importance)
        reporting = GoalExamples.of(self.reported, self.reported_scored, importance)
        tau, held_out = self._choose_tau(choosing, goal)
        solution = self._solve(choosing, goal, tau)
        if reporting.fewest(importance) >= REPORTING:
            judging = reporting
            gains = reporting.gains(solution.weights, goal.natural)
            where = "examples that reported only"
        else:
            judging = choosing
            gains = held_out
            where = "held-out folds of the examples"
            if self.tau == "auto":
                where += " (they chose the pull too: somewhat too high)"
        reports = judging is reporting
        trust = {}
        if self.worst:
            gained = worst_note(judging, gains, self.targets, tau, where)
            notes = [gained, *self._worst_notes(goal, solution.weights, tau, reports)]
        else:
            notes = [gain_note(gains, tau, where)]
        if self.draws and not self.worst:
            trust = intervals(
                choosing,
                judging,
                gains,
                goal,
                solution.weights,
                tau,
                self.targets,
                self.draws,
            )
        predicted = self._losses(solution.weights, reports)
        return Proposal(
            mixer="mixmin",
            mixture=goal.mixture(solution.weights),
            predicted=self.in_goal(predicted, goal),
            gap=solution.gap,
            notes=(*notes, *self._gap_notes(solution, choosing)),
            intervals=trust,
        )

    def _losses(self, weights: Array, reports: bool) -> Array:
        """(targets,) losses of the mixed proxies at a mixture, nats/token.

        Examples that chose the mixture think too well of it: where others report, they are read.

        Args:
            weights: (domains,) the mixture.
            reports: whether to read the examples that report; targets without any keep the others.
        """
        losses = self.predict(weights[None])[0]
        if not reports:
            return losses
        for k, alone in enumerate(np.eye(len(self.targets))):
            examples = GoalExamples.of(self.reported, self.reported_scored, alone)
            if len(examples.target):
                losses[k] = examples.losses(weights[None])[0]
        return losses

    def _importance(self, goal: Goal) -> Array:
        """(targets,) weights in the objective; the worst is looked for among those with any."""
        weights = self.target_weights(goal)
        if self.worst:
            return np.where(weights > 0, 1.0, 0.0)
        return weights

    def _worst_notes(self, goal: Goal, weights: Array, tau: float, reports: bool) -> list[str]:
        """What the worst target costs the others, and what was not done for it.

        `reports` says whether losses are read from the examples that report.
        """
        notes = []
        importance = self.target_weights(goal)
        chosen = np.flatnonzero(importance)
        names = [self.targets[k] for k in chosen]
        if len(names) > 1:
            of_mean = replace(self, objective="mean")
            best = of_mean._solve(self._choosing(importance), goal, tau)
            changes = self._losses(weights, reports) - self._losses(best.weights, reports)
            notes.append(cost_note(names, changes[chosen]))
        shares = [goal.targets[name] for name in names]
        if max(shares) > min(shares):
            notes.append(
                "objective worst counts targets alike: their weights in the goal are not used"
            )
        if self.draws:
            notes.append("no intervals: objective worst has none")
        return notes

    def _gap_notes(self, solution: Solution, choosing: GoalExamples) -> list[str]:
        if solution.converged:
            return []
        gap = solution.gap / self._total(choosing)
        return [
            f"the gap {gap:.1e} stayed above the tolerance {self.tolerance:.0e}"
            f" after {solution.iterations} steps"
        ]

    def _total(self, examples: GoalExamples) -> float:
        """The sum of example weights that the tolerance and the pull are relative to."""
        if self.worst:
            return greatest_total(examples)
        return float(examples.importance.sum())

    def _choosing(self, importance: Array) -> GoalExamples:
        """The examples that choose, weighted by (targets,) importance."""
        return GoalExamples.of(self.likelihoods, self.scored, importance)

    def _choose_tau(self, choosing: GoalExamples, goal: Goal) -> tuple[float, Array]:
        """The pull that gains most on held-out folds, the strongest of equals; and its gains."""
        gains = {}
        for tau in self._strengths():
            gains[tau] = self._held_out_gains(choosing, goal, tau)
        worth = {tau: self._worth(choosing, gains[tau]) for tau in gains}
        best = max(worth, key=lambda tau: (worth[tau], tau))
        return best, gains[best]

    def _worth(self, examples: GoalExamples, gains: Array) -> float:
        """What (examples,) gains amount to: that of the goal, or that of its worst target."""
        if self.worst:
            return least_gain(examples, gains)
        return float(gains.sum())

    def _strengths(self) -> tuple[float, ...]:
        """The pulls to try."""
        if self.tau == "auto":
            return (0.0,) if self.method == "published" else STRENGTHS
        if isinstance(self.tau, str) or self.tau < 0:
            raise MixwrightError(
                f"mixers: mixmin.tau is {self.tau}; write a number from 0 on, or auto"
            )
        return (float(self.tau),)

    def _solve(self, examples: GoalExamples, goal: Goal, tau: float) -> Solution:
        pull = tau * self._total(examples)
        if self.worst:
            return solve_examples(examples, goal, pull, self.tolerance)
        return solve(
            examples.values,
            examples.importance,
            tolerance=self.tolerance,
            lower=goal.bounds.lower,
            upper=goal.bounds.upper,
            prior=goal.natural,
            tau=pull,
            method=self.method,
            groups=goal.bounds.groups,
        )

    def _held_out_gains(self, examples: GoalExamples, goal: Goal, tau: float) -> Array:
        """(examples,) weighted gains over natural, under what the other folds choose."""
        fold = examples.folds(FOLDS, goal.seed)
        gains = np.zeros(len(examples.importance))
        for k in range(FOLDS):
            inside = fold != k
            outside = fold == k
            if inside.any() and outside.any():
                weights = self._solve(examples.only(inside), goal, tau).weights
                gains[outside] = examples.only(outside).gains(weights, goal.natural)
        return gains


def _tables(blocks: Sequence[Likelihoods]) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Of each target the log-likelihoods, and the scored tokens, at least 1 an example."""
    values = []
    scored = []
    for block in blocks:
        values.append(block.values)
        scored.append(np.maximum(block.scored_tokens, 1.0))
    return tuple(values), tuple(scored)
