"""A row of a design, the functions that every design has, and mixtures by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from mixwright.mixture import Array, Domain, natural_weights


@dataclass(frozen=True)
class Row:
    """One row of a design: all that its weights depend on, beside the domains' tokens."""

    # what the design's module needs to resolve the weights; part of the run's name
    parameters: Mapping[str, Any]
    # its number among rows of the same parameters
    row: int
    # training tokens of the run
    tokens: float
    seed: int
    # the design that resolves the weights, where it is not the role's; else empty
    kind: str = ""


def round_sizes(swarm: Mapping[str, Any]) -> tuple[int, ...]:
    """Returns the runs of each round of a swarm, even but for the first rounds, which have more.

    Args:
        swarm: the section `designs.swarm`; one that knows no rounds has one.
    """
    rounds = swarm.get("rounds", 1)
    whole, left = divmod(swarm["runs"], rounds)
    return (whole + 1,) * left + (whole,) * (rounds - left)


class Design(Protocol):
    """A module of this folder that names rows and resolves their weights."""

    def rows(self, config: Mapping[str, Any]) -> list[Row]:
        """Returns the rows of a resolved config, without reading a token."""
        ...

    def weights(self, rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
        """Returns (rows, domains) weights of rows of one config."""
        ...


def mixture_weights(mixture: str | Mapping[str, float], domains: Sequence[Domain]) -> Array:
    """Returns (domains,) weights of a mixture that a config names.

    Args:
        mixture: `natural`, `uniform`, or weights by domain; a domain that is left out gets none.
    """
    if mixture == "natural":
        return natural_weights(domains)
    if mixture == "uniform":
        weights = np.ones(len(domains))
    else:
        assert isinstance(mixture, Mapping)
        weights = np.array([mixture.get(domain.name, 0.0) for domain in domains], dtype=np.float64)
    return weights / weights.sum()
