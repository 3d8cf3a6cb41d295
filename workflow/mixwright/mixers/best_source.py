"""The single domain that serves the targets best: what one proxy a domain is enough to choose."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixers.saved import FITTED, UNKNOWN, Fitted
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations
from mixwright.simplex import minimise_linear


@dataclass(frozen=True)
class BestSource(Fitted):
    """As much as the bounds allow of the domain whose own proxy has the lowest objective, then of the next."""

    losses: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)  # (domains, targets) of each domain's proxy, nats/token
    spares = False

    def fit(self, seen: Observations) -> Self:
        vertices = self.usable(seen, "vertex", least=1)
        lacking = [name for name, weights in zip(seen.domains, vertices.weights.T, strict=True) if not (weights > 0.999).any()]
        if lacking:
            raise MixwrightError(f"best-source: no vertex run of {lacking[0]}; train the vertex design")
        return self.learned(vertices, losses=vertices.losses[vertices.weights.argmax(axis=0)])

    def propose(self, goal: Goal) -> Proposal:
        costs = self.losses @ self.target_weights(goal)
        weights = minimise_linear(costs, goal.bounds.lower, goal.bounds.upper, goal.bounds.groups)
        chosen = np.argsort(-weights)[: max(1, int((weights > 0).sum()))]
        best = int(chosen[0])
        alone = bool(weights[best] > 1 - 1e-9)
        more = () if alone else (f"the bounds leave no room for one domain alone: {len(chosen)} have weight",)
        names = f"{goal.names[best]}, objective {costs[best]:.4f} alone"
        return Proposal("best-source", weights, self.in_goal(self.losses[best], goal) if alone else {}, notes=(names, *more))
