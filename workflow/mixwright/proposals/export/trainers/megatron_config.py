"""Configs of Megatron-Core and Megatron-Bridge in Python: the blend that they name.

Nothing is run: lists stand in the call, or in a constant of the module.
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import REFUSED, Blend, Entry, Fault
from mixwright.proposals.export.text.python_source import arguments, calls, constants
from mixwright.proposals.export.text.quoting import python_text
from mixwright.proposals.export.trainers.megatron_index import BY_LENGTH, SURPLUS
from mixwright.proposals.export.trainers.megatron_words import blend_of_words, zipped

CONFIGS = ("GPTDatasetConfig", "BlendedMegatronDatasetConfig")
BUILDER_PARAMETERS = ("cls", "sizes", "is_built_on_rank", "config")
BLENDED_PARAMETERS = ("datasets", "weights", "size", "config")
# What the configs call the surplus.
OPTION = "mid_level_dataset_surplus"
# The setting of a blend whose numbers are samples to draw.
SAMPLES = "samples"


def last_arguments(blend: Blend, split: object) -> str:
    """Returns the arguments of a GPTDatasetConfig that both trainers take, and the end of its call.

    Args:
        blend: with the surplus that its sources need.
        split: shares of every source for training, validation and test.
    """
    return (
        f"        split={python_text(str(split))},\n"
        "        # above this, no index asks for more of a source than Megatron prepares\n"
        f"        {OPTION}={blend.settings.get('surplus', SURPLUS):g},\n"
        "        reset_position_ids=False,\n"
        "        reset_attention_mask=False,\n"
        "        eod_mask_loss=False,\n"
        "        **others,\n"
        "    )\n"
    )


def blend_of_config(tree: ast.Module, where: str, parameters: tuple[str, ...]) -> Blend | None:
    """Returns the blend of the first config of a module; None where none can be read.

    Args:
        tree: of the module.
        where: what messages call the file.
        parameters: of the config, in their order.

    Raises:
        MixwrightError: a config has a blend that Megatron stops at.
    """
    values = constants(tree)
    for name in CONFIGS:
        for call in calls(tree, name):
            written = arguments(call, parameters, values)
            blend = _of_config(written, values, tree, where)
            if blend is not None:
                return blend
    return None


def _of_config(
    written: Mapping[str, Any], values: Mapping[str, Any], tree: ast.Module, where: str
) -> Blend | None:
    """Returns the blend of a config; None where it has none, or none that can be read."""
    surplus = written.get(OPTION)
    settings = {}
    if isinstance(surplus, int | float):
        settings = {"surplus": float(surplus)}
    faults = _of_sizes(tree, values)
    per_split = written.get("blend_per_split")
    if isinstance(per_split, list | tuple) and per_split:
        if "split" in written:
            message = "split stands beside blend_per_split: Megatron stops; leave split out"
            faults.append(Fault(REFUSED, message))
        return blend_of_pair(per_split[0], where, settings, faults)
    if "split" not in written:
        message = "no split stands beside the blend: Megatron stops; write split='1,0,0'"
        faults.append(Fault(REFUSED, message))
    blend = written.get("blend")
    if blend is not None:
        return blend_of_pair(blend, where, settings, faults)
    words = written.get("data_path")
    if isinstance(words, str):
        words = words.split()
    if words is None:
        words = _words(tree, values)
    if isinstance(words, list | tuple):
        return blend_of_words(words, where, settings, faults)
    return None


def _words(tree: ast.Module, values: Mapping[str, Any]) -> Any:
    """Returns the words that get_blend_from_list is called with."""
    for call in calls(tree, "get_blend_from_list"):
        return arguments(call, ("blend",), values).get("blend")
    return None


def blend_of_pair(
    pair: Any, where: str, settings: Mapping[str, Any], faults: Sequence[Fault]
) -> Blend:
    """Returns the blend of a list of prefixes and a list of weights, or None for no weights.

    Raises:
        MixwrightError: the pair is none, or its lists differ in length.
    """
    form = "give ([PATH, ...], [WEIGHT, ...])"
    if not isinstance(pair, list | tuple) or len(pair) != 2:
        raise MixwrightError(f"{where}: blend is no pair of lists; {form}")
    paths, weights = pair
    if not isinstance(paths, list | tuple) or not paths:
        raise MixwrightError(f"{where}: blend names no source; {form}")
    if weights is None:
        entries = []
        for path in paths:
            entries.append(Entry(str(path).strip(), 1.0))
        return Blend(tuple(entries), {**settings, BY_LENGTH: True}, faults=tuple(faults))
    if not isinstance(weights, list | tuple) or len(weights) != len(paths):
        raise MixwrightError(
            f"{where}: blend has {len(paths)} prefixes and not so many weights; {form}"
        )
    return blend_of_words(zipped(weights, paths), where, settings, faults)


def _of_sizes(tree: ast.Module, values: Mapping[str, Any]) -> list[Fault]:
    """Returns the fault of a builder without a number of training samples."""
    for call in calls(tree, "BlendedMegatronDatasetBuilder"):
        sizes = arguments(call, BUILDER_PARAMETERS, values).get("sizes")
        if isinstance(sizes, list | tuple) and sizes and sizes[0] is None:
            message = "sizes has None for training: Megatron stops at weights without a size"
            return [Fault(REFUSED, f"{message}; give the number of samples")]
    return []


def blend_of_blended(tree: ast.Module, where: str) -> Blend | None:
    """Returns the blend of the first BlendedDataset that is called with weights, if any is.

    Raises:
        MixwrightError: weights are no numbers.
    """
    values = constants(tree)
    for call in calls(tree, "BlendedDataset"):
        written = arguments(call, BLENDED_PARAMETERS, values)
        weights = written.get("weights")
        if isinstance(weights, list | tuple) and weights:
            return _of_weights(weights, written.get("size", ""), where)
    return None


def _of_weights(weights: Sequence[Any], size: Any, where: str) -> Blend:
    paths = [f"source {number}" for number in range(1, len(weights) + 1)]
    blend = blend_of_words(zipped(weights, paths), where)
    if blend.settings.get(BY_LENGTH):
        raise MixwrightError(f"{where}: weights are no numbers; give each source a number")
    faults = []
    types = {type(weight) for weight in weights}
    if len(types) > 1:
        message = "weights are of several types: Megatron stops; write all of them as floats"
        faults.append(Fault(REFUSED, message))
    settings = {}
    if size is None:
        settings = {SAMPLES: True}
        if types != {int}:
            message = "size is None and weights are no ints: Megatron stops; give whole samples"
            faults.append(Fault(REFUSED, message))
    return Blend(blend.entries, settings, faults=tuple(faults))
