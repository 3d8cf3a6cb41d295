"""Every way to choose a mixture: a new one is one file here and one line in MIXERS, and the contract tests run on it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from mixwright.errors import MixwrightError, nearest

if TYPE_CHECKING:
    from mixwright.goal import Goal
    from mixwright.mixers.base import Mixer


@dataclass(frozen=True)
class Entry:
    """Where a mixer lives and which runs it reads; known without importing it, for the workflow is cut at parse time."""

    module: str
    class_name: str
    reads: frozenset[str] = frozenset()  # roles of runs; none: the domains' token counts are enough
    optional: frozenset[str] = (
        frozenset()
    )  # of these roles: read where there are runs, none trained for its sake
    needs_loglikelihoods: bool = False
    predicts: bool = True
    limits: bool = False  # sees to the goal's never_worse
    bounded: bool = True  # False: a reference that stands outside the goal's bounds on purpose
    draws: int = 1_000  # refits that a bootstrap gives it at most

    @property
    def trained(self) -> frozenset[str]:
        """Roles whose runs a study trains for it."""
        return self.reads - self.optional

    @property
    def can_refit(self) -> bool:
        """Whether a bootstrap over the swarm's runs says anything of its proposal."""
        return "swarm" in self.reads and self.predicts

    def load_class(self) -> Any:
        return getattr(import_module(f"mixwright.mixers.{self.module}"), self.class_name)


WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    type(None): "null",
}  # what a setting takes

SWARM, VERTEX, PERTURB = frozenset({"swarm"}), frozenset({"vertex"}), frozenset({"perturb"})

MIXERS: dict[str, Entry] = {
    "natural": Entry("baselines", "Natural", predicts=False),
    "uniform": Entry("baselines", "Uniform", predicts=False),
    "unimax": Entry("baselines", "UniMax", predicts=False),
    "given": Entry("baselines", "Given", predicts=False),
    "own-data": Entry("baselines", "OwnData", predicts=False, bounded=False),
    "best-source": Entry("baselines", "BestSource", VERTEX, predicts=False),
    "best-of-swarm": Entry("baselines", "BestOfSwarm", SWARM, predicts=False),
    "regmix": Entry("regmix.regmix", "RegMix", SWARM, limits=True, draws=20),
    "regmix-linear": Entry("regmix.regmix", "RegMixLinear", SWARM, limits=True),
    "effective-data": Entry("laws.effective_data", "EffectiveData", SWARM, limits=True),
    "log-linear": Entry("laws.log_linear", "LogLinear", SWARM, limits=True),
    "additive": Entry("laws.additive", "Additive", SWARM, limits=True),
    "bimix": Entry("laws.bimix", "BiMix", SWARM, limits=True),
    "ensemble": Entry("ensemble.ensemble", "Ensemble", SWARM, limits=True, draws=20),
    "mixmin": Entry("mixmin.mixmin", "MixMin", VERTEX, needs_loglikelihoods=True),
    "mixmin-ranking": Entry("mixmin.ranking", "MixMinRanking", VERTEX, needs_loglikelihoods=True),
    "autoscale": Entry("autoscale.autoscale", "AutoScale", PERTURB),
    "joint": Entry("laws.joint", "Joint", SWARM | VERTEX | PERTURB, optional=VERTEX, limits=True),
}


def entry(name: str) -> Entry:
    """The registry's entry; an unknown name is refused with the nearest known one."""
    if name not in MIXERS:
        raise MixwrightError(f"mixers: {name} is unknown; {nearest(name, MIXERS)}")
    return MIXERS[name]


def lacking(name: str, roles: Iterable[str]) -> str:
    """Which runs the mixer reads and the tables do not hold, in words; nothing where they hold some of them."""
    wanted = entry(name).trained
    return (
        f"it reads {' or '.join(sorted(wanted))} runs and the tables hold none"
        if wanted.isdisjoint(roles) and wanted
        else ""
    )


def unseen(name: str, goal: "Goal") -> tuple[str, ...]:
    """What of the goal the mixer does not see to, as notes of its proposal."""
    unlimited = f"never_worse ({', '.join(goal.never_worse)}) is not seen to: {name} keeps no limits on single targets"
    return (unlimited,) if goal.never_worse and not entry(name).limits else ()


def create(name: str, settings: Mapping[str, Any] | None = None) -> "Mixer":
    """An unfitted mixer with these settings; unknown ones are refused with the nearest known name."""
    kind = entry(name).load_class()
    known = [field.name for field in fields(kind) if not field.metadata.get("fitted")]
    for setting, value in (settings or {}).items():
        if setting not in known:
            raise MixwrightError(
                f"mixers: {name}.{setting} is unknown; {nearest(setting, known) or 'it takes no settings'}"
            )
        taken = get_type_hints(kind)[setting]
        words = [
            WORDS[type_]
            for type_ in (get_args(taken) if isinstance(taken, UnionType) else (taken,))
            if type_ in WORDS
        ]
        if (
            words
            and WORDS.get(type(value)) not in words
            and not (type(value) is int and WORDS[float] in words)
        ):
            raise MixwrightError(
                f"mixers: {name}.{setting} is {value!r}; give {' or '.join(words)}"
            )
    return kind(**(settings or {}))


def read_settings(text: str) -> dict[str, Any]:
    """Settings as typed on the command line."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise MixwrightError(
            f"--settings {text}: not JSON ({error}); write '{{\"name\": value}}'"
        ) from None
    if not isinstance(found, dict):
        raise MixwrightError(f"--settings {text}: no JSON object; write '{{\"name\": value}}'")
    return found


def load(name: str, folder: str | Path) -> "Mixer":
    """The mixer that `save(folder)` wrote."""
    from mixwright.mixers.base import read_fit

    return read_fit(entry(name).load_class(), Path(folder))
