"""From what a user wrote to a resolved study: checked against the schema, defaults filled, model shapes inlined."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator, ValidationError

from mixwright.errors import MixwrightError, closest
from mixwright.learners import LEARNERS, MASKED
from mixwright.mixers import MIXERS
from mixwright.simplex.bounds import groups_of
from mixwright.sources import LABELS, create, entry, public
from mixwright.sources.places import Places
from mixwright.study import checks as measured
from mixwright.study.shorthand import add_labels, variants


def read_yaml(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def resolve(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The resolved study of `config`; `folder` holds schema.yaml and models/. The first mistake is a MixwrightError of one line."""
    schema = read_yaml(folder / "schema.yaml")
    written = copy.deepcopy(dict(config))
    like = variants(written.get("mixers"), schema["properties"]["mixers"]["properties"])
    add_labels(written)
    measured.check_kind(written)
    study = _with_defaults(written, schema, schema)
    errors = sorted(
        Draft202012Validator(schema).iter_errors(study),
        key=lambda error: list(map(str, error.absolute_path)),
    )
    if errors:
        raise MixwrightError(_message(errors[0], schema))
    study["mixers"] = {"natural": {}} | study["mixers"]
    study["like"] = like
    public.check(study["public"])
    if "measured" in study:
        study |= {"domains": {}, "targets": {}}
        measured.check(study)
    else:
        _check_names(study)
    if LEARNERS[study["learner"]].sized:
        if "transfer" in study:
            study["transfer"]["tokens"] = study["transfer"]["tokens"] or study["proxy"]["tokens"]
        for part in [part for part in ("proxy", "final", "transfer") if part in study]:
            study[part]["shape"] = shape(study[part]["model"], folder / "models", part)
            _check_shape(study, part, folder / "models")
    else:
        study["goal"] |= {
            "tokens": 1,
            "max_epochs": None,
        }  # its runs read all rows there are, whatever the weights
    _check_processes(study)
    return study


def shape(model: str, folder: Path, part: str) -> dict[str, Any]:
    """The shape that config/models/<model>.yaml describes."""
    path = folder / f"{model}.yaml"
    if not path.exists():
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        raise MixwrightError(
            f"config: {part}.model {model} is unknown{_did_you_mean(model, known)}; models are {', '.join(known)}"
        )
    return read_yaml(path)


def _check_shape(study: Mapping[str, Any], part: str, folder: Path) -> None:
    """A masked language model sees both sides of a token, a causal one must not; a shape's own vocabulary is the one that is trained."""
    own, tokenizer = study[part]["shape"].get("vocabulary"), study["tokenizer"]
    if own and not tokenizer["folder"] and tokenizer["vocabulary"] != own:
        model = study[part]["model"]
        raise MixwrightError(
            f"config: {part}.model {model} has a vocabulary of {own}; set tokenizer.vocabulary to {own}, or take another model"
        )
    masked = LEARNERS[study["learner"]].masked
    if (study[part]["shape"]["architecture"] in MASKED) != masked:
        fits = sorted(
            file.stem
            for file in folder.glob("*.yaml")
            if (read_yaml(file)["architecture"] in MASKED) == masked
        )
        raise MixwrightError(
            f"config: {part}.model {study[part]['model']} is no model for learner {study['learner']}; take {', '.join(fits)}"
        )


def _check_processes(study: Mapping[str, Any]) -> None:
    """Processes that train a final together take equal parts of every batch."""
    final = study["final"]
    processes = final["nodes"] * final["processes"]
    if processes > 1 and not LEARNERS[study["learner"]].sized:
        raise MixwrightError(
            "config: final.processes: trees are trained in one process; leave nodes and processes out"
        )
    if final["batch"] % processes:
        shared = f"final.batch {final['batch']} cannot be shared equally by {final['nodes']} nodes x {final['processes']} processes"
        raise MixwrightError(f"config: {shared}; make it a multiple of {processes}")
    if final["parallel"] == "fsdp" and processes == 1:
        raise MixwrightError(
            "config: final.parallel: fsdp slices a model among several processes; raise final.processes, or leave it ddp"
        )


