"""One mixture trained with several seeds, which tells the noise of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs.row import Row, mixture_weights
from mixwright.mixture import Array, Domain


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns one row a repeat; their seeds follow the study's."""
    repeat = config["designs"]["repeat"]
    rows = []
    for number in range(repeat["runs"]):
        row = Row(
            parameters={"mixture": repeat["mixture"]},
            row=number,
            tokens=config["proxy"]["tokens"],
            seed=config["seed"] + 1 + number,
        )
        rows.append(row)
    return rows


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) weights of the repeated mixture."""
    return np.stack([mixture_weights(row.parameters["mixture"], domains) for row in rows])
