"""One mixture trained with several seeds, which tells the noise of a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs.row import Row, mixture_weights
from mixwright.mixture import Array, Domain


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns one row a repeat; their seeds follow the study's."""
    repeat = config["designs"]["repeat"]
    tokens, first = config["proxy"]["tokens"], config["seed"] + 1
    parameters = {"mixture": repeat["mixture"]}
    return [Row(parameters, row, tokens, first + row) for row in range(repeat["runs"])]


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) weights of the repeated mixture."""
    return np.stack([mixture_weights(row.parameters["mixture"], domains) for row in rows])
