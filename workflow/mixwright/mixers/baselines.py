"""Mixtures that need no model of the loss: a comparison without them proves little."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted, Saved
from mixwright.mixers.limits import MOVED
from mixwright.mixture import Array
from mixwright.observations import ALONE, Observations
from mixwright.simplex.geometry import minimise_linear, project, scale_into


@dataclass(frozen=True)
class Baseline(Saved):
    """A mixture that follows from the goal alone.

    Scaling brings it inside the bounds: of all mixtures there it has the least Kullback-Leibler
    divergence from the one outside.
    """

    def fit(self, observations: Observations | None = None) -> Self:
        """Returns the baseline itself: it learns nothing."""
        return self

    def ideal(self, goal: Goal) -> Array:
        """Returns (domains,) weights, not yet inside the bounds."""
        raise NotImplementedError

    def propose(self, goal: Goal) -> Proposal:
        """Returns the mixture, scaled into the bounds where it lies outside."""
        ideal = self.ideal(goal)
        weights = scale_into(ideal, *goal.bounds.parts)
        moved = np.abs(weights - ideal).max()
        notes = []
        if moved > MOVED:
            notes.append(f"brought inside the bounds: weights moved by up to {moved:.3f}")
        return Proposal(self.name, goal.mixture(weights), notes=tuple(notes))


@dataclass(frozen=True)
class Natural(Baseline):
    """Every domain in proportion to its tokens."""

    name: ClassVar[str] = "natural"

    def ideal(self, goal: Goal) -> Array:
        """Returns (domains,) weights in proportion to the domains' tokens."""
        return goal.natural


@dataclass(frozen=True)
class Uniform(Baseline):
    """The same weight for every domain."""

    name: ClassVar[str] = "uniform"

    def ideal(self, goal: Goal) -> Array:
        """Returns (domains,) equal weights."""
        count = len(goal.domains)
        return np.full(count, 1 / count)


@dataclass(frozen=True)
class UniMax(Baseline):
    """Equal budgets, smallest domain first, at most `max_epochs` passes (arXiv 2304.09151)."""

    # passes after which a small domain leaves its share to the others
    max_epochs: float = 4.0
    name: ClassVar[str] = "unimax"

    def ideal(self, goal: Goal) -> Array:
        """Returns (domains,) weights: uniform, projected below `max_epochs` passes of each domain.

        A corpus too small for the budget is taken whole: all domains have the same passes.
        """
        available = np.array([domain.available for domain in goal.domains])
        most = np.minimum(1.0, self.max_epochs * available / goal.tokens)
        if most.sum() <= 1:
            return goal.natural
        count = len(goal.domains)
        uniform = np.full(count, 1 / count)
        return project(uniform, 0.0, most)


@dataclass(frozen=True)
class Given(Baseline):
    """A mixture written by hand."""

    # weight by domain; a domain that is left out gets none, and the sum may be anything positive
    weights: Mapping[str, float] = field(default_factory=dict)
    name: ClassVar[str] = "given"

    def ideal(self, goal: Goal) -> Array:
        """Returns (domains,) the weights, normalised.

        Raises:
            MixwrightError: a name is no domain, or no weight is positive.
        """
        unknown = sorted(set(self.weights) - set(goal.names))
        if unknown:
            raise MixwrightError(
                f"mixers: given.weights.{unknown[0]} is no domain;"
                f" domains are {', '.join(goal.names)}"
            )
        weights = _by_domain(self.weights, goal)
        total = weights.sum()
        if not (weights >= 0).all() or total <= 0:
            raise MixwrightError(
                "mixers: given.weights must be positive numbers; write weights: {domain: share}"
            )
        return weights / total


