"""A base run and, for each domain, its amount up and down while the others stay, at each scale.

This is AutoScale's DDO (arXiv 2407.20177).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs.row import Row, mixture_weights
from mixwright.mixture import Array, Domain


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns 2 domains + 1 rows a scale: the base, every domain up, every domain down.

    A changed amount changes the run's total tokens.
    """
    perturb = config["designs"]["perturb"]
    names = sorted(config["domains"])
    # the base mixture is explicit or uniform, so that the number of tokens does not matter
    base = mixture_weights(perturb["base"], [Domain(name, 1) for name in names]).tolist()
    up = float(perturb["factor"])
    down = 1 / perturb["factor"]
    changes: list[tuple[str | None, float, float]] = [(None, 0.0, 1.0)]
    for change in (up, down):
        for name, share in zip(names, base, strict=True):
            changes.append((name, share, change))
    rows = []
    for tokens in perturb["tokens"]:
        for name, share, change in changes:
            total = tokens
            if name is not None:
                total = tokens * (1 + (change - 1) * share)
            parameters = {"base": perturb["base"], "domain": name, "change": change}
            rows.append(Row(parameters, 0, total, config["seed"]))
    return rows


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) weights of the changed amounts."""
    return np.stack([_weights(row.parameters, domains) for row in rows])


def _weights(parameters: Mapping[str, Any], domains: Sequence[Domain]) -> Array:
    changes = np.ones(len(domains))
    for i, domain in enumerate(domains):
        if domain.name == parameters["domain"]:
            changes[i] = parameters["change"]
    amounts = mixture_weights(parameters["base"], domains) * changes
    return amounts / amounts.sum()
