"""Further rounds of a swarm: mixtures that follow from what the rounds before measured.

Their rows are known at parse time: which round, after how many runs, chosen how. Their weights are
not: the stage `design_round` writes them into a table, which the training jobs of the round read.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mixwright.designs import dirichlet
from mixwright.designs.row import Row, round_sizes
from mixwright.errors import MixwrightError
from mixwright.mixture import Array, Domain


def rows(config: Mapping[str, Any]) -> list[Row]:
    """Returns the rows of all rounds but the first, round by round.

    A row is what was asked: the settings of the choice, its round, and how many runs the rounds
    have up to this one.
    """
    swarm = config["designs"]["swarm"]
    sizes = round_sizes(swarm)
    if len(sizes) < 2:
        return []
    # of the candidates; a first round has at least one row
    first = dirichlet.rows(config)[0]
    rows = []
    for earlier in range(1, len(sizes)):
        parameters = {
            **first.parameters,
            "first": swarm["method"],
            "candidates": swarm["candidates"],
            "round": earlier + 1,
            # runs of the rounds before, and of this one
            "sizes": list(sizes[: earlier + 1]),
        }
        for number in range(sizes[earlier]):
            rows.append(replace(first, parameters=parameters, row=number))
    return rows


def weights(rows: Sequence[Row], domains: Sequence[Domain]) -> Array:
    """Refuses: nobody knows the weights of a further round before the earlier ones are measured."""
    number = rows[0].parameters["round"]
    raise MixwrightError(
        f"design: the mixtures of round {number} follow from the rounds before;"
        " read them from what design-round wrote (--designs)"
    )
