"""What a mixer is to the rest of the house."""

from pathlib import Path
from typing import Protocol, Self

from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations


class Proposer(Protocol):
    """Chooses a mixture; baselines need no more than this (their `fit` learns nothing and accepts None)."""

    def fit(self, seen: Observations | None) -> Self: ...  # a fitted copy

    def propose(self, goal: Goal) -> Proposal: ...  # inside goal.bounds

    def save(self, folder: str | Path) -> None: ...  # what mixwright.mixers.load reads


class Mixer(Proposer, Protocol):
    """Learns how loss depends on the mixture, then proposes the best one."""

    domains: tuple[str, ...]  # columns of the amounts, once fitted
    targets: tuple[str, ...]  # columns of the predictions, once fitted

    def predict(self, amounts: Array) -> Array: ...  # (mixtures, domains) tokens -> (mixtures, targets) nats/token

    def refit(self, seen: Observations) -> Self: ...  # to other losses of the same runs, or part of them, cheaper where it may be

    def amounts_of(self, seen: Observations) -> Array: ...  # what to ask `predict` for of runs

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array: ...  # what to ask `predict` for of mixtures for the goal
