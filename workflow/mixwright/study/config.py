"""From what a user wrote to a resolved study: checked, defaults filled, shapes written out."""

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.learners import LEARNERS, MASKED
from mixwright.sources import public
from mixwright.study import checks
from mixwright.study.schema import check_against, did_you_mean, read_yaml, with_defaults
from mixwright.study.shorthand import add_labels, variants

# Sections that name a model.
MODELS = ("proxy", "final", "transfer")


def resolve(config: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Returns the resolved study of a config as a user wrote it.

    Args:
        config: the study's file, read.
        folder: config/, which holds schema.yaml and models/.

    Raises:
        MixwrightError: the first mistake, in one line that names the fix.
    """
    schema = read_yaml(folder / "schema.yaml")
    study = copy.deepcopy(dict(config))
    like = variants(study.get("mixers"), schema["properties"]["mixers"]["properties"])
    add_labels(study)
    checks.check_kind(study)
    study = with_defaults(study, schema, schema)
    check_against(study, schema)

    study["mixers"] = {"natural": {}} | study["mixers"]
    study["like"] = like
    public.check(study["public"])
    if "measured" in study:
        study |= {"domains": {}, "targets": {}}
        checks.check_measured(study)
    else:
        checks.check_names(study)
    if LEARNERS[study["learner"]].sized:
        _write_out_shapes(study, folder / "models")
    else:
        # A run of trees reads all rows there are, whatever its weights.
        study["goal"] |= {"tokens": 1, "max_epochs": None}
    checks.check_processes(study)
    return study


def shape(model: str, folder: Path, part: str) -> dict[str, Any]:
    """Returns the shape that config/models/<model>.yaml describes.

    Args:
        model: the model's name.
        folder: config/models.
        part: the section that names it, for the error.
    """
    path = folder / f"{model}.yaml"
    if not path.exists():
        known = sorted(file.stem for file in folder.glob("*.yaml"))
        hint = did_you_mean(model, known)
        raise MixwrightError(
            f"config: {part}.model {model} is unknown{hint}; models are {', '.join(known)}"
        )
    return read_yaml(path)


def _write_out_shapes(study: dict[str, Any], folder: Path) -> None:
    if "transfer" in study:
        study["transfer"]["tokens"] = study["transfer"]["tokens"] or study["proxy"]["tokens"]
    for part in MODELS:
        if part in study:
            study[part]["shape"] = shape(study[part]["model"], folder, part)
            if part != "final" or study["finals"] == "trained":
                _check_shape(study, part, folder)


def _check_shape(study: Mapping[str, Any], part: str, folder: Path) -> None:
    """A masked model sees both sides of a token, a causal one must not; a vocabulary fits."""
    model, tokenizer = study[part]["model"], study["tokenizer"]
    vocabulary = study[part]["shape"].get("vocabulary")
    if vocabulary and not tokenizer["folder"] and tokenizer["vocabulary"] != vocabulary:
        raise MixwrightError(
            f"config: {part}.model {model} has a vocabulary of {vocabulary};"
            f" set tokenizer.vocabulary to {vocabulary}, or take another model"
        )
    masked = LEARNERS[study["learner"]].masked
    if (study[part]["shape"]["architecture"] in MASKED) == masked:
        return
    fitting = []
    for file in folder.glob("*.yaml"):
        if (read_yaml(file)["architecture"] in MASKED) == masked:
            fitting.append(file.stem)
    raise MixwrightError(
        f"config: {part}.model {model} is no model for learner {study['learner']};"
        f" take {', '.join(sorted(fitting))}"
    )
