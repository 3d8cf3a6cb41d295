"""Whether a goal leaves any mixture, and whether mixers written by hand name its domains.

Passes over a domain's tokens are not known at parse time; they are checked where tokens are.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.mixers import MIXERS
from mixwright.mixture import Domain
from mixwright.simplex.bounds import Bounds

# Limits of shares, as Bounds.of takes them.
LIMITS = ("caps", "floors", "fixed", "groups")
# Stands for the domains that a study of measured runs does not name.
OTHERS = "all other domains"


def check_bounds(study: Mapping[str, Any], domains: Sequence[str]) -> None:
    """Checks that some mixture of these domains keeps the goal's bounds.

    Where targets are left out in turn, it must do so without the target's own domain.
    """
    goal = study["goal"]
    _check("config: goal", goal, domains, {})
    if not goal["leave_target_out"]:
        return
    for target, settings in study["targets"].items():
        if settings["weight"] > 0 and target in domains:
            where = f"config: goal.leave_target_out: without {target}"
            _check(where, goal, domains, {target: 0.0})


def check_shares(study: Mapping[str, Any]) -> None:
    """Checks the goal's bounds where only those domains are known that the goal names."""
    goal = study["goal"]
    names: dict[str, None] = {}
    for key in ("caps", "floors", "fixed"):
        names |= dict.fromkeys(goal[key])
    for group in goal["groups"].values():
        names |= dict.fromkeys(group["domains"])
    _check("config: goal", goal, [*names, OTHERS], {})


def check_given(study: Mapping[str, Any], domains: Sequence[str]) -> None:
    """Checks that mixtures written by hand name domains, and give one of them weight.

    Args:
        study: the study with its defaults.
        domains: its domains; none where the tables of measured runs name them.
    """
    for mixer, settings in study["mixers"].items():
        if study["like"].get(mixer, mixer) != "given":
            continue
        where = f"config: mixers.{mixer}.weights"
        weights = settings.get("weights", {})
        for name in weights:
            if domains and name not in domains:
                raise MixwrightError(f"{where}.{name} is not a domain; {nearest(name, domains)}")
        if not sum(weights.values()) > 0:
            raise MixwrightError(f"{where} gives no domain any weight; write a share a domain")


def check_own_data(study: Mapping[str, Any], domains: Sequence[str]) -> None:
    """Checks that a mixer of the targets' own data has targets that are domains."""
    for mixer in study["mixers"]:
        if MIXERS[study["like"].get(mixer, mixer)].bounded:
            continue
        for target, settings in study["targets"].items():
            if settings["weight"] > 0 and target not in domains:
                raise MixwrightError(
                    f"config: mixers.{mixer} needs targets that are domains, and {target} is none;"
                    " leave the mixer out, or give that target weight 0"
                )


def _check(
    where: str, goal: Mapping[str, Any], names: Sequence[str], caps: Mapping[str, float]
) -> None:
    limits = {key: goal[key] for key in LIMITS}
    limits["caps"] = limits["caps"] | caps
    domains = [Domain(name, 1) for name in names]
    try:
        Bounds.of(domains, 1.0, **limits)
    except MixwrightError as error:
        raise MixwrightError(f"{where}: {error}") from None
