"""One run a domain, on that domain alone (MixMin, arXiv 2502.10510)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs.row import Row
from mixwright.mixture import Array, Domain


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns one row a domain, by name."""
    rows = []
    for name in sorted(config["domains"]):
        row = Row(
            parameters={"domain": name},
            row=0,
            tokens=config["proxy"]["tokens"],
            seed=config["seed"],
        )
        rows.append(row)
    return rows


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) weights: 1 for the row's domain, 0 for the others."""
    weights = np.zeros((len(rows), len(domains)))
    for i, row in enumerate(rows):
        for j, domain in enumerate(domains):
            if domain.name == row.parameters["domain"]:
                weights[i, j] = 1.0
    return weights