def keys(schema: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every key of the schema as (dotted name, its description, default and bounds), in the schema's order."""

    def walk(node: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, dict[str, Any]]]:
        inner = dict(node.get("properties", {}))
        if isinstance(node.get("additionalProperties"), Mapping) and "propertyNames" in node:
            inner["<name>"] = node["additionalProperties"]
        for name, child in inner.items():
            child = _follow(child, schema)
            yield f"{prefix}{name}", child
            yield from walk(child, f"{prefix}{name}.")

    return walk(schema, "")


def _with_defaults(value: Any, node: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    """`value` with the schema's defaults filled in, recursively."""
    node = _follow(node, schema)
    if not isinstance(value, dict):
        return value
    for name, child in node.get("properties", {}).items():
        child = _follow(child, schema)
        if name not in value and "default" in child:
            value[name] = copy.deepcopy(child["default"])
        if name in value:
            value[name] = _with_defaults(
                {} if value[name] is None and child.get("type") == "object" else value[name],
                child,
                schema,
            )
    extra = node.get("additionalProperties")
    if isinstance(extra, Mapping):
        for name in value.keys() - node.get("properties", {}).keys():
            value[name] = _with_defaults(value[name], extra, schema)
    return value


def _follow(node: Any, schema: Mapping[str, Any]) -> Any:
    while isinstance(node, Mapping) and "$ref" in node:
        found: Any = schema
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def _message(error: ValidationError, schema: Mapping[str, Any]) -> str:
    """One line for a schema error: where, what, and what to write instead."""
    where = ".".join(map(str, error.absolute_path))
    if error.validator == "additionalProperties":
        known = list(error.schema.get("properties", {}))
        unknown = next(name for name in error.instance if name not in known)
        names = [name.rsplit(".", 1)[-1] for name, _ in keys(schema)]
        dotted = f"{where}.{unknown}".lstrip(".")
        hint = _did_you_mean(unknown, known, f"{where}." if where else "") or _elsewhere(
            unknown, names, schema
        )
        hint = hint or f"; known here: {', '.join(known) or 'nothing'}"
        return f"config: {dotted} is unknown{hint}"
    if error.validator == "required":
        missing = next(name for name in error.validator_value if name not in error.instance)
        return f"config: {f'{where}.{missing}'.lstrip('.')} is missing; give it"
    if error.validator == "anyOf":
        return f"config: {where} is {error.instance!r}; it takes {error.schema['title']}"
    if error.validator == "enum":
        choices = [str(choice) for choice in error.validator_value]
        return f"config: {where} is {error.instance!r}{_did_you_mean(str(error.instance), choices)}; it takes {' or '.join(choices)}"
    if error.validator == "type":
        wanted = (
            error.validator_value
            if isinstance(error.validator_value, str)
            else " or ".join(error.validator_value)
        )
        return f"config: {where} is {error.instance!r}, a {type(error.instance).__name__}; it takes a value of type {wanted}"
    return f"config: {where or 'the study'}: {error.message.splitlines()[0][:200]}"


def _did_you_mean(name: str, known: list[str], prefix: str = "") -> str:
    close = closest(name, known)
    return f"; did you mean {prefix}{close}?" if close else ""


def _elsewhere(name: str, names: list[str], schema: Mapping[str, Any]) -> str:
    """Points a key that stands in the wrong section to the right one."""
    close = closest(name, names, cutoff=0.6)
    dotted = next((full for full, _ in keys(schema) if full.rsplit(".", 1)[-1] == close), None)
    return f"; did you mean {dotted}?" if dotted else ""


def _check_names(study: Mapping[str, Any]) -> None:
    """Names that must stand elsewhere in the study: domains in caps, floors and mixtures, sources of targets."""
    domains = list(study["domains"])
    mixtures = {
        f"designs.{design}.{key}": study["designs"][design][key] for design, key in _MIXTURES
    }
    named = {f"goal.{key}": study["goal"][key] for key in ("caps", "floors", "fixed")} | mixtures
    for where, weights in named.items():
        for name in weights if isinstance(weights, dict) else ():
            if name not in domains:
                raise MixwrightError(
                    f"config: {where}.{name} is not a domain{_did_you_mean(name, domains)}; domains are {', '.join(domains)}"
                )
    for where, weights in mixtures.items():
        if isinstance(weights, dict) and abs(sum(weights.values()) - 1) > 1e-6:
            raise MixwrightError(
                f"config: {where}: the weights sum to {sum(weights.values()):g}; make them sum to 1"
            )
    groups_of(study["goal"]["groups"], domains)
    never_worse, targets = study["goal"]["never_worse"], list(study["targets"])
    for name in never_worse if isinstance(never_worse, list) else ():
        if name not in targets:
            raise MixwrightError(
                f"config: goal.never_worse: {name} is no target{_did_you_mean(name, targets)}; targets are {', '.join(targets)}"
            )
    base = mixtures["designs.perturb.base"]
    for name in domains if isinstance(base, dict) else ():
        if not base.get(name):
            raise MixwrightError(
                f"config: designs.perturb.base gives {name} no weight to change; give every domain some"
            )
    swarm, transfer = study["designs"]["swarm"], study.get("transfer")
    if transfer and transfer["mixtures"] > swarm["runs"]:
        few = f"more than designs.swarm.runs {swarm['runs']}"
        raise MixwrightError(
            f"config: transfer.mixtures: {transfer['mixtures']} are {few}; lower it or enlarge the swarm"
        )
    if swarm["method"] == "informative" and swarm["candidates"] < swarm["runs"]:
        few = f"{swarm['candidates']} candidates are fewer than designs.swarm.runs {swarm['runs']}"
        raise MixwrightError(f"config: designs.swarm.candidates: {few}; raise the candidates")
    for name, target in study["targets"].items():
        if name in domains and "source" in target:
            raise MixwrightError(
                f"config: targets.{name} has a domain's name and a source of its own; rename it, or drop its source"
            )
        if name not in domains and "source" not in target:
            raise MixwrightError(
                f"config: targets.{name} has no source and is not a domain{_did_you_mean(name, domains)}; give it a source"
            )
    _check_learner(study)
    places = Places(f"results/{study['study']}", study["public"])
    for section in ("domains", "targets"):
        for name, settings in study[section].items():
            if "source" in settings:
                create(name, settings, places).check(f"config: {section}.{name}")
    if not sum(target["weight"] for target in study["targets"].values()) > 0:
        raise MixwrightError("config: the weights of all targets are 0; give one of them a weight")
    for name, target in study["targets"].items() if study["goal"]["leave_target_out"] else ():
        if target["weight"] > 0 and name not in domains:
            alike = _did_you_mean(name, domains) or "; a target to leave out is a domain"
            raise MixwrightError(f"config: goal.leave_target_out: {name} is not a domain{alike}")


def _check_learner(study: Mapping[str, Any]) -> None:
    """Trees learn from tables, language models from text."""
    trees = study["learner"] == "trees"
    for name, source in study["domains"].items():
        if trees != (entry(source["source"], name).yields == LABELS):
            wanted = (
                "learner: trees reads labels of the section `tables`"
                if trees
                else "a label of a table needs learner: trees"
            )
            raise MixwrightError(f"config: domains.{name}: {wanted}; correct one of the two")
        if trees and source.get("table") not in study["tables"]:
            raise MixwrightError(
                f"config: domains.{name}.table: {source.get('table')} is none of the section `tables`; add it there"
            )
    if trees and study["proxy"]["simulated_epochs"]:
        raise MixwrightError(
            "config: proxy.simulated_epochs: trees do not repeat their rows; leave it out"
        )
    if trees and "transfer" in study:
        raise MixwrightError("config: transfer: trees have no model of another size; leave it out")
    for name in study["targets"] if trees else ():
        if name not in study["domains"]:
            raise MixwrightError(
                f"config: targets.{name}: a target of trees is a domain's held-out rows; name a domain"
            )
    for name in study["mixers"] if trees else ():
        if "perturb" in MIXERS[study["like"].get(name, name)].reads:
            raise MixwrightError(
                f"config: mixers.{name} needs runs of several sizes, which trees do not have; leave it out"
            )


_MIXTURES = (("swarm", "around"), ("perturb", "base"), ("repeat", "mixture"))
