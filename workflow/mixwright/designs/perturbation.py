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
    domains = [Domain(name, 1) for name in names]
    base = mixture_weights(perturb["base"], domains).tolist()
    up = float(perturb["factor"])
    down = 1 / perturb["factor"]
    rows = []
    for tokens in perturb["tokens"]:
        rows.append(_row(config, None, 1.0, tokens))
        for change in (up, down):
            for name, share in zip(names, base, strict=True):
                total = tokens * (1 + (change - 1) * share)
                rows.append(_row(config, name, change, total))
    return rows


def _row(config: Mapping[str, Any], domain: str | None, change: float, tokens: float) -> Row:
    """The row in which one domain's amount is `change` times the base's; None is the base."""
    base = config["designs"]["perturb"]["base"]
    return Row(
        parameters={"base": base, "domain": domain, "change": change},
        row=0,
        tokens=tokens,
        seed=config["seed"],
    )


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
