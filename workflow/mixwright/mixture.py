"""The nouns that everything else speaks of: domains, runs, and the hash that names them."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

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
    context: (
        str  # hash of what all runs of a study share: corpus, shape, optimizer, learner version
    )

    @cached_property
    def name(self) -> str:
        return digest(
            {part.name: getattr(self, part.name) for part in fields(self)}
        )  # asdict copies parameters: half of parse time
