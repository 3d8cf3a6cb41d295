"""What must agree between the sections of a study: names, learners, runs that others measured.

Read at parse time; nothing heavy is imported.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.learners import LEARNERS
from mixwright.mixers import MIXERS
from mixwright.mixture import SUM_TOLERANCE
from mixwright.simplex.bounds import groups_of
from mixwright.sources import LABELS, create, entry, public
from mixwright.sources.places import Places
from mixwright.study.design_checks import check_designs
from mixwright.study.limits import check_bounds, check_given, check_own_data, check_shares
from mixwright.study.measured_targets import measured_metrics, spelled_out
from mixwright.study.schema import did_you_mean

# Sections of a study that trains runs of its own.
TRAINING = (
    "domains",
    "targets",
    "corpus",
    "tokenizer",
    "proxy",
    "evaluation",
    "designs",
    "transfer",
    "merged",
    "final",
    "finals",
    "store",
)
# Keys of the goal that mean nothing for runs that others measured.
TRAINING_GOAL = ("tokens", "max_epochs", "leave_target_out", "seen")
# Keys of `measured` that need a swarm.
SWARM_KEYS = ("tests", "published", "subsets", "regions")
# Where a mixture may be written out in a design: (design, key).
DESIGN_MIXTURES = (
    ("swarm", "around"),
    ("perturb", "base"),
    ("repeat", "mixture"),
    ("leave_one_out", "mixture"),
)


def check_name(name: str) -> None:
    """Refuses a study whose folder would be the store of all studies."""
    if name == "store":
        raise MixwrightError(
            "config: study: results/store holds the computed runs of all studies;"
            " give the study another name"
        )


def check_useless(written: Mapping[str, Any]) -> None:
    """Refuses settings of trainings where losses are measured by others."""
    if "measured" not in written:
        return
    useless = [name for name in TRAINING if name in written]
    goal = written.get("goal")
    if isinstance(goal, dict):
        useless += [f"goal.{name}" for name in TRAINING_GOAL if name in goal]
    if useless:
        raise MixwrightError(
            f"config: {useless[0]} says nothing where losses are measured by others;"
            " leave it or `measured` out"
        )


def check_kind(written: Mapping[str, Any]) -> None:
    """Checks that a study trains runs of its own, or takes runs that others measured."""
    if "measured" in written:
        return
    if "domains" not in written and "targets" not in written:
        raise MixwrightError(
            "config: neither domains and targets nor measured losses; give one of the two"
        )
    for name in ("domains", "targets"):
        if name not in written:
            raise MixwrightError(f"config: {name} is missing; give it")


def check_names(study: Mapping[str, Any]) -> None:
    """Checks a study that trains: names that must stand elsewhere in it, and its sources."""
    domains = list(study["domains"])
    _check_mixtures(study, domains)
    groups_of(study["goal"]["groups"], domains)
    check_bounds(study, domains)
    check_given(study, domains)
    _check_limits(study, list(study["targets"]))
    check_designs(study)
    _check_target_names(study, domains)
    _check_learner(study)
    check_own_data(study, domains)
    _check_sources(study)
    _check_target_weights(target["weight"] for target in study["targets"].values())
    _check_left_out_targets(study, domains)


def check_measured(study: Mapping[str, Any]) -> None:
    """Checks a study of measured runs: mixers, published mixtures and public files it names."""
    measured = study["measured"]
    role = _measured_role(measured)
    for name in study["mixers"]:
        missing = sorted(MIXERS[study["like"].get(name, name)].reads - {role})
        if missing:
            measured_runs = "a swarm" if role == "swarm" else "perturbations"
            raise MixwrightError(
                f"config: mixers.{name} reads {missing[0]} runs and the measured ones are"
                f" {measured_runs}; leave it out"
            )
    for section in ("subsets", "regions"):
        for name in measured[section]:
            _check_measured_mixer(f"measured.{section}.{name}", name, study)
    natural, published = measured["natural"], measured["published"]
    if isinstance(natural, str) and natural not in published:
        hint = nearest(natural, published) if published else "give it in measured.published"
        raise MixwrightError(f"config: measured.natural: {natural} is no published mixture; {hint}")
    for where, pattern in measured_files(measured).items():
        public.named(pattern, study["public"], f"config: measured.{where}")
    measured_metrics(measured)
    entries = [spelled_out(entry) for entry in measured["targets"].values()]
    _check_target_weights(entry.get("weight", 1.0) for entry in entries)
    check_shares(study)
    check_given(study, ())
    _check_limits(study, list(measured["targets"]))


def _check_mixtures(study: Mapping[str, Any], domains: Sequence[str]) -> None:
    """Mixtures and bounds name domains, and mixtures sum to 1."""
    goal = study["goal"]
    mixtures = {}
    designs = study["designs"]
    for design, key in DESIGN_MIXTURES:
        if design in designs:
            mixtures[f"designs.{design}.{key}"] = designs[design][key]
    for number, mixture in enumerate(designs.get("listed", ())):
        mixtures[f"designs.listed[{number}]"] = mixture
    bounds = {f"goal.{key}": goal[key] for key in ("caps", "floors", "fixed")}
    for where, weights in (bounds | mixtures).items():
        # A mixture may also be a word, such as natural.
        if not isinstance(weights, dict):
            continue
        for name in weights:
            if name not in domains:
                hint = did_you_mean(name, domains)
                raise MixwrightError(
                    f"config: {where}.{name} is not a domain{hint};"
                    f" domains are {', '.join(domains)}"
                )
    for where, weights in mixtures.items():
        if not isinstance(weights, dict):
            continue
        total = sum(weights.values())
        if abs(total - 1) > SUM_TOLERANCE:
            raise MixwrightError(
                f"config: {where}: the weights sum to {total:g}; make them sum to 1"
            )


def _check_limits(study: Mapping[str, Any], targets: Sequence[str]) -> None:
    never_worse = study["goal"]["never_worse"]
    if not isinstance(never_worse, list):
        return
    for name in never_worse:
        if name not in targets:
            hint = did_you_mean(name, targets)
            raise MixwrightError(
                f"config: goal.never_worse: {name} is no target{hint};"
                f" targets are {', '.join(targets)}"
            )


def _check_target_names(study: Mapping[str, Any], domains: Sequence[str]) -> None:
    """A target is a domain, or has a source of its own."""
    for name, target in study["targets"].items():
        if name in domains and "source" in target:
            raise MixwrightError(
                f"config: targets.{name} has a domain's name and a source of its own;"
                " rename it, or drop its source"
            )
        if name not in domains and "source" not in target:
            hint = did_you_mean(name, domains)
            raise MixwrightError(
                f"config: targets.{name} has no source and is not a domain{hint}; give it a source"
            )


def _check_learner(study: Mapping[str, Any]) -> None:
    """Trees learn from tables, language models from text."""
    trees = LEARNERS[study["learner"]].reads == LABELS
    for name, source in study["domains"].items():
        labels = entry(source["source"], name).yields == LABELS
        if trees and not labels:
            raise MixwrightError(
                f"config: domains.{name}: learner: {study['learner']} reads labels of the section"
                " `tables`; set source: table, or another learner"
            )
        if labels and not trees:
            raise MixwrightError(
                f"config: domains.{name}: a label of a table needs learner: trees;"
                " set it, or another source"
            )
    if trees:
        _check_trees(study)


def _check_trees(study: Mapping[str, Any]) -> None:
    for name, source in study["domains"].items():
        table = source.get("table")
        if table not in study["tables"]:
            raise MixwrightError(
                f"config: domains.{name}.table: {table} is none of the section `tables`;"
                " add it there"
            )
    if study["proxy"]["simulated_epochs"] is True:
        raise MixwrightError(
            "config: proxy.simulated_epochs: trees do not repeat their rows; leave it out"
        )
    if "transfer" in study:
        raise MixwrightError("config: transfer: trees have no model of another size; leave it out")
    for name in study["targets"]:
        if name not in study["domains"]:
            raise MixwrightError(
                f"config: targets.{name}: a target of trees is a domain's held-out rows;"
                " name a domain"
            )
    for name in study["mixers"]:
        if "perturb" in MIXERS[study["like"].get(name, name)].reads:
            raise MixwrightError(
                f"config: mixers.{name} needs runs of several sizes, which trees do not have;"
                " leave it out"
            )


def _check_sources(study: Mapping[str, Any]) -> None:
    folder = study["tokenizer"]["folder"]
    places = Places(f"results/{study['study']}", study["public"], folder)
    for section in ("domains", "targets"):
        for name, settings in study[section].items():
            if "source" in settings:
                create(name, settings, places).check(f"config: {section}.{name}")


def _check_target_weights(weights: Iterable[float]) -> None:
    if not sum(weights) > 0:
        raise MixwrightError("config: the weights of all targets are 0; give one of them a weight")


def _check_left_out_targets(study: Mapping[str, Any], domains: Sequence[str]) -> None:
    """A goal that leaves a target out leaves out the domain of its name."""
    if not study["goal"]["leave_target_out"]:
        return
    for name, target in study["targets"].items():
        if target["weight"] > 0 and name not in domains:
            hint = did_you_mean(name, domains) or "; a target to leave out is a domain"
            raise MixwrightError(f"config: goal.leave_target_out: {name} is not a domain{hint}")


def _check_measured_mixer(where: str, name: str, study: Mapping[str, Any]) -> None:
    """Subsets and regions are asked of mixers of the study that predict from a swarm."""
    if name not in study["mixers"]:
        raise MixwrightError(f"config: {where} is not among the study's mixers; add mixers.{name}")
    method = MIXERS[study["like"].get(name, name)]
    if not method.reads or not method.predicts:
        raise MixwrightError(
            f"config: {where} predicts nothing from a swarm; name a mixer that does"
        )


def measured_files(measured: Mapping[str, Any]) -> dict[str, str]:
    """Returns dotted key -> file, for every file that the section `measured` names."""
    tables_by_key = {role: measured[role] for role in ("swarm", "perturb") if role in measured}
    for name, tables in measured["tests"].items():
        tables_by_key[f"tests.{name}"] = tables
    files = {}
    for where, tables in tables_by_key.items():
        for key in ("mixtures", "losses"):
            if key in tables:
                files[f"{where}.{key}"] = tables[key]
    if "optima" in measured:
        files["optima.file"] = measured["optima"]["file"]
    for name, file in measured["published"].items():
        files[f"published.{name}"] = file
    return files


def _measured_role(measured: Mapping[str, Any]) -> str:
    """What the measured runs are: a swarm, or perturbations of a base run."""
    roles = [role for role in ("swarm", "perturb") if role in measured]
    if len(roles) != 1:
        present = "both swarm and perturb" if roles else "neither swarm nor perturb"
        raise MixwrightError(f"config: measured has {present}; give one of the two")
    if roles == ["perturb"]:
        _check_perturb(measured)
    elif "optima" in measured:
        raise MixwrightError(
            "config: measured.optima says nothing beside a swarm; give it with measured.perturb"
        )
    return roles[0]


def _check_perturb(measured: Mapping[str, Any]) -> None:
    useless = [name for name in SWARM_KEYS if measured[name]]
    if useless:
        raise MixwrightError(
            f"config: measured.{useless[0]} says nothing without a swarm; leave it out"
        )
    for sign in ("reduced", "increased"):
        if measured["perturb"][sign].count("{domain}") != 1:
            raise MixwrightError(
                "config: measured.perturb: reduced and increased name runs by a pattern;"
                " write {domain} where its name stands"
            )
