"""Studies of runs that others trained and measured: what their config must say. Read at parse time; nothing heavy is imported."""

from collections.abc import Mapping
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.mixers import MIXERS
from mixwright.sources import public

TRAINING = (
    "domains",
    "targets",
    "corpus",
    "tokenizer",
    "proxy",
    "evaluation",
    "designs",
    "transfer",
    "final",
    "store",
)
SWARMS = ("tests", "published", "subsets", "regions")  # what is said of a swarm alone


def check_kind(config: Mapping[str, Any]) -> None:
    """A study trains runs of its own on domains for targets, or takes runs that others measured."""
    if "measured" in config:
        odd = next((name for name in TRAINING if name in config), None)
        odd = odd or next(
            (
                f"goal.{name}"
                for name in ("tokens", "max_epochs")
                if name in (config.get("goal") or {})
            ),
            None,
        )
        if odd:
            raise MixwrightError(
                f"config: {odd} says nothing where losses are measured by others; leave it or `measured` out"
            )
    elif "domains" not in config and "targets" not in config:
        raise MixwrightError(
            "config: neither domains and targets nor measured losses; give one of the two"
        )
    for name in ("domains", "targets"):
        if "measured" not in config and name not in config:
            raise MixwrightError(f"config: {name} is missing; give it")


def check(study: Mapping[str, Any]) -> None:
    """Names that must stand elsewhere in a study of measured losses; those of domains and targets stand in its tables."""
    measured = study["measured"]
    role = _role(measured)
    for name in study["mixers"]:
        strange = sorted(MIXERS[study["like"].get(name, name)].reads - {role})
        if strange:
            said = "a swarm" if role == "swarm" else "perturbations"
            raise MixwrightError(
                f"config: mixers.{name} reads {strange[0]} runs and the measured ones are {said}; leave it out"
            )
    for section in ("subsets", "regions"):
        for name in measured[section]:
            if name not in study["mixers"]:
                raise MixwrightError(
                    f"config: measured.{section}.{name} is not among the study's mixers; add mixers.{name}"
                )
            if not MIXERS[name].reads or not MIXERS[name].predicts:
                raise MixwrightError(
                    f"config: measured.{section}.{name} predicts nothing from a swarm; name a mixer that does"
                )
    natural = measured["natural"]
    if isinstance(natural, str) and natural not in measured["published"]:
        raise MixwrightError(
            f"config: measured.natural: {natural} is no published mixture; {nearest(natural, measured['published'])}"
        )
    runs = {role: measured[role]} | {
        f"tests.{name}": tables for name, tables in measured["tests"].items()
    }
    named = {
        f"{where}.{key}": tables[key]
        for where, tables in runs.items()
        for key in ("mixtures", "losses")
        if key in tables
    }
    named |= {"optima.file": measured["optima"]["file"]} if "optima" in measured else {}
    named |= {f"published.{name}": file for name, file in measured["published"].items()}
    for where, pattern in named.items():
        public.named(pattern, study["public"], f"config: measured.{where}")
    if not sum(measured["targets"].values()) > 0:
        raise MixwrightError("config: the weights of all targets are 0; give one of them a weight")


def _role(measured: Mapping[str, Any]) -> str:
    """What the measured runs are: a swarm, or perturbations of a base run."""
    roles = [role for role in ("swarm", "perturb") if role in measured]
    if len(roles) != 1:
        said = "both swarm and perturb" if roles else "neither swarm nor perturb"
        raise MixwrightError(f"config: measured has {said}; give one of the two")
    if roles == ["perturb"]:
        odd = next((name for name in SWARMS if measured[name]), None)
        if odd:
            raise MixwrightError(
                f"config: measured.{odd} says nothing without a swarm; leave it out"
            )
        if any(
            measured["perturb"][sign].count("{domain}") != 1 for sign in ("reduced", "increased")
        ):
            raise MixwrightError(
                "config: measured.perturb: reduced and increased name runs by a pattern; write {domain} where its name stands"
            )
    elif "optima" in measured:
        raise MixwrightError(
            "config: measured.optima says nothing beside a swarm; give it with measured.perturb"
        )
    return roles[0]
