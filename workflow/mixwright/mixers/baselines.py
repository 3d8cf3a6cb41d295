"""Mixtures that need no proxy: every comparison carries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted, Saved
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.geometry import minimise_linear, project, scale_into


@dataclass(frozen=True)
class Baseline(Saved):
    """A mixture known from the goal alone, brought inside the bounds by scaling (nearest in Kullback-Leibler divergence)."""

    def fit(self, seen: Observations | None = None) -> Self:
        return self

    def wanted(self, goal: Goal) -> Array:
        raise NotImplementedError

    def propose(self, goal: Goal) -> Proposal:
        wanted = self.wanted(goal)
        weights = scale_into(wanted, *goal.bounds.parts)
        moved = np.abs(weights - wanted).max()
        notes = (
            (f"brought inside the bounds: weights moved by up to {moved:.3f}",)
            if moved > 1e-9
            else ()
        )
        return Proposal(_name(self), goal.mixture(weights), notes=notes)


@dataclass(frozen=True)
class Natural(Baseline):
    """Every domain in proportion to its tokens."""

    def wanted(self, goal: Goal) -> Array:
        return goal.natural


@dataclass(frozen=True)
class Uniform(Baseline):
    """Every domain alike."""

    def wanted(self, goal: Goal) -> Array:
        return np.full(len(goal.domains), 1 / len(goal.domains))


@dataclass(frozen=True)
class UniMax(Baseline):
    """Equal budgets, smallest domain first, at most `max_epochs` passes over each (arXiv 2304.09151): uniform, water-filled under caps."""

    max_epochs: float = 4.0

    def wanted(self, goal: Goal) -> Array:
        most = np.minimum(
            1.0,
            self.max_epochs * np.array([domain.available for domain in goal.domains]) / goal.tokens,
        )
        if most.sum() <= 1:
            return (
                goal.natural
            )  # the corpus is too small for the budget: every domain at the same number of passes
        return project(np.full(len(most), 1 / len(most)), 0.0, most)


@dataclass(frozen=True)
class Given(Baseline):
    """A mixture written by hand; domains left out get none, and the sum may be anything positive."""

    weights: Mapping[str, float] = field(default_factory=dict)

    def wanted(self, goal: Goal) -> Array:
        unknown = sorted(set(self.weights) - set(goal.names))
        if unknown:
            raise MixwrightError(
                f"mixers: given.weights.{unknown[0]} is no domain; domains are {', '.join(goal.names)}"
            )
        weights = np.array([self.weights.get(name, 0.0) for name in goal.names])
        if not (weights >= 0).all() or weights.sum() <= 0:
            raise MixwrightError(
                "mixers: given.weights must be positive numbers; write weights: {domain: share}"
            )
        return weights / weights.sum()


def _name(baseline: Baseline) -> str:
    return type(baseline).__name__.lower()


@dataclass(frozen=True)
class OwnData(Saved):
    """Every target's own domain, weighted as the target is. A reference: the goal's bounds do not hold for it."""

    def fit(self, seen: Observations | None = None) -> Self:
        return self

    def propose(self, goal: Goal) -> Proposal:
        strange = sorted(set(goal.targets) - set(goal.names))
        if strange:
            raise MixwrightError(
                f"mixers: own-data needs targets that are domains, and {strange[0]} is none; leave own-data out"
            )
        weights = np.array([goal.targets.get(name, 0.0) for name in goal.names])
        weights /= weights.sum()
        inside = bool(goal.bounds.contain(weights[None]).all())
        notes = (
            ()
            if inside
            else ("a reference on the targets' own data, outside the goal's bounds on purpose",)
        )
        return Proposal("own-data", goal.mixture(weights), notes=notes)


@dataclass(frozen=True)
class BestOfSwarm(Fitted):
    """Proposes the best measured mixture inside the bounds; where none is, the best projected (Euclidean) into them."""

    weights: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)  # (runs, domains)
    losses: Array = field(
        default=UNKNOWN, metadata=FITTED, repr=False
    )  # (runs, targets) nats/token

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
            (count,)
            if inside.any()
            else (
                count,
                "the best run was projected into the bounds: its measured losses are not this mixture's",
            )
        )
        return Proposal(
            "best-of-swarm",
            goal.mixture(weights),
            self.in_goal(self.losses[best], goal) if inside.any() else {},
            notes=notes,
        )


@dataclass(frozen=True)
class BestSource(Fitted):
    """As much as the bounds allow of the domain whose own proxy has the lowest objective, then of the next."""

    losses: Array = field(
        default=UNKNOWN, metadata=FITTED, repr=False
    )  # (domains, targets) of each domain's proxy, nats/token
    spares = False

    def fit(self, seen: Observations) -> Self:
        vertices = self.usable(seen, "vertex", least=1)
        lacking = [
            name
            for name, weights in zip(seen.domains, vertices.weights.T, strict=True)
            if not (weights > 0.999).any()
        ]
        if lacking:
            raise MixwrightError(
                f"best-source: no vertex run of {lacking[0]}; train the vertex design"
            )
        return self.learned(vertices, losses=vertices.losses[vertices.weights.argmax(axis=0)])

    def propose(self, goal: Goal) -> Proposal:
        costs = self.losses @ self.target_weights(goal)
        weights = minimise_linear(costs, goal.bounds.lower, goal.bounds.upper, goal.bounds.groups)
        chosen = np.argsort(-weights)[: max(1, int((weights > 0).sum()))]
        best = int(chosen[0])
        alone = bool(weights[best] > 1 - 1e-9)
        more = (
            ()
            if alone
            else (f"the bounds leave no room for one domain alone: {len(chosen)} have weight",)
        )
        names = f"{goal.names[best]}, objective {costs[best]:.4f} alone"
        return Proposal(
            "best-source",
            goal.mixture(weights),
            self.in_goal(self.losses[best], goal) if alone else {},
            notes=(names, *more),
        )
