"""The nouns: domains, bounds on their weights, runs, and what is wanted of a mixture."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError

Array = NDArray[np.float64]


def digest(value: Any, length: int = 16) -> str:
    """SHA-256 (hex, shortened) of the canonical JSON of `value`."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]


@dataclass(frozen=True)
class Domain:
    """A source of training text and the tokens it has for training."""

    name: str
    tokens: int


@dataclass(frozen=True)
class Run:
    """What was asked of one training: a recipe, never resolved weights. Its name is the recipe's hash."""

    role: str  # swarm, vertex, perturb, repeat
    model: str
    tokens: int
    steps: int
    seed: int
    kind: str  # the design that resolves the weights
    parameters: Mapping[str, Any]
    row: int
    context: str  # hash of what all runs of a study share: corpus, shape, optimizer, learner version

    @cached_property
    def name(self) -> str:
        return digest(asdict(self))


@dataclass(frozen=True)
class Group:
    """Domains whose weights together stay between two limits; no domain is in two groups."""

    name: str
    members: tuple[int, ...]  # positions in the goal's domains
    lower: float
    upper: float


@dataclass(frozen=True)
class Bounds:
    """The weights that a mixture must stay in: a box, `lower` and `upper` (domains,), cut by sums of groups."""

    lower: Array
    upper: Array
    groups: tuple[Group, ...] = ()

    @classmethod
    def of(
        cls,
        domains: Sequence[Domain],
        tokens: float,
        caps: Mapping[str, float] | None = None,
        floors: Mapping[str, float] | None = None,
        max_epochs: float | None = None,
    ) -> "Bounds":
        """Caps and floors by name, and the cap that `max_epochs` passes over a domain's tokens mean for a run of `tokens`."""
        lower = np.array([(floors or {}).get(domain.name, 0.0) for domain in domains])
        upper = np.array([(caps or {}).get(domain.name, 1.0) for domain in domains])
        if max_epochs is not None:
            upper = np.minimum(upper, [max_epochs * domain.tokens / tokens for domain in domains])
        cls._check(lower, upper, [domain.name for domain in domains])
        return cls(lower, upper)

    @staticmethod
    def _check(lower: Array, upper: Array, names: Sequence[str]) -> None:
        for name, low, high in zip(names, lower, upper, strict=True):
            if low > high:
                raise MixwrightError(f"bounds: {name} has floor {low:g} above its cap {high:g} (caps and epochs together); lower the floor")
        if lower.sum() > 1 + 1e-9:
            raise MixwrightError(f"bounds: the floors sum to {lower.sum():.4g}, over 1; lower some of them")
        if upper.sum() < 1 - 1e-9:
            remedy = "raise caps or max_epochs, or ask for fewer tokens"
            raise MixwrightError(f"bounds: the caps (max_epochs counted in) sum to {upper.sum():.4g}, under 1; {remedy}")

    def active(self, weights: Array, names: Sequence[str], tolerance: float = 1e-6) -> list[str]:
        """Names of the bounds that `weights` touch, as `name<=cap` and `name>=floor`; zero floors do not count."""
        at_cap = [f"{n}<={u:.6g}" for n, w, u in zip(names, weights, self.upper, strict=True) if u < 1 and w >= u - tolerance]
        at_floor = [f"{n}>={u:.6g}" for n, w, u in zip(names, weights, self.lower, strict=True) if u > 0 and w <= u + tolerance]
        return at_cap + at_floor


@dataclass(frozen=True)
class Goal:
    """What is wanted: the targets and their weights, the tokens of the final run, the bounds. Domains are sorted by name."""

    domains: tuple[Domain, ...]
    targets: Mapping[str, float]  # target -> weight, summing to 1
    tokens: float
    bounds: Bounds
    seed: int = 0

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
    predicted: Mapping[str, float] = field(default_factory=dict)  # target -> nats/token, at the scale the mixer saw
    gap: float | None = None  # certified distance of the objective from its optimum
    notes: tuple[str, ...] = ()  # plain sentences for the report
    intervals: Mapping[str, Any] = field(default_factory=dict)  # of weights, predicted losses and the gain over natural, where asked for

    def as_json(self, goal: Goal) -> dict[str, Any]:
        """The content of `mixtures/<mixer>.json`."""
        share = dict(zip(goal.names, self.weights.tolist(), strict=True))
        return {
            "mixer": self.mixer,
            "seed": goal.seed,
            "weights": share,
            "tokens": {name: weight * goal.tokens for name, weight in share.items()},
            "epochs": {domain.name: share[domain.name] * goal.tokens / domain.tokens for domain in goal.domains},
            "predicted": dict(self.predicted),
            "intervals": dict(self.intervals),
            "active_bounds": goal.bounds.active(self.weights, goal.names),
            "gap": self.gap,
            "notes": list(self.notes),
        }
