"""A study with another swarm, as if its file gave it one; nothing heavy is imported."""

from collections.abc import Mapping
from typing import Any

from mixwright.study.design_checks import check_designs
from mixwright.study.online import check_online
from mixwright.study.steps import check_batch
from mixwright.study.swarm import INFORMATIVE, swarm_method
from mixwright.study.transfers import spelled_again


def resized(config: Mapping[str, Any], runs: int, proxy: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the config of a study with another swarm, and with all that follows from it.

    Where the swarm is chosen it gets as many candidates as it has runs.

    Args:
        config: the resolved study.
        runs: that the swarm draws, beside mixtures that are listed or leave a domain out.
        proxy: keys of the section `proxy` that change, of model, shape and tokens.

    Raises:
        MixwrightError: the study's checks refuse it, as they would refuse its file.
    """
    changed = dict(config)
    designs = config["designs"]
    swarm = {**designs["swarm"], "runs": runs}
    changed["designs"] = {**designs, "swarm": swarm}
    if swarm_method(changed) == INFORMATIVE:
        swarm["candidates"] = max(swarm["candidates"], runs)
    changed["proxy"] = {**config["proxy"], **proxy}
    if "transfer" in config:
        before = config["proxy"]
        changed["transfer"] = spelled_again(config["transfer"], before, changed["proxy"])
    check_designs(changed)
    check_batch(changed, "proxy", changed["proxy"]["tokens"])
    check_online(changed)
    return changed
