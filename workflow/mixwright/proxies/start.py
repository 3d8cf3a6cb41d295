"""Checkpoints of transformers as models in memory, and as the first weights of proxies."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from mixwright.errors import MixwrightError
from mixwright.progress import say
from mixwright.proxies.init import checkpoint_folder
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import from_state_dict
from mixwright.proxies.wave import Member, Start
from mixwright.study.checkpoints import check_agrees, check_packed
from mixwright.study.configurations import read_configuration, shape_of
from mixwright.study.study import Study

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def start_of(study: Study, shape: Shape) -> Start | None:
    """Returns what makes the first weights of proxies; None where they follow from the seeds.

    Every member starts from the checkpoint's weights, which are loaded once.
    """
    name = study.proxy.get("init")
    if not name:
        return None
    device = study.proxy["device"]

    @lru_cache(maxsize=1)
    def loaded() -> Parameters:
        return member_of(checkpoint_folder(name, "proxy.init"), study.proxy["shape"], shape)

    def first(members: Sequence[Member]) -> Parameters:
        parameters = {}
        for tensor_name, tensor in loaded().items():
            copies = [len(members), *tensor.shape[1:]]
            parameters[tensor_name] = tensor.expand(copies).to(device, copy=True)
        return parameters

    return first


def member_of(folder: Path, sizes: Mapping[str, Any], shape: Shape) -> Parameters:
    """Returns a checkpoint as one member, each tensor with a leading 1.

    Args:
        folder: the checkpoint.
        sizes: the study's shape of proxies.
        shape: the same, as the trainer takes it.

    Raises:
        MixwrightError: the packed trainer does not compute such a model, or not with these sizes.
    """
    where = f"proxy.init: {folder}"
    configuration = read_configuration(folder, where)
    check_packed(configuration, where)
    of_model = shape_of(configuration, where)
    check_agrees({**_usual(of_model, sizes), **sizes}, of_model, where)
    model = loaded_model(folder, where, shape.masked)
    try:
        return from_state_dict(model.state_dict(), shape)
    except MixwrightError as error:
        raise MixwrightError(f"{where}: {error}") from None


def _usual(of_model: Mapping[str, Any], sizes: Mapping[str, Any]) -> dict[str, Any]:
    """What a shape says by leaving it out, of keys that the model's names."""
    usual = {}
    for key in ("epsilon", "theta", "tied"):
        if key in of_model and key not in sizes:
            usual[key] = "the usual one"
    return usual


def loaded_model(folder: Path, where: str, masked: bool) -> "PreTrainedModel":
    """Returns a checkpoint's model in float32, without dropout.

    Args:
        folder: the checkpoint.
        where: what messages begin with.
        masked: whether it predicts masked tokens, and not the next one.

    Raises:
        MixwrightError: weights are missing or of another size. What no such model has is told.
    """
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

    kind = AutoModelForMaskedLM if masked else AutoModelForCausalLM
    try:
        model, notes = kind.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True, local_files_only=True
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise MixwrightError(
            f"{where}: transformers cannot load it ({reason}); name a folder that"
            " save_pretrained wrote"
        ) from None
    missing = sorted(notes["missing_keys"])
    if missing:
        raise MixwrightError(
            f"{where}: its files lack {missing[0]} ({len(missing)} weights in all);"
            " save the whole model with save_pretrained"
        )
    unexpected = sorted(notes["unexpected_keys"])
    if unexpected:
        say(
            f"{where}: {len(unexpected)} weights that a {type(model).__name__} does not have are"
            f" left out, such as {unexpected[0]}"
        )
    without_dropout(model, where)
    return model


def without_dropout(model: "PreTrainedModel", where: str) -> None:
    """Takes a model's dropout out, and says so: no model of a study has any."""
    rates = set()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout) and module.p:
            rates.add(module.p)
            module.p = 0.0
        for name, value in list(vars(module).items()):
            if name.endswith("dropout") and isinstance(value, float) and value:
                rates.add(value)
                setattr(module, name, 0.0)
    if rates:
        listed = ", ".join(f"{rate:g}" for rate in sorted(rates))
        say(f"{where}: its dropout of {listed} is left out, as in every model of a study")
