"""From what a user wrote to a resolved study: checked, defaults filled, shapes written out."""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.learners import LEARNERS, MASKED
from mixwright.mixers import MIXERS, ONLINE
from mixwright.sources import public
from mixwright.sources.places import expanded
from mixwright.study import checkpoints, checks, transfers
from mixwright.study.final_trainer import check_trainer
from mixwright.study.goals import check_objective, check_worst_targets
from mixwright.study.lengths import document_tokens
from mixwright.study.merging import check_merged
from mixwright.study.messages import check_against
from mixwright.study.online import check_online
from mixwright.study.questions import check_chosen
from mixwright.study.sample import check_keys, check_renamed, check_samples, trained_roles
from mixwright.study.schema import Schema, did_you_mean, read_yaml, with_defaults
from mixwright.study.shorthand import (
    add_addresses,
    add_formats,
    add_labels,
    add_several,
    check_tables,
    variants,
)
from mixwright.study.steps import check_batch, check_final_steps, check_processes, set_batch
from mixwright.study.task_files import check_tasks
from mixwright.study.token_domains import check_token_domains
from mixwright.study.values import as_wanted
from mixwright.study.written import check_files

# Sections that name a model.
MODELS = ("proxy", "final", "transfer")


def resolve(
    config: Mapping[str, Any], folder: Path, files: Iterable[str | Path] = ()
) -> dict[str, Any]:
    """Returns the resolved study of a config as a user wrote it.

    Args:
        config: the study's file, read.
        folder: config/, which holds schema.yaml and models/.
        files: the files that the config was read from, for what a parser says nothing of.

    Raises:
        MixwrightError: the first mistake, in one line that names the fix.
    """
    check_files(files)
    schema = read_yaml(folder / "schema.yaml")
    methods = schema["properties"]["mixers"]["properties"]
    study = copy.deepcopy(dict(config))
    like = variants(study.get("mixers"), methods)
    named = _named_models(study)
    study = as_wanted(study, schema, schema)
    add_labels(study)
    add_several(study)
    add_addresses(study)
    add_formats(study)
    checks.check_useless(study)
    check_renamed(study)
    study = with_defaults(study, schema, schema)
    check_against(study, schema)
    check_tables(study["tables"])
    checks.check_kind(study)
    checks.check_name(study["study"])

    study["mixers"] = {"natural": {}} | study["mixers"]
    study["like"] = like
    _check_members(study, schema)
    _check_objectives(study)
    check_objective(study)
    if study["tokenizer"]["folder"]:
        study["tokenizer"]["folder"] = expanded(study["tokenizer"]["folder"])
    checkpoints.check_started(study)
    public.check(study["public"])
    if "measured" in study:
        study |= {"domains": {}, "targets": {}}
        checks.check_measured(study)
    else:
        checks.check_names(study)
        check_chosen(study)
        check_token_domains(study)
        check_keys(study)
    check_worst_targets(study)
    if LEARNERS[study["learner"]].sized:
        _write_out_shapes(study, folder / "models", named)
        set_batch(study)
        study["evaluation"]["document_tokens"] = document_tokens(study, _trained(study))
        if "measured" not in study:
            # runs of other roles have tokens of their own
            if trained_roles(study) & {"swarm", "vertex", *ONLINE}:
                check_batch(study, "proxy", study["proxy"]["tokens"])
            check_samples(study)
    else:
        # A run of trees reads all rows there are, whatever its weights.
        study["goal"] |= {"tokens": 1, "max_epochs": None}
    check_processes(study)
    if "measured" not in study:
        check_online(study)
        check_merged(study)
    if "measured" not in study and study["finals"] == "trained":
        check_final_steps(study)
    if LEARNERS[study["learner"]].sized and study["finals"] == "trained":
        check_trainer(study)
    check_tasks(study)
    return study


def _named_models(study: Mapping[str, Any]) -> set[str]:
    """The sections in which the user names a model."""
    named = set()
    for part in MODELS:
        section = study.get(part)
        if isinstance(section, Mapping) and "model" in section:
            named.add(part)
    return named


def shape(model: str, folder: Path, part: str) -> dict[str, Any]:
    """Returns the shape that config/models/<model>.yaml describes.

    Args:
        model: the model's name.
        folder: config/models.
        part: the section that names it, for the error.
    """
    known = sorted(file.stem for file in folder.glob("*.yaml"))
    if model not in known:
        hint = did_you_mean(model, known)
        raise MixwrightError(
            f"config: {part}.model {model} is unknown{hint}; models are {', '.join(known)}"
        )
    return read_yaml(folder / f"{model}.yaml")


