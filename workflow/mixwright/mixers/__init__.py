"""The registry of mixers: every way to choose a mixture, by name.

A new mixer is a file in this folder, an entry of MIXERS, a section of `config/schema.yaml` and a
row of `docs/mixers.md`. `docs/how-to/add-a-mixer.md` shows each.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from mixwright.errors import MixwrightError, nearest
from mixwright.mixers.kinds import is_of_kind, kinds_of_value
from mixwright.mixers.method import Method

if TYPE_CHECKING:
    from mixwright.goal import Goal
    from mixwright.mixers.base import Mixer

SWARM = frozenset({"swarm"})
VERTEX = frozenset({"vertex"})
PERTURB = frozenset({"perturb"})
# Mixers whose weights are learned while a run of theirs trains; its role has the mixer's name.
ONLINE = ("doremi", "odm", "fastmix")

MIXERS: dict[str, Method] = {
    "natural": Method(
        "baselines:Natural",
        "Baseline: every domain in proportion to its tokens.",
        predicts=False,
    ),
    "uniform": Method(
        "baselines:Uniform",
        "Baseline: the same weight for every domain.",
        predicts=False,
    ),
    "unimax": Method(
        "baselines:UniMax",
        "Baseline: equal budgets, smallest domain first, at most `max_epochs` passes over each.",
        "UniMax, arXiv 2304.09151",
        predicts=False,
    ),
    "given": Method(
        "baselines:Given",
        "Baseline: a mixture written by hand.",
        predicts=False,
    ),
    "own-data": Method(
        "baselines:OwnData",
        "Reference: the targets' own domains, outside the goal's bounds on purpose.",
        predicts=False,
        bounded=False,
    ),
    "best-source": Method(
        "baselines:BestSource",
        "Baseline: the domain whose own proxy has the lowest measured objective, as much of it as"
        " the bounds allow, then the next.",
        reads=VERTEX,
        predicts=False,
    ),
    "best-of-swarm": Method(
        "baselines:BestOfSwarm",
        "Baseline: the run of the swarm with the lowest measured objective.",
        reads=SWARM,
        predicts=False,
    ),
    "regmix": Method(
        "regmix.regmix:RegMix",
        "Boosted trees (LightGBM) predict each target; the mean of the best simulated mixtures.",
        "RegMix, arXiv 2407.01492",
        reads=SWARM,
        limits=True,
        trees=True,
        worst=True,
        draws=20,
        quick={"iterations": 300, "learning_rate": 0.05, "samples": 10_000, "keep": 32},
    ),
    "regmix-linear": Method(
        "regmix.regmix:RegMixLinear",
        "RegMix with a linear regression, the paper's other regressor.",
        "RegMix, arXiv 2407.01492",
        reads=SWARM,
        limits=True,
        worst=True,
        quick={"samples": 10_000, "keep": 32},
    ),
    "effective-data": Method(
        "laws.effective_data:EffectiveData",
        "A convex law for each target, `E + A (eps + sum_i K_i w_i^g_i)^-b + beta.w`; its optimum"
        " has a certified gap.",
        reads=SWARM,
        limits=True,
        anchored=True,
        worst=True,
    ),
    "wide-law": Method(
        "laws.wide:WideLaw",
        "The effective-data law, with exponents above 1, pairs of domains or a shape for each"
        " domain where unseen runs say so; certified where it stays plain.",
        reads=SWARM,
        limits=True,
        draws=40,
    ),
    "log-linear": Method(
        "laws.log_linear:LogLinear",
        "The law `c + exp(t.w)`, certified; it proposes corners.",
        "Data Mixing Laws, arXiv 2403.16952",
        reads=SWARM,
        limits=True,
        worst=True,
    ),
    "olmix": Method(
        "laws.olmix:Olmix",
        "The log-linear law, with a pull to natural that keeps it off corners, certified.",
        "Olmix, arXiv 2602.12237",
        reads=SWARM,
        limits=True,
    ),
    "additive": Method(
        "laws.additive:Additive",
        "The law `E + 1 / sum_i C_i w_i^g_i` at one scale, certified.",
        "additive law, arXiv 2507.09404",
        reads=SWARM,
        limits=True,
        worst=True,
    ),
    "bimix": Method(
        "laws.bimix:BiMix",
        "A power law of one domain's own weight for each target, at one scale, certified.",
        "BiMix, arXiv 2405.14908",
        reads=SWARM,
        limits=True,
        worst=True,
    ),
    "ensemble": Method(
        "ensemble.ensemble:Ensemble",
        "A stack of other mixers, weighted by cross-validation on the swarm; the convex members'"
        " optimum, refined by a search around it.",
        reads=SWARM,
        limits=True,
        draws=20,
        quick={
            "members": {
                "effective-data": {},
                "regmix": {"iterations": 40, "learning_rate": 0.1},
                "additive": {},
            },
            "samples": 500,
        },
    ),
    "mixmin": Method(
        "mixmin.mixmin:MixMin",
        "The mixture of single-domain proxies that gives the targets' examples the highest"
        " likelihood, solved to a certified gap.",
        "MixMin, arXiv 2502.10510",
        reads=VERTEX,
        needs_loglikelihoods=True,
        quick={"draws": 10},
    ),
    "mixmin-ranking": Method(
        "mixmin.ranking:MixMinRanking",
        "MixMin for targets that are ranked: it ignores how common the label is in a domain, and"
        " is pulled to natural.",
        "MixMin, arXiv 2502.10510",
        reads=VERTEX,
        needs_loglikelihoods=True,
    ),
    "autoscale": Method(
        "autoscale.autoscale:AutoScale",
        "Power laws of perturbed amounts; the optima of the scales are extrapolated to the goal's"
        " tokens.",
        "AutoScale, arXiv 2407.20177",
        reads=PERTURB,
        scales=True,
    ),
    "joint": Method(
        "laws.joint:Joint",
        "The effective-data law in tokens, over runs of all totals, with its optimum at the goal's"
        " tokens; trust it where the backtest does.",
        reads=SWARM | VERTEX | PERTURB,
        optional=VERTEX,
        scales=True,
        limits=True,
        worst=True,
    ),
    "repeating": Method(
        "laws.repeating:Repeating",
        "The joint law with what the runs say of repetition: R* a domain, shrunk to the published"
        " one, and a fall after many passes, each where held-out runs support it.",
        "repeated data, arXiv 2305.16264",
        reads=SWARM | VERTEX | PERTURB,
        optional=VERTEX | PERTURB,
        limits=True,
        worst=True,
        draws=100,
    ),
    "doremi": Method(
        "online:DoReMi",
        "Rival: weights that move, while a proxy trains, to domains where it is behind a reference"
        " run; their mean over its steps.",
        "DoReMi, arXiv 2305.10429",
        reads=frozenset({"doremi"}),
        predicts=False,
    ),
    "odm": Method(
        "online:ODM",
        "Rival: weights that a bandit (Exp3) moves, while a proxy trains, to domains of high loss;"
        " their mean over its steps.",
        "ODM, arXiv 2312.02406",
        reads=frozenset({"odm"}),
        predicts=False,
    ),
    "fastmix": Method(
        "online:FastMix",
        "Rival: weights that move, while a proxy trains, to domains whose gradient at the head"
        " agrees with the targets'; those of its last step.",
        "FastMix, arXiv 2606.14971",
        reads=frozenset({"fastmix"}),
        predicts=False,
    ),
}


def entry(name: str) -> Method:
    """Returns the registry's entry of a mixer.

    Raises:
        MixwrightError: no mixer has this name; the message has the nearest one.
    """
    if name not in MIXERS:
        raise MixwrightError(f"mixers: {name} is unknown; {nearest(name, MIXERS)}")
    return MIXERS[name]


def missing_runs(name: str, roles: Iterable[str]) -> str:
    """Returns what a mixer lacks in tables with runs of these roles, in words.

    Empty where the tables hold runs of one role that a study would train for it.
    """
    trained = entry(name).trained
    if not trained or not trained.isdisjoint(roles):
        return ""
    return f"it reads {' or '.join(sorted(trained))} runs and the tables hold none"


def ignored_limits(name: str, goal: "Goal") -> tuple[str, ...]:
    """Returns a proposal's notes on what the mixer does not keep of the goal's never_worse."""
    if not goal.never_worse or entry(name).limits:
        return ()
    targets = ", ".join(goal.never_worse)
    return (f"never_worse ({targets}) is not seen to: {name} keeps no limits on single targets",)


def check_worst(name: str, where: str) -> None:
    """Refuses a mixer that minimises the mean alone for a goal of the worst target.

    Args:
        name: its name in the registry.
        where: what the message begins with.

    Raises:
        MixwrightError: it cannot.
    """
    method = entry(name)
    if method.worst or not method.heeds_targets:
        return
    able = ", ".join(name for name, other in MIXERS.items() if other.worst)
    remedy = f"leave it out, or take one of {able}"
    if name == "mixmin":
        remedy = f"give it objective: worst, {remedy}"
    raise MixwrightError(f"{where} cannot minimise the worst target of a goal; {remedy}")


def create(name: str, settings: Mapping[str, Any] | None = None) -> "Mixer":
    """Returns an unfitted mixer with these settings; the others have their defaults.

    Raises:
        MixwrightError: the mixer or a setting is unknown, or a value is of the wrong kind.
    """
    mixer_class = entry(name).load_class()
    settings = dict(settings or {})
    known = [part.name for part in fields(mixer_class) if is_setting(part)]
    types = get_type_hints(mixer_class)
    for setting, value in settings.items():
        if setting not in known:
            hint = nearest(setting, known) or "it takes no settings"
            raise MixwrightError(f"mixers: {name}.{setting} is unknown; {hint}")
        takes = kinds_of_value(types[setting])
        if takes and not is_of_kind(value, takes):
            raise MixwrightError(
                f"mixers: {name}.{setting} is {value!r}; give {' or '.join(takes)}"
            )
    return mixer_class(**settings)


def is_setting(part: Field) -> bool:
    """Whether a field of a mixer is a setting; the others are filled by `fit`."""
    return not part.metadata.get("fitted")


def settings_of(mixer: "Mixer") -> dict[str, Any]:
    """Returns the settings of a mixer, by name."""
    settings = {}
    for part in fields(mixer):  # type: ignore[arg-type]
        if is_setting(part):
            settings[part.name] = getattr(mixer, part.name)
    return settings


def read_settings(text: str) -> dict[str, Any]:
    """Reads settings as they were typed on the command line, as a JSON object."""
    try:
        settings = json.loads(text)
    except json.JSONDecodeError as error:
        raise MixwrightError(
            f"--settings {text}: not JSON ({error}); write '{{\"name\": value}}'"
        ) from None
    if not isinstance(settings, dict):
        raise MixwrightError(f"--settings {text}: no JSON object; write '{{\"name\": value}}'")
    return settings


def load(name: str, folder: str | Path) -> "Mixer":
    """Reads the mixer that `Mixer.save(folder)` wrote."""
    from mixwright.mixers.base import read_fit

    return read_fit(entry(name).load_class(), Path(folder), class_named)


def class_named(class_name: str) -> Any:
    """Returns the class of a mixer by the name that fit.json keeps of it."""
    for method in MIXERS.values():
        if method.class_name == class_name:
            return method.load_class()
    raise MixwrightError(f"fit.json: this version has no mixer class {class_name}; fit again")
