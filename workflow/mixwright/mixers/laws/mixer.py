"""What the mixers have in common whose fit is a `Law`: convex predictions, and the certified optimum of their weighted sum."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixers.limits import Limits, Predictor
from mixwright.mixture import Array
from mixwright.observations import Observations

REFIT_STEPS = 10  # of a refit


@dataclass(frozen=True)
class LawMixer(Fitted):
    """A mixer in mixtures at the swarm's own scale; `tolerance` is of the gap in nats/token."""

    tolerance: float = 1e-6
    iterations: int = 200
    parameters: Array = field(
        default=UNKNOWN, metadata=FITTED, repr=False
    )  # (targets, 4 + 3 domains): the columns of Law, side by side
    name = "law"

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=8)
        self.check_length(swarm)
        return self._with_law(swarm, self.fit_law(swarm, self.iterations))

    def refit(self, seen: Observations) -> Self:
        """A few steps from where this fit ended: they move predictions to within a tenth of the way that more steps would."""
        swarm = self.usable(seen, "swarm", least=8)
        return self._with_law(
            swarm, self.fit_law(swarm, min(REFIT_STEPS, self.iterations), self.law)
        )

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        raise NotImplementedError

    def _with_law(self, swarm: Observations, law: Law) -> Self:
        return self.learned(
            swarm,
            parameters=np.column_stack([np.atleast_2d(part.T).T for part in vars(law).values()]),
        )

    @property
    def law(self) -> Law:
        m = len(self.domains)
        parts = np.split(self.parameters, np.cumsum([1, 1, 1, 1, m, m]), axis=1)
        return Law(*(part[:, 0] for part in parts[:4]), *parts[4:])

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return self.law.predict(amounts / amounts.sum(axis=1, keepdims=True))

    def propose(self, goal: Goal) -> Proposal:
        importance, of_mixtures = self.target_weights(goal), self.at(goal)
        limits = Limits.of(of_mixtures, goal)
        weights, gap = self.optimum(importance, goal, limits)
        predicted = of_mixtures.predict(weights[None])[0]
        notes = (
            *self.gap_notes(gap),
            *self.scale_notes(goal, weights),
            self.note(importance, weights),
            *limits.notes(predicted),
        )
        return Proposal(self.name, goal.mixture(weights), self.in_goal(predicted, goal), gap, notes)

    def at(self, goal: Goal) -> Predictor:
        """Predictions of mixtures for the goal."""
        return self

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float]:
        """The best mixture (domains,) and its certified gap (nats)."""
        return best_mixture(self.law, importance, *goal.bounds.parts, limits.most, limits.start)

    def scale_notes(self, goal: Goal, weights: Array) -> tuple[str, ...]:
        """What of the goal's tokens the runs do not cover."""
        return ()

    def gap_notes(self, gap: float) -> tuple[str, ...]:
        far = f"the optimum is certified to {gap:.1e} nats only, above the tolerance {self.tolerance:.0e}"
        return () if gap <= self.tolerance else (far,)

    def note(self, importance: Array, weights: Array) -> str:
        """The transfer matrix in a sentence: which domains hold most effective data for the goal."""
        share = self.law.transfer / self.law.transfer.sum(axis=1, keepdims=True)
        order = np.argsort(-(importance @ share))[:3]
        return "most effective data per share of training: " + ", ".join(
            self.domains[i] for i in order
        )

    def check_length(self, swarm: Observations) -> None:
        """Refuses runs of different length: in mixtures they would be one regression of two curves."""
        if np.ptp(swarm.tokens) > 0.05 * swarm.tokens.max():
            raise MixwrightError(
                f"{type(self).__name__}: the swarm mixes runs of different length; fit one proxy.tokens at a time"
            )