def _check_members(study: Mapping[str, Any], schema: Schema) -> None:
    """Checks the members of mixers that are made of others, each with the settings it has alone."""
    methods = schema["properties"]["mixers"]["properties"]
    for mixer, settings in study["mixers"].items():
        members = settings.get("members", {})
        for member in members:
            where = f"mixers.{mixer}.members.{member}"
            if member not in MIXERS:
                hint = nearest(member, MIXERS)
                raise MixwrightError(f"config: {where} is unknown; {hint}")
            method = MIXERS[member]
            if not method.can_refit or "members" in methods[member].get("properties", {}):
                raise MixwrightError(
                    f"config: {where} predicts nothing from a swarm alone;"
                    " name a mixer that does, or leave it out"
                )
            node = methods[member] | {"$defs": schema["$defs"]}
            members[member] = as_wanted(members[member], node, schema, where)
            check_against(members[member], node, f"{where}.")


def _check_objectives(study: Mapping[str, Any]) -> None:
    """One of MixMin's solvers alone minimises the worst target."""
    for mixer, settings in study["mixers"].items():
        if study["like"].get(mixer, mixer) != "mixmin":
            continue
        method = settings["method"]
        if settings["objective"] == "worst" and method != "sqp":
            raise MixwrightError(
                f"config: mixers.{mixer}.method {method} minimises the mean alone;"
                " take method sqp, or objective mean"
            )


def _write_out_shapes(study: dict[str, Any], folder: Path, named: set[str]) -> None:
    for part in ("proxy", "final"):
        _write_out_shape(study[part], part, folder, part in named)
    if "transfer" in study:
        _write_out_combinations(study, folder)
    for part in _trained(study):
        _check_learner(study, part, folder)
    _check_vocabulary(study)


def _write_out_combinations(study: dict[str, Any], folder: Path) -> None:
    """Writes out every combination of `transfer`."""
    section = study["transfer"]
    combinations = transfers.spelled(section, study["proxy"])
    for combination in combinations:
        if combination["model"] == study["proxy"]["model"]:
            combination["shape"] = study["proxy"]["shape"]
        else:
            combination["shape"] = shape(combination["model"], folder, "transfer")
            checked = {**study, "transfer": dict(combination)}
            _check_learner(checked, "transfer", folder)
            _check_vocabulary(checked)
    study["transfer"] = transfers.written_out(section, combinations)


def _write_out_shape(section: dict[str, Any], part: str, folder: Path, named: bool) -> None:
    """Writes a section's shape: of config/models, or of the checkpoint that it starts from."""
    start = checkpoints.started(section)
    if start is None:
        section["shape"] = shape(section["model"], folder, part)
        return
    written = shape(section["model"], folder, part) if named else None
    section["shape"] = checkpoints.shape_from(section, part, written)
    if not named:
        section["model"] = Path(start).name


def _trained(study: Mapping[str, Any]) -> list[str]:
    """The sections whose models the study trains."""
    parts = [part for part in MODELS if part in study]
    if study["finals"] != "trained":
        parts.remove("final")
    return parts


def _check_vocabulary(study: Mapping[str, Any]) -> None:
    """A trained vocabulary fills the smallest model that has one; others have rows to spare."""
    tokenizer = study["tokenizer"]
    rows = {}
    for part in _trained(study):
        vocabulary = study.get(part, {}).get("shape", {}).get("vocabulary")
        if vocabulary:
            rows[part] = int(vocabulary)
    if tokenizer["folder"] or not rows:
        return
    part = min(rows, key=rows.__getitem__)
    if tokenizer["vocabulary"] != rows[part]:
        raise MixwrightError(
            f"config: {part}.model {study[part]['model']} has a vocabulary of {rows[part]};"
            f" set tokenizer.vocabulary to {rows[part]}, or take another model"
        )


def _check_learner(study: Mapping[str, Any], part: str, folder: Path) -> None:
    """A masked model sees both sides of a token, a causal one must not."""
    masked = LEARNERS[study["learner"]].masked
    if (study[part]["shape"]["architecture"] in MASKED) == masked:
        return
    fitting = []
    for file in folder.glob("*.yaml"):
        if (read_yaml(file)["architecture"] in MASKED) == masked:
            fitting.append(file.stem)
    raise MixwrightError(
        f"config: {part}.model {study[part]['model']} is no model for learner {study['learner']};"
        f" take {', '.join(sorted(fitting))}"
    )
