"""The effective-data law as a mixer: one convex law a target, and the certified optimum of their weighted sum."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixers.effective_law import Law, Prior, fit_law
from mixwright.mixers.effective_optimum import best_mixture
from mixwright.mixers.saved import FITTED, UNKNOWN, Fitted
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations

PARTS = tuple(Law.__dataclass_fields__)


@dataclass(frozen=True)
class EffectiveData(Fitted):
    """L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b) + beta.w, in mixtures at the swarm's own scale; `tolerance` of the gap in nats/token.

    A target that bears a domain's name is taken to be that domain's text.
    """

    tolerance: float = 1e-6
    iterations: int = 200
    parameters: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)  # (targets, 4 + 3 domains): the columns of Law, side by side

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=8)
        if np.ptp(swarm.tokens) > 0.05 * swarm.tokens.max():
            raise MixwrightError("EffectiveData: the swarm mixes runs of different length; fit one proxy.tokens at a time")
        own = np.array([[float(domain == target) for domain in swarm.domains] for target in swarm.targets])
        law = fit_law(swarm.weights, swarm.losses, Prior(), self.iterations, own)
        parameters = np.column_stack([np.atleast_2d(part.T).T for part in vars(law).values()])
        return self.learned(swarm, parameters=parameters)

    @property
    def law(self) -> Law:
        m = len(self.domains)
        widths = np.cumsum([1, 1, 1, 1, m, m])
        parts = np.split(self.parameters, widths, axis=1)
        return Law(*(part[:, 0] for part in parts[:4]), *parts[4:])

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return self.law.predict(amounts / amounts.sum(axis=1, keepdims=True))

    def propose(self, goal: Goal) -> Proposal:
        importance = self.target_weights(goal)
        weights, gap = best_mixture(self.law, importance, goal.bounds.lower, goal.bounds.upper)
        predicted = self.law.predict(weights[None])[0]
        notes = (
            [] if gap <= self.tolerance else [f"the optimum is certified to {gap:.1e} nats only, above the tolerance {self.tolerance:.0e}"]
        )
        return Proposal("effective-data", weights, self.in_goal(predicted, goal), gap, (*notes, self._strongest(importance)))

    def _strongest(self, importance: Array) -> str:
        """The transfer matrix in a sentence: which domains hold most effective data for the goal."""
        share = self.law.transfer / self.law.transfer.sum(axis=1, keepdims=True)
        order = np.argsort(-(importance @ share))[:3]
        return "most effective data per share of training: " + ", ".join(self.domains[i] for i in order)
