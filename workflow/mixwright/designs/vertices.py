"""One run a domain, on that domain alone (MixMin, arXiv 2502.10510)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs import Row
from mixwright.mixture import Array, Domain


def rows(study: Mapping[str, Any]) -> list[Row]:
    return [
        Row({"domain": name}, 0, study["proxy"]["tokens"], study["seed"])
        for name in sorted(study["domains"])
    ]


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    return np.array(
        [[float(domain.name == row.parameters["domain"]) for domain in domains] for row in rows]
    )
