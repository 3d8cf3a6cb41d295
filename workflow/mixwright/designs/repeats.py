"""One mixture with several seeds: the noise floor."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs import Row, middle
from mixwright.mixture import Array, Domain


def rows(study: Mapping[str, Any]) -> list[Row]:
    design = study["designs"]["repeat"]
    return [
        Row({"mixture": design["mixture"]}, row, study["proxy"]["tokens"], study["seed"] + 1 + row)
        for row in range(design["runs"])
    ]


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    return np.stack([middle(row.parameters["mixture"], domains) for row in rows])
