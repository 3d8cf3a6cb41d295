"""Mixtures that need no proxy: every comparison carries them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixers.saved import Saved
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations
from mixwright.simplex import project, scale_into


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
        notes = (f"brought inside the bounds: weights moved by up to {moved:.3f}",) if moved > 1e-9 else ()
        return Proposal(_name(self), weights, notes=notes)


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
        most = np.minimum(1.0, self.max_epochs * np.array([domain.tokens for domain in goal.domains]) / goal.tokens)
        if most.sum() <= 1:
            return goal.natural  # the corpus is too small for the budget: every domain at the same number of passes
        return project(np.full(len(most), 1 / len(most)), 0.0, most)


@dataclass(frozen=True)
class Given(Baseline):
    """A mixture written by hand; domains left out get none, and the sum may be anything positive."""

    weights: Mapping[str, float] = field(default_factory=dict)

    def wanted(self, goal: Goal) -> Array:
        unknown = sorted(set(self.weights) - set(goal.names))
        if unknown:
            raise MixwrightError(f"mixers: given.weights.{unknown[0]} is no domain; domains are {', '.join(goal.names)}")
        weights = np.array([self.weights.get(name, 0.0) for name in goal.names])
        if not (weights >= 0).all() or weights.sum() <= 0:
            raise MixwrightError("mixers: given.weights must be positive numbers; write weights: {domain: share}")
        return weights / weights.sum()


def _name(baseline: Baseline) -> str:
    return type(baseline).__name__.lower()
