"""A mixture, and the same without one domain each: what every domain is worth beside the others.

The other domains keep their proportions. The runs are a part of the swarm: mixers that learn from
it read them, and each tells what becomes of the losses where its domain is dropped.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixwright.designs.row import Row, mixture_weights
from mixwright.errors import MixwrightError
from mixwright.mixture import Array, Domain

KIND = "leave-one-out"


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns a row for the whole mixture, and one a domain by name; none where none are wanted.

    Raises:
        MixwrightError: one domain alone has all the weight.
    """
    settings = config["designs"].get("leave_one_out")
    if settings is None:
        return []
    mixture = settings["mixture"]
    left_out: list[str | None] = [None, *sorted(config["domains"])]
    if isinstance(mixture, Mapping):
        _check(mixture)
        # without a domain that has no weight it is the whole mixture again
        left_out = [name for name in left_out if name is None or mixture.get(name, 0.0) > 0]
    rows = []
    for name in left_out:
        row = Row(
            parameters={"mixture": mixture, "without": name},
            row=0,
            tokens=config["proxy"]["tokens"],
            seed=config["seed"],
            kind=KIND,
        )
        rows.append(row)
    return rows


def _check(mixture: Mapping[str, float]) -> None:
    """Refuses a mixture of which nothing is left without one of its domains."""
    weighted = [name for name, weight in mixture.items() if weight > 0]
    if len(weighted) < 2:
        raise MixwrightError(
            "config: designs.leave_one_out.mixture: one domain has all the weight, and nothing is"
            " left without it; give two domains or more some"
        )


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Returns (rows, domains) the mixture without the row's domain, renormalised.

    Raises:
        MixwrightError: nothing is left without a domain.
    """
    names = [domain.name for domain in domains]
    mixtures = np.zeros((len(rows), len(names)))
    for number, row in enumerate(rows):
        mixture = mixture_weights(row.parameters["mixture"], domains)
        name = row.parameters["without"]
        if name is not None:
            mixture[names.index(name)] = 0.0
        total = mixture.sum()
        if not total > 0:
            raise MixwrightError(
                f"design: nothing is left of the mixture without {name};"
                " give designs.leave_one_out.mixture weights of several domains"
            )
        mixtures[number] = mixture / total
    return mixtures
