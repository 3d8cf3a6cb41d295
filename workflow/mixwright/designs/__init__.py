"""Which mixtures to try. Each kind names its rows at parse time, without weights, and resolves a row's weights once tokens are counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from mixwright.mixture import Array, Domain


@dataclass(frozen=True)
class Row:
    """One row of a design: `parameters` and `row` are all that its weights depend on, beside the seed and the domains' tokens."""

    parameters: Mapping[str, Any]
    row: int
    tokens: float
    seed: int


def middle(mixture: str | Mapping[str, float], domains: Sequence[Domain]) -> Array:
    """(domains,) weights of `natural`, `uniform` or a mixture by name; domains not named get none."""
    if mixture == "natural":
        weights = np.array([domain.tokens for domain in domains], dtype=np.float64)
    elif mixture == "uniform":
        weights = np.ones(len(domains))
    else:
        assert isinstance(mixture, Mapping)
        weights = np.array([mixture.get(domain.name, 0.0) for domain in domains], dtype=np.float64)
    return weights / weights.sum()


def kinds() -> dict[str, ModuleType]:
    """Role -> its design; a module with `rows(study) -> list[Row]` and `weights(parameters, row, seed, domains) -> (domains,)`."""
    from mixwright.designs import dirichlet, perturbation, repeats, vertices

    return {"swarm": dirichlet, "vertex": vertices, "perturb": perturbation, "repeat": repeats}
