"""What a study starts from: checkpoints (`init`) and configurations of transformers (`from`).

At parse time a config.json is read, and the heads of weights' files; nothing heavy is imported.
"""

import json
import struct
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.files import read_json
from mixwright.learners import LEARNERS
from mixwright.sources.hub import hub_cache
from mixwright.sources.places import expanded
from mixwright.study.configurations import (
    CONFIG,
    OTHER,
    differences,
    read_configuration,
    shape_of,
)

TOKENIZER = "tokenizer.json"
# Of a saved tokenizer: how a caller last asked for batches.
OF_CALLS = ("truncation", "padding")
# Files of weights, the first kind that is there.
WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
# Keys of a section that name a model.
KEYS = ("init", "from")
# What a shape may say that is no size of the checkpoint.
FREE = ("context", "positions")


def started(section: Mapping[str, Any]) -> str | None:
    """Returns the folder, file or name on the hub that a section's model comes from, if any."""
    for key in KEYS:
        if section.get(key):
            return str(section[key])
    return None


def folder_of(name: str) -> Path | None:
    """Returns where a model lies on this machine; None: it is a name on the hub, not fetched."""
    path = Path(expanded(name))
    if path.exists():
        return path
    return hub_cache.snapshot_of(name, kind=hub_cache.MODELS)


def files_of(name: str, *, weights: bool) -> list[Path]:
    """Returns the files of a model: its config.json, and its weights where they are asked for.

    None of them where it is a name on the hub that was not fetched.
    """
    folder = folder_of(name)
    if folder is None:
        return []
    if folder.is_file():
        return [folder]
    files = [folder / CONFIG]
    if weights:
        files += weights_of(folder)
    return files


def weights_of(folder: Path) -> list[Path]:
    """Returns the files of a folder's weights, sorted."""
    for pattern in WEIGHTS:
        files = sorted(folder.glob(pattern))
        if files:
            return files
    return []


def inputs(study: Mapping[str, Any], part: str) -> list[Path]:
    """Returns the files that a section's models start from, as inputs of rules.

    Raises:
        MixwrightError: a folder holds no weights.
    """
    section = study.get(part, {})
    name = section.get("init")
    if not name:
        return files_of(section["from"], weights=False) if section.get("from") else []
    files = files_of(name, weights=True)
    if len(files) == 1:
        raise MixwrightError(
            f"config: {part}.init: {folder_of(name)} holds no weights (*.safetensors);"
            " name a folder that save_pretrained wrote"
        )
    return files


