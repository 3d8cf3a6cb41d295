"""The run of the swarm with the lowest measured objective: no model at all, and hard to beat."""

from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.mixers.saved import FITTED, UNKNOWN, Fitted
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations
from mixwright.simplex import project


@dataclass(frozen=True)
class BestOfSwarm(Fitted):
    """Proposes the best measured mixture inside the bounds; where none is, the best projected (Euclidean) into them."""

    weights: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)  # (runs, domains)
    losses: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)  # (runs, targets) nats/token

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=1)
        return self.learned(swarm, weights=swarm.weights, losses=swarm.losses)

    def propose(self, goal: Goal) -> Proposal:
        objective = self.losses @ self.target_weights(goal)
        inside = goal.bounds.contain(self.weights)
        best = int(np.argmin(np.where(inside, objective, np.inf) if inside.any() else objective))
        weights = project(self.weights[best], *goal.bounds.parts)
        count = f"best of {len(objective)} runs, {int(inside.sum())} of them inside the bounds"
        notes = (
            (count,) if inside.any() else (count, "the best run was projected into the bounds: its measured losses are not this mixture's")
        )
        return Proposal("best-of-swarm", weights, self.in_goal(self.losses[best], goal) if inside.any() else {}, notes=notes)
