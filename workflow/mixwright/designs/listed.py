"""Mixtures that a study lists: the swarm has them besides what it draws."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs.row import Row, mixture_weights
from mixwright.mixture import Array, Domain

KIND = "listed"


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns a row a mixture; one that stands there again has the next seed."""
    rows: list[Row] = []
    earlier: list[Mapping[str, float]] = []
    for mixture in config["designs"].get("listed", ()):
        again = earlier.count(mixture)
        earlier.append(mixture)
        row = Row(
            parameters={"mixture": dict(mixture)},
            row=again,
            tokens=config["proxy"]["tokens"],
            seed=config["seed"] + again,
            kind=KIND,
        )
        rows.append(row)
    return rows


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) the weights that are listed."""
    mixtures = [mixture_weights(row.parameters["mixture"], domains) for row in rows]
    return np.stack(mixtures)
