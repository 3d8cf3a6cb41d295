"""How the mixtures of a study's swarm come about: the setting `designs.swarm.method`.

Under `auto` they are chosen (informative) where the runs are few, for chosen mixtures gain most
there. They are drawn (dirichlet) where the runs are many, and where a mixer of boosted trees
learns from the swarm: planted problems showed that trees alone do worse on chosen mixtures.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.mixers import MIXERS

AUTO = "auto"
INFORMATIVE = "informative"
DIRICHLET = "dirichlet"
# most runs of a swarm that is chosen under `auto`
FEW_RUNS = 128


def swarm_method(config: Mapping[str, Any]) -> str:
    """Returns how the mixtures of the swarm's first round come about: informative or dirichlet.

    Args:
        config: a study's, with its mixers and `like` resolved.
    """
    swarm = config["designs"]["swarm"]
    method = str(swarm["method"])
    if method != AUTO:
        return method
    if swarm["runs"] > FEW_RUNS or tree_mixers(config):
        return DIRICHLET
    return INFORMATIVE


def tree_mixers(config: Mapping[str, Any]) -> list[str]:
    """Returns the study's mixers of boosted trees that read the swarm, sorted."""
    like = config.get("like", {})
    names = []
    for name in sorted(config["mixers"]):
        method = MIXERS[like.get(name, name)]
        if method.trees and "swarm" in method.reads:
            names.append(name)
    return names


def decided(config: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config with `auto` replaced by the method that it stands for."""
    designs = config["designs"]
    swarm = designs["swarm"] | {"method": swarm_method(config)}
    return {**config, "designs": designs | {"swarm": swarm}}


def reason(config: Mapping[str, Any]) -> str:
    """Returns in words what `auto` stands for and why.

    It is empty where a method is named, and where no mixture comes about by one.
    """
    swarm = config["designs"]["swarm"]
    if swarm["method"] != AUTO or not swarm["runs"]:
        return ""
    method = swarm_method(config)
    words = f"designs.swarm.method auto is {method}"
    trees = ", ".join(tree_mixers(config))
    if method == INFORMATIVE:
        return f"{words}: the candidates that teach a law most"
    if trees:
        return f"{words}: boosted trees ({trees}) learn less from chosen mixtures"
    return f"{words}: above {FEW_RUNS} runs mixtures are drawn"
