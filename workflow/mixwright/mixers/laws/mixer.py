"""What the mixers have in common whose fit is a `Law`: predictions and the certified optimum."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted
from mixwright.mixers.excess import Excess
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.optimum import Certify, Laws, best_mixture, certificate
from mixwright.mixers.laws.shapes import ShapedLaw
from mixwright.mixers.laws.worst import best_for_worst
from mixwright.mixers.limits import Limits, Predictor
from mixwright.mixture import Array
from mixwright.observations import Observations

# Steps of a refit, at most.
REFIT_STEPS = 10
# The fewest runs of a fit.
LEAST = 8
# By how much the lengths of a swarm's runs may differ, as a share of the longest.
SAME_LENGTH = 0.05
# Domains that a note names, and how it begins.
NAMED = 3
TEACHES = "most effective data per share of training"


@dataclass(frozen=True)
class LawMixer(Fitted):
    """A mixer whose predictions are laws in weights, at the swarm's own scale."""

    # gap in nats/token above which a proposal's note says how far the optimum is certified
    tolerance: float = 1e-6
    # steps of a fit, at most
    iterations: int = 200
    # (targets, 4 + 3 domains): the fields of Law, side by side
    parameters: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name = "law"
    of_wild = "less weight there"

    def fit(self, observations: Observations) -> Self:
        """Returns a copy fitted to the swarm runs of one length."""
        swarm = self.usable(observations, "swarm", least=LEAST)
        self.check_length(swarm)
        return self._with_law(swarm, self.fit_law(swarm, self.iterations))

    def refit(self, observations: Observations) -> Self:
        """Returns a copy after a few steps from where this fit ended.

        They move predictions to within a tenth of the way that more steps would.
        """
        swarm = self.usable(observations, "swarm", least=LEAST)
        steps = min(REFIT_STEPS, self.iterations)
        return self._with_law(swarm, self.fit_law(swarm, steps, self.law))

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        """Fits the mixer's law in at most so many steps, from `near` if a law is given."""
        raise NotImplementedError

    def _with_law(self, runs: Observations, law: Law) -> Self:
        """Returns a fitted copy that holds the law."""
        return self.learned(runs, parameters=columns_of(law))

    @property
    def law(self) -> Law:
        """The fitted law."""
        return law_of(self.parameters)

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token of (mixtures, domains) tokens.

        They are predicted at the swarm's total, whatever the total of the amounts.
        """
        return self.law.predict(amounts / amounts.sum(axis=1, keepdims=True))

    def propose(self, goal: Goal) -> Proposal:
        """Returns the mixture of the least predicted objective inside bounds and limits."""
        importance = self.target_weights(goal)
        of_mixtures = self.at(goal)
        limits = Limits.of(of_mixtures, goal)
        gap: float | None
        of_worst: tuple[str, ...] = ()
        if goal.worst:
            excess = Excess.of(of_mixtures, goal, importance)
            weights, gap = self.worst_optimum(importance, goal, limits, excess)
            of_worst = excess.notes(of_mixtures.predict(weights[None])[0])
        else:
            weights, gap = self.optimum(importance, goal, limits)
        predicted = of_mixtures.predict(weights[None])[0]
        notes = (
            *of_worst,
            *self.gap_notes(gap),
            *self.scale_notes(goal, weights),
            self.note(importance, weights),
            *limits.notes(predicted),
        )
        return Proposal(
            mixer=self.name,
            mixture=goal.mixture(weights),
            predicted=self.in_goal(predicted, goal),
            gap=gap,
            notes=notes,
        )

    def at(self, goal: Goal) -> Predictor:
        """Returns what predicts mixtures (mixtures, domains) for the goal."""
        return self

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float | None]:
        """Returns the best mixture (domains,) and its gap, nats/token; None: not certified."""
        return best_mixture(
            self.law,
            importance,
            *goal.bounds.parts,
            limits.most,
            limits.start,
        )

    def worst_optimum(
        self, importance: Array, goal: Goal, limits: Limits, excess: Excess
    ) -> tuple[Array, float | None]:
        """Returns the mixture (domains,) that is best for the worst target, and its gap."""
        laws, certify = self.convex_laws(goal)
        return best_for_worst(
            laws,
            importance,
            excess.reference,
            *goal.bounds.parts,
            limits.most,
            limits.start,
            certify,
        )

    def convex_laws(self, goal: Goal) -> tuple[Laws, Certify]:
        """Returns convex laws in mixtures for the goal, and what bounds the gap of their sums."""
        return self.law, certificate

    def scale_notes(self, goal: Goal, weights: Array) -> tuple[str, ...]:
        """Returns notes on what of the goal's tokens the runs do not cover."""
        return ()

    def gap_notes(self, gap: float | None) -> tuple[str, ...]:
        """Returns a note where the gap is above the tolerance."""
        if gap is None or gap <= self.tolerance:
            return ()
        note = (
            f"the optimum is certified to {gap:.1e} only, above the tolerance {self.tolerance:.0e}"
        )
        return (note,)

    def note(self, importance: Array, weights: Array) -> str:
        """Returns a sentence on the law: which domains hold most effective data for the goal."""
        if not self.law.transfer.any():
            return "the law is linear: without caps it proposes corners"
        share = self.law.transfer / self.law.transfer.sum(axis=1, keepdims=True)
        order = np.argsort(-(importance @ share))[:NAMED]
        names = [self.domains[i] for i in order]
        return f"{TEACHES}: {', '.join(names)}"

    def check_length(self, swarm: Observations) -> None:
        """Refuses runs of different length: in weights they would be points of two curves."""
        if np.ptp(swarm.tokens) > SAME_LENGTH * swarm.tokens.max():
            raise MixwrightError(
                f"{self.name}: the swarm mixes runs of different length;"
                " fit one proxy.tokens at a time"
            )


def columns_of(law: Law | ShapedLaw) -> Array:
    """Returns the fields of a law side by side: (targets, 4 + 3 domains), more if it is wider."""
    # A part of (targets,) becomes a column; one of (targets, domains) stays as it is.
    columns = [np.atleast_2d(part.T).T for part in vars(law).values()]
    return np.column_stack(columns)


def law_of(columns: Array) -> Law:
    """Returns the law of (targets, 4 + 3 domains) fields side by side: inverse of `columns_of`."""
    m = (columns.shape[1] - 4) // 3
    parts = np.split(columns, np.cumsum([1, 1, 1, 1, m, m]), axis=1)
    single = [part[:, 0] for part in parts[:4]]
    return Law(*single, *parts[4:])
