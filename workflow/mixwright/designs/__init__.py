"""Which mixtures to try. Each kind names its rows at parse time, without weights, and resolves their weights once tokens are counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from mixwright.mixture import Array, Domain, natural_weights


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
        return natural_weights(domains)
    elif mixture == "uniform":
        weights = np.ones(len(domains))
    else:
        assert isinstance(mixture, Mapping)
        weights = np.array([mixture.get(domain.name, 0.0) for domain in domains], dtype=np.float64)
    return weights / weights.sum()


def kinds() -> dict[str, ModuleType]:
    """Kind -> its design, a module with `rows(study) -> list[Row]` and `weights(rows, domains) -> (rows, domains)`, all of one study."""
    from mixwright.designs import dirichlet, informative, perturbation, repeats, vertices

    return {
        "swarm": dirichlet,
        "informative": informative,
        "vertex": vertices,
        "perturb": perturbation,
        "repeat": repeats,
    }


def kind_of(role: str, study: Mapping[str, Any]) -> str:
    """The kind of design that the study asks for a role: a role's first design bears its name."""
    return (
        "informative"
        if role == "swarm" and study["designs"]["swarm"]["method"] == "informative"
        else role
    )
