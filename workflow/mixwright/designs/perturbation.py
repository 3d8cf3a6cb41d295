"""A base run and, per domain, its amount up and down with the others unchanged, at each scale (AutoScale's DDO, arXiv 2407.20177)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs import Row, middle
from mixwright.mixture import Array, Domain


def rows(study: Mapping[str, Any]) -> list[Row]:
    """2m + 1 rows a scale; a changed amount changes the run's total tokens."""
    design, names = study["designs"]["perturb"], sorted(study["domains"])
    shares = dict(
        zip(
            names, middle(design["base"], [Domain(name, 1) for name in names]).tolist(), strict=True
        )
    )
    changes = [(None, 1.0)] + [
        (name, change)
        for change in (float(design["factor"]), 1 / design["factor"])
        for name in names
    ]
    found = []
    for tokens in design["tokens"]:
        for domain, change in changes:
            total = tokens * (1 + (change - 1) * shares.get(domain, 0.0)) if domain else tokens
            found.append(
                Row(
                    {"base": design["base"], "domain": domain, "change": change},
                    0,
                    total,
                    study["seed"],
                )
            )
    return found


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    return np.stack([_weights(row.parameters, domains) for row in rows])


def _weights(parameters: Mapping[str, Any], domains: Sequence[Domain]) -> Array:
    changes = np.array(
        [parameters["change"] if domain.name == parameters["domain"] else 1.0 for domain in domains]
    )
    amounts = middle(parameters["base"], domains) * changes
    return amounts / amounts.sum()
