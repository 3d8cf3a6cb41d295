"""What is asked of a mixture, and what a mixer answers: goal and proposal."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from mixwright.mixture import Array, Domain, Mixture, natural_weights
from mixwright.simplex.bounds import Bounds


@dataclass(frozen=True)
class Goal:
    """What a mixture is chosen for: targets, the budget of the final run, bounds and limits."""

    # sorted by name
    domains: tuple[Domain, ...]
    # target -> weight in the objective, summing to 1
    targets: Mapping[str, float]
    # training tokens of the final run
    tokens: float
    bounds: Bounds
    seed: int = 0
    # targets, of the objective or not, whose predicted loss must not exceed natural's
    never_worse: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains."""
        return tuple(domain.name for domain in self.domains)

    @property
    def natural(self) -> Array:
        """(domains,) weights in proportion to the domains' tokens."""
        return natural_weights(self.domains)

    def mixture(self, weights: Array) -> Mixture:
        """Returns the mixture of (domains,) `weights` in the goal's order."""
        return Mixture(self.names, weights)


@dataclass(frozen=True)
class Proposal:
    """A chosen mixture and what its mixer says of it."""

    mixer: str
    mixture: Mixture
    # target -> nats/token, at the scale of the runs that the mixer was fitted to
    predicted: Mapping[str, float] = field(default_factory=dict)
    # certified distance of the objective from its optimum; None where the mixer certifies none
    gap: float | None = None
    # plain sentences for the report
    notes: tuple[str, ...] = ()
    # of weights, predicted losses and the gain over natural, where they were asked for
    intervals: Mapping[str, Any] = field(default_factory=dict)

    @property
    def weights(self) -> Array:
        """(domains,) weights in the goal's order."""
        return self.mixture.weights

    @property
    def verdict(self) -> str:
        """What the intervals say of the gain over natural; empty where none were asked for."""
        return str(self.intervals.get("verdict", ""))

    def __repr__(self) -> str:
        lines = [f"Proposal by {self.mixer}", f"  mixture    {self.mixture}"]
        for target, loss in self.predicted.items():
            interval = self.intervals.get("predicted", {}).get(target)
            words = f"  predicted  {target} {loss:.4f} nats/token"
            if interval:
                words += f" [{interval[0]:.4f}, {interval[1]:.4f}]"
            lines.append(words)
        if self.verdict:
            lines.append(f"  gain       {self.verdict}")
        if self.gap is not None:
            lines.append(f"  gap        {self.gap:.1e} nats/token")
        for note in self.notes:
            # The verdict has a line of its own.
            if not (self.verdict and note == f"predicted {self.verdict}"):
                lines.append(f"  note       {note}")
        return "\n".join(lines)

    def as_json(self, goal: Goal) -> dict[str, Any]:
        """Returns the content of `mixtures/<mixer>.json`."""
        weights = self.mixture.as_dict()
        epochs: dict[str, float | None] = {}
        for domain in goal.domains:
            tokens = weights[domain.name] * goal.tokens
            epochs[domain.name] = None
            if isfinite(domain.available):
                epochs[domain.name] = tokens / max(1, domain.available)
        return {
            "mixer": self.mixer,
            "seed": goal.seed,
            "weights": weights,
            "tokens": {name: weight * goal.tokens for name, weight in weights.items()},
            "epochs": epochs,
            "predicted": dict(self.predicted),
            "intervals": dict(self.intervals),
            "active_bounds": goal.bounds.active(self.weights, goal.names),
            "gap": self.gap,
            "notes": list(self.notes),
        }