def shape_from(
    section: Mapping[str, Any], part: str, shape: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Returns the shape of a section whose model comes from a checkpoint or a configuration.

    Args:
        section: the section.
        part: its name.
        shape: what `model` names, where the user wrote it.

    Raises:
        MixwrightError: the model is not on this machine and `model` says nothing of it, the two
            differ, or no trainer has such a model.
    """
    name = started(section)
    assert name is not None
    where = f"config: {part}.{'init' if section.get('init') else 'from'}"
    folder = folder_of(name)
    if folder is None:
        if shape is None:
            raise MixwrightError(
                f"{where}: {name} is no folder, and no model of the hub that was fetched to"
                f" {hub_cache.cache_folder()}; correct it, fetch the model with hf download,"
                f" or name a shape of its sizes in {part}.model"
            )
        if section.get("context"):
            return with_context(shape, section["context"], f"{part}.context")
        return dict(shape)
    configuration = read_configuration(folder, where)
    of_model = shape_of(configuration, where)
    if part == "proxy":
        check_packed(configuration, where)
    counted = _parameters(folder)
    if counted and of_model["architecture"] == OTHER:
        of_model["parameters"] = counted
    if shape is not None:
        check_agrees(shape, of_model, where)
        of_model = with_context(of_model, shape["context"], f"{part}.model")
    if section.get("context"):
        return with_context(of_model, section["context"], f"{part}.context")
    return of_model


def check_packed(configuration: Mapping[str, Any], where: str) -> None:
    """Refuses a model that the packed trainer does not compute."""
    words = differences(configuration, where)
    if words:
        raise MixwrightError(
            f"{where}: the packed trainer of proxies has no {', no '.join(words)}; start proxies"
            " from a Llama-, GPT-2-, GPT-NeoX- or BERT-shaped checkpoint, or leave proxy.init out"
        )


def check_agrees(shape: Mapping[str, Any], of_model: Mapping[str, Any], where: str) -> None:
    """Refuses a shape that is not the model's; its context may be shorter.

    Args:
        shape: a file of config/models.
        of_model: the shape of the model's config.json.
        where: what the message begins with.
    """
    for key, value in shape.items():
        if key not in FREE and of_model.get(key) != value:
            other = of_model.get(key, "none")
            raise MixwrightError(
                f"{where}: its {key} is {other}, the model's shape says {value};"
                " leave `model` out, or name a shape of its sizes"
            )


def with_context(shape: Mapping[str, Any], context: int, where: str) -> dict[str, Any]:
    """Returns a model's shape with sequences of so many tokens.

    Raises:
        MixwrightError: it cannot read as many.
    """
    most = shape["context"]
    if context > most:
        raise MixwrightError(
            f"config: {where}: a context of {context} tokens is more than the model reads"
            f" ({most}); shorten it"
        )
    result = {**shape, "context": context}
    if context < most and shape["architecture"] in ("gpt2", "bert"):
        result.setdefault("positions", most)
    return result


def check_started(study: Mapping[str, Any]) -> None:
    """Checks what must agree where models start from checkpoints or configurations.

    Raises:
        MixwrightError: the first thing that does not.
    """
    final = study["final"]
    if final["init"] and final["from"]:
        raise MixwrightError(
            "config: final.from says nothing beside final.init, whose configuration is taken;"
            " leave one out"
        )
    if final["context"] and not started(final):
        raise MixwrightError(
            "config: final.context says nothing of a shape of config/models, which has a context;"
            " leave it out, or give final.from or final.init"
        )
    _check_seen(study)
    if not LEARNERS[study["learner"]].sized and (started(final) or study["proxy"]["init"]):
        raise MixwrightError("config: trees start from no checkpoint; leave init and from out")
    if study["proxy"]["init"] and "transfer" in study:
        raise MixwrightError(
            "config: transfer: a model of another size cannot start from the checkpoint of"
            " proxy.init; leave one out"
        )
    for part in ("proxy", "final"):
        if study[part]["init"]:
            _check_tokenizer(study, part)


def _check_seen(study: Mapping[str, Any]) -> None:
    """Tokens that a checkpoint has read are of domains, and there is a checkpoint."""
    domains = list(study.get("domains", {}))
    for name in study["goal"]["seen"]:
        if name not in domains:
            raise MixwrightError(
                f"config: goal.seen.{name} is not a domain; {nearest(name, domains)}"
            )
    starts = study["proxy"]["init"] or study["final"]["init"]
    if study["goal"]["seen"] and not starts:
        raise MixwrightError(
            "config: goal.seen counts what a checkpoint has read, and no model starts from one;"
            " leave it out, or give proxy.init or final.init"
        )


def _check_tokenizer(study: Mapping[str, Any], part: str) -> None:
    """A checkpoint's tokenizer is the study's."""
    where = f"config: {part}.init"
    tokenizer = study["tokenizer"]["folder"]
    if not tokenizer:
        raise MixwrightError(
            f"{where}: a checkpoint knows the tokens of its own tokenizer alone;"
            " set tokenizer.folder to the folder that holds it"
        )
    folder = folder_of(study[part]["init"])
    if folder is None:
        return
    theirs, ours = folder / TOKENIZER, Path(tokenizer) / TOKENIZER
    if theirs.is_file() and ours.is_file() and _content(theirs) != _content(ours):
        raise MixwrightError(
            f"{where}: {theirs} is another tokenizer than {ours}; set tokenizer.folder to {folder}"
        )


def _content(path: Path) -> Any:
    """What a tokenizer's file says, without the settings of calls."""
    content = read_json(path)
    for name in OF_CALLS:
        content.pop(name, None)
    return content


def _parameters(folder: Path) -> int:
    """The parameters of a folder's weights, by the heads of its safetensors files; 0: unknown.

    A file begins with the length of its head, 8 bytes, and the head in JSON (safetensors,
    README, "Format").
    """
    total = 0
    if folder.is_dir():
        for path in sorted(folder.glob("*.safetensors")):
            with path.open("rb") as file:
                (length,) = struct.unpack("<Q", file.read(8))
                tensors = json.loads(file.read(length))
            tensors.pop("__metadata__", None)
            total += sum(prod(tensor["shape"]) for tensor in tensors.values())
    return total
