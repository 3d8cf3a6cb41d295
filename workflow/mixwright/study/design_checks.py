"""How many runs the designs of a study need. Read at parse time; nothing heavy is imported."""

from collections.abc import Mapping
from typing import Any

from mixwright.designs.row import round_sizes
from mixwright.errors import MixwrightError
from mixwright.study.swarm import INFORMATIVE, swarm_method

# Runs of a swarm at least, whatever they come from.
LEAST_OF_A_SWARM = 10
# Runs of each round at least: a fit of the first ones chooses the next.
LEAST_OF_A_ROUND = 10


def check_designs(study: Mapping[str, Any]) -> None:
    """Checks the designs of a study that trains runs of its own.

    Raises:
        MixwrightError: runs are too few for what is asked of them, or a domain has no weight that
            could change.
    """
    base = study["designs"]["perturb"]["base"]
    if isinstance(base, dict):
        for name in study["domains"]:
            if not base.get(name):
                raise MixwrightError(
                    f"config: designs.perturb.base gives {name} no weight to change;"
                    " give every domain some"
                )
    swarm, transfer = study["designs"]["swarm"], study.get("transfer")
    listed = len(study["designs"].get("listed", ()))
    if swarm["runs"] + listed < LEAST_OF_A_SWARM:
        raise MixwrightError(
            f"config: designs.swarm.runs is {swarm['runs']}, below {LEAST_OF_A_SWARM}; raise it"
            f" (or list mixtures in designs.listed, which has {listed})"
        )
    if transfer and transfer["mixtures"] > swarm["runs"]:
        raise MixwrightError(
            f"config: transfer.mixtures: {transfer['mixtures']} are more than"
            f" designs.swarm.runs {swarm['runs']}; lower it or enlarge the swarm"
        )
    sizes = round_sizes(swarm)
    if len(sizes) > 1 and sizes[-1] < LEAST_OF_A_ROUND:
        raise MixwrightError(
            f"config: designs.swarm.rounds: {swarm['runs']} runs in {len(sizes)} rounds leave"
            f" {sizes[-1]} a round, and a fit needs {LEAST_OF_A_ROUND} or more; enlarge the swarm"
        )
    if transfer and len(sizes) > 1 and transfer["mixtures"] > sizes[0]:
        raise MixwrightError(
            f"config: transfer.mixtures: {transfer['mixtures']} are more than the {sizes[0]} runs"
            " of the swarm's first round; lower it or enlarge the swarm"
        )
    if swarm_method(study) == INFORMATIVE and swarm["candidates"] < swarm["runs"]:
        raise MixwrightError(
            f"config: designs.swarm.candidates: {swarm['candidates']} candidates are fewer than"
            f" designs.swarm.runs {swarm['runs']}; raise the candidates"
        )
