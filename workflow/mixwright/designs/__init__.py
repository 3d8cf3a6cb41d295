"""Which mixtures to try: one module for each kind of design.

A design names its rows at parse time, without weights. Their weights are resolved once the domains'
tokens are counted.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.designs import (
    dirichlet,
    informative,
    leave_one_out,
    listed,
    perturbation,
    repeats,
    rounds,
    vertices,
)
from mixwright.designs.online import OnlineDesign
from mixwright.designs.row import Design

KINDS: dict[str, Design] = {
    "swarm": dirichlet,
    "informative": informative,
    "vertex": vertices,
    "perturb": perturbation,
    "repeat": repeats,
    "round": rounds,
    leave_one_out.KIND: leave_one_out,
    listed.KIND: listed,
    "doremi": OnlineDesign("doremi"),
    "odm": OnlineDesign("odm"),
    "fastmix": OnlineDesign("fastmix"),
}


def kind_of(role: str, config: Mapping[str, Any]) -> str:
    """Returns the kind of design of a role's runs: the role's own name, or another method's.

    Args:
        role: of the runs.
        config: a study's, with the swarm's method decided.
    """
    if role == "swarm" and config["designs"]["swarm"]["method"] == "informative":
        return "informative"
    return role
