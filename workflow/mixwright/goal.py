"""What is wanted of a mixture, and what a mixer answers: goal and proposal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mixwright.mixture import Array, Domain
from mixwright.simplex.bounds import Bounds


@dataclass(frozen=True)
class Goal:
    """What is wanted: the targets and their weights, the tokens of the final run, the bounds, the limits. Domains are sorted by name."""

    domains: tuple[Domain, ...]
    targets: Mapping[str, float]  # target -> weight, summing to 1
    tokens: float
    bounds: Bounds
    seed: int = 0
    never_worse: tuple[
        str, ...
    ] = ()  # targets, of the objective or not, whose loss must not exceed natural's

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(domain.name for domain in self.domains)

    @property
    def natural(self) -> Array:
        """The token-proportional mixture."""
        available = np.array([domain.tokens for domain in self.domains], dtype=np.float64)
        return available / available.sum()


@dataclass(frozen=True)
class Proposal:
    """A chosen mixture and what its mixer says of it."""

    mixer: str
    weights: Array  # (domains,), in the goal's order
    predicted: Mapping[str, float] = field(
        default_factory=dict
    )  # target -> nats/token, at the scale the mixer saw
    gap: float | None = None  # certified distance of the objective from its optimum
    notes: tuple[str, ...] = ()  # plain sentences for the report
    intervals: Mapping[str, Any] = field(
        default_factory=dict
    )  # of weights, predicted losses and the gain over natural, where asked for

    def as_json(self, goal: Goal) -> dict[str, Any]:
        """The content of `mixtures/<mixer>.json`."""
        share = dict(zip(goal.names, self.weights.tolist(), strict=True))
        return {
            "mixer": self.mixer,
            "seed": goal.seed,
            "weights": share,
            "tokens": {name: weight * goal.tokens for name, weight in share.items()},
            "epochs": {
                domain.name: share[domain.name] * goal.tokens / max(1, domain.tokens)
                for domain in goal.domains
            },
            "predicted": dict(self.predicted),
            "intervals": dict(self.intervals),
            "active_bounds": goal.bounds.active(self.weights, goal.names),
            "gap": self.gap,
            "notes": list(self.notes),
        }