@dataclass(frozen=True)
class OwnData(Saved):
    """The targets' own domains, weighted as the targets are.

    It is a reference, and so the goal's bounds do not hold for it.
    """

    name: ClassVar[str] = "own-data"

    def fit(self, observations: Observations | None = None) -> Self:
        """Returns the reference itself: it learns nothing."""
        return self

    def propose(self, goal: Goal) -> Proposal:
        """Returns the mixture, and a note where it lies outside the bounds.

        Raises:
            MixwrightError: a target is no domain.
        """
        unknown = sorted(set(goal.targets) - set(goal.names))
        if unknown:
            raise MixwrightError(
                f"mixers: own-data needs targets that are domains, and {unknown[0]} is none;"
                " leave own-data out"
            )
        weights = _by_domain(goal.targets, goal)
        weights /= weights.sum()
        inside = goal.bounds.contain(weights[None])[0]
        notes = []
        if not inside:
            notes.append(
                "a reference on the targets' own data, outside the goal's bounds on purpose"
            )
        return Proposal(self.name, goal.mixture(weights), notes=tuple(notes))


@dataclass(frozen=True)
class BestOfSwarm(Fitted):
    """The best measured mixture inside the bounds.

    Where no run lies inside, the best of all, moved to the nearest mixture there.
    """

    # (runs, domains)
    weights: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    # (runs, targets) nats/token
    losses: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name: ClassVar[str] = "best-of-swarm"

    def fit(self, observations: Observations) -> Self:
        """Returns a copy that holds the swarm's mixtures and losses."""
        swarm = self.usable(observations, "swarm", least=1)
        return self.learned(swarm, weights=swarm.weights, losses=swarm.losses)

    def propose(self, goal: Goal) -> Proposal:
        """Returns the best run's mixture; its losses too, where it was not moved."""
        objective = self.losses @ self.target_weights(goal)
        inside = goal.bounds.contain(self.weights)
        count = int(inside.sum())
        notes = [f"best of {len(objective)} runs, {count} of them inside the bounds"]
        losses = {}
        if count:
            objective = np.where(inside, objective, np.inf)
            best = int(np.argmin(objective))
            losses = self.in_goal(self.losses[best], goal)
        else:
            best = int(np.argmin(objective))
            notes.append(
                "the best run was projected into the bounds:"
                " its measured losses are not this mixture's"
            )
        weights = project(self.weights[best], *goal.bounds.parts)
        return Proposal(
            mixer=self.name,
            mixture=goal.mixture(weights),
            predicted=losses,
            notes=tuple(notes),
        )


@dataclass(frozen=True)
class BestSource(Fitted):
    """The domain whose own proxy has the lowest objective, then the next, as the bounds allow."""

    # (domains, targets) nats/token of each domain's own proxy
    losses: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name: ClassVar[str] = "best-source"
    spares: ClassVar[bool] = False

    def fit(self, observations: Observations) -> Self:
        """Returns a copy that holds the losses of the vertex runs.

        Raises:
            MixwrightError: a domain has no vertex run.
        """
        vertices = self.usable(observations, "vertex", least=1)
        weights = vertices.weights
        trained = (weights > ALONE).any(axis=0)
        if not trained.all():
            name = observations.domains[int(trained.argmin())]
            raise MixwrightError(f"best-source: no vertex run of {name}; train the vertex design")
        # the run of each domain
        rows = weights.argmax(axis=0)
        return self.learned(vertices, losses=vertices.losses[rows])

    def propose(self, goal: Goal) -> Proposal:
        """Returns the mixture of least weighted sum of the domains' objectives."""
        costs = self.losses @ self.target_weights(goal)
        bounds = goal.bounds
        weights = minimise_linear(costs, bounds.lower, bounds.upper, bounds.groups)
        used = max(1, int((weights > 0).sum()))
        best = int(np.argsort(-weights)[0])
        notes = [f"{goal.names[best]}, objective {costs[best]:.4f} alone"]
        losses = {}
        if weights[best] > 1 - MOVED:
            losses = self.in_goal(self.losses[best], goal)
        else:
            notes.append(f"the bounds leave no room for one domain alone: {used} have weight")
        return Proposal(
            mixer=self.name,
            mixture=goal.mixture(weights),
            predicted=losses,
            notes=tuple(notes),
        )


def _by_domain(weights: Mapping[str, float], goal: Goal) -> Array:
    """(domains,) weights in the goal's order, 0 for domains without one."""
    by_domain = np.zeros(len(goal.names))
    for i, name in enumerate(goal.names):
        by_domain[i] = weights.get(name, 0.0)
    return by_domain
