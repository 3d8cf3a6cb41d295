"""Megatron-Core: the `blend` of a GPTDatasetConfig.

    number  weight of a prefix; weights are divided by their sum and count sequences
    index   deterministic (megatron_index.py): every source is within one sequence of its share
    zero    stops with an assertion
    end     a source repeats, without a word, as often as its share asks
    size    a blend with weights needs the number of samples. A BlendedDataset of size None takes
            whole numbers of samples in place of weights
    split   must stand beside blend, and must not stand beside blend_per_split

Read in megatron-core 0.16.1 and 0.19.2: megatron/core/datasets/blended_megatron_dataset_config.py,
blended_megatron_dataset_builder.py, blended_dataset.py, gpt_dataset.py.
"""

import ast
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.arithmetic import normalised, numbers_of
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import REFUSED, REMARK, Blend, Budget, Drawn, Entry, Fault
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.python_source import arguments, calls, constants, parsed
from mixwright.proposals.export.quoting import commented, number_text, python_text
from mixwright.proposals.export.trainers.megatron import surplus_of
from mixwright.proposals.export.trainers.megatron_index import (
    BY_LENGTH,
    SURPLUS,
    indexed,
    sequences_that_keep,
    too_many,
)
from mixwright.proposals.export.trainers.megatron_words import blend_of_words, check_prefix

CONFIGS = ("GPTDatasetConfig", "BlendedMegatronDatasetConfig")
CONFIG_PARAMETERS = ("random_seed", "sequence_length", "blend", "blend_per_split")
BLENDED_PARAMETERS = ("datasets", "weights", "size", "config")
BUILDER_PARAMETERS = ("cls", "sizes", "is_built_on_rank", "config")
# The setting of a blend whose numbers are samples to draw.
SAMPLES = "samples"


@dataclass(frozen=True)
class MegatronCore(Format):
    """Writes a module whose function `config()` returns the GPTDatasetConfig of the mixture."""

    name = "megatron-core"
    trainer = "Megatron-Core (read 0.16.1 and 0.19.2)"
    meaning = "Each number is a weight of sequences; Megatron divides them by their sum."
    suffix = ".py"
    # split: shares of every source for training, validation and test
    defaults: ClassVar[Mapping[str, Any]] = {"split": "1,0,0"}

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return surplus_of(order, numbers)

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        order = document.order
        for entry in blend.entries:
            check_prefix(entry.path, self.name)
        paths = [f"        {python_text(entry.path)},\n" for entry in blend.entries]
        weights = [f"        {_float(entry.number)},\n" for entry in blend.entries]
        parameters, length = "tokenizer", str(order.sequence)
        if order.sequence is None:
            parameters, length = "tokenizer, sequence_length", "sequence_length"
        return (
            f"{commented(document.header, '# ')}"
            "from megatron.core.datasets.gpt_dataset import GPTDatasetConfig\n\n"
            "# prefixes of sources, and a weight of sequences for each\n"
            f"BLEND = (\n    [\n{''.join(paths)}    ],\n    [\n{''.join(weights)}    ],\n)\n"
            f"{_sizes(order)}\n\n"
            f"def config({parameters}, **others):\n"
            '    """Returns the config of the mixture; others: path_to_cache and the like."""\n'
            "    return GPTDatasetConfig(\n"
            f"        random_seed={order.seed},\n"
            f"        sequence_length={length},\n"
            "        blend=BLEND,\n"
            f"        split={python_text(str(self.settings['split']))},\n"
            "        # above this, no index asks for more of a source than Megatron prepares\n"
            f"        mid_level_dataset_surplus={blend.settings.get('surplus', SURPLUS):g},\n"
            "        tokenizer=tokenizer,\n"
            "        reset_position_ids=False,\n"
            "        reset_attention_mask=False,\n"
            "        eod_mask_loss=False,\n"
            "        **others,\n"
            "    )\n"
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        values = constants(tree)
        for name in CONFIGS:
            for call in calls(tree, name):
                blend = _of_config(call, values, tree, where)
                if blend is not None:
                    return (blend,)
        for call in calls(tree, "BlendedDataset"):
            blend = _of_blended(arguments(call, BLENDED_PARAMETERS, values), where)
            if blend is not None:
                return (blend,)
        raise MixwrightError(
            f"{where}: no GPTDatasetConfig with a blend stands there; write paths and weights into"
            " the file, as blend=([PATH, ...], [WEIGHT, ...])"
        )

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        if blend.settings.get(SAMPLES):
            return _of_samples(blend)
        return indexed(blend, budget, "mid_level_dataset_surplus")

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return sequences_that_keep(normalised(blend), blend, lost)


def _float(number: float) -> str:
    """Returns a literal of Python that is no int: Megatron wants all weights of one type."""
    text = number_text(number)
    return text if "." in text or "e" in text else f"{text}.0"


def _sizes(order: Order) -> str:
    """Returns the constant that a BlendedMegatronDatasetBuilder takes as `sizes`."""
    if order.tokens is None or order.sequence is None:
        return "# BlendedMegatronDatasetBuilder wants sizes=[samples, 0, 0]\n"
    samples = int(order.tokens / order.sequence)
    return (
        "# samples for BlendedMegatronDatasetBuilder: training, validation, test\n"
        f"SIZES = [{samples}, 0, 0]\n"
    )


def _of_config(
    call: ast.Call, values: Mapping[str, Any], tree: ast.Module, where: str
) -> Blend | None:
    """Returns the blend of a config; None where it has none, or none that can be read."""
    written = arguments(call, CONFIG_PARAMETERS, values)
    faults = _of_sizes(tree, values)
    split = written.get("split")
    blend = written.get("blend")
    if "blend" in written and "split" not in written:
        message = "no split stands beside blend: Megatron stops; write split='1,0,0'"
        faults.append(Fault(REFUSED, message))
    if blend is None and isinstance(written.get("blend_per_split"), list | tuple):
        blend = next(iter(written["blend_per_split"]), None)
        if split is not None:
            message = "split stands beside blend_per_split: Megatron stops; leave split out"
            faults.append(Fault(REFUSED, message))
    surplus = written.get("mid_level_dataset_surplus", SURPLUS)
    settings = {"surplus": float(surplus)} if isinstance(surplus, int | float) else {}
    if blend is None and ("blend" in written or "data_path" in written):
        return _of_list(tree, values, where, settings, faults)
    return None if blend is None else blend_of_pair(blend, where, settings, faults)


def _of_list(
    tree: ast.Module,
    values: Mapping[str, Any],
    where: str,
    settings: Mapping[str, Any],
    faults: Sequence[Fault],
) -> Blend | None:
    """Returns the blend of words that get_blend_from_list is called with."""
    for call in calls(tree, "get_blend_from_list"):
        words = arguments(call, ("blend",), values).get("blend")
        if isinstance(words, list | tuple):
            return blend_of_words(words, where, settings, faults)
    return None


def blend_of_pair(
    pair: Any, where: str, settings: Mapping[str, Any], faults: Sequence[Fault]
) -> Blend:
    """Returns the blend of a list of prefixes and a list of weights, or None for no weights.

    Raises:
        MixwrightError: the pair is none, or its lists differ in length.
    """
    if (
        not isinstance(pair, list | tuple)
        or len(pair) != 2
        or not isinstance(pair[0], list | tuple)
    ):
        raise MixwrightError(
            f"{where}: blend is no pair of lists; give ([PATH, ...], [WEIGHT, ...])"
        )
    paths, weights = pair
    if weights is None:
        weights = []
    if not isinstance(weights, list | tuple) or (weights and len(weights) != len(paths)):
        raise MixwrightError(
            f"{where}: blend has {len(paths)} prefixes and not so many weights; give each a number"
        )
    if not paths:
        raise MixwrightError(f"{where}: blend names no source; give ([PATH, ...], [WEIGHT, ...])")
    if not weights:
        entries = [Entry(str(path).strip(), 1.0) for path in paths]
        return Blend(tuple(entries), {**settings, BY_LENGTH: True}, faults=tuple(faults))
    if len({type(weight) for weight in weights}) > 1:
        message = "weights are int and float: Megatron wants one type where no size is named"
        faults = [*faults, Fault(REMARK, message)]
    words = [word for both in zip(weights, paths, strict=True) for word in both]
    return blend_of_words(words, where, settings, faults)


def _of_sizes(tree: ast.Module, values: Mapping[str, Any]) -> list[Fault]:
    """Returns the fault of a builder without a number of training samples."""
    for call in calls(tree, "BlendedMegatronDatasetBuilder"):
        sizes = arguments(call, BUILDER_PARAMETERS, values).get("sizes")
        if isinstance(sizes, list | tuple) and sizes and sizes[0] is None:
            message = "sizes has None for training: Megatron stops at weights without a size"
            return [Fault(REFUSED, f"{message}; give the number of samples")]
    return []


def _of_blended(written: Mapping[str, Any], where: str) -> Blend | None:
    """Returns the blend of a BlendedDataset that is called with weights."""
    weights = written.get("weights")
    if not isinstance(weights, list | tuple) or not weights:
        return None
    paths = [f"source {number}" for number in range(1, len(weights) + 1)]
    words = [word for both in zip(weights, paths, strict=True) for word in both]
    blend = blend_of_words(words, where)
    if blend.settings.get(BY_LENGTH):
        raise MixwrightError(f"{where}: weights are no numbers; give each source a number")
    if "size" not in written or written["size"] is not None:
        return blend
    settings = {SAMPLES: True, "whole": all(isinstance(weight, int) for weight in weights)}
    return Blend(blend.entries, settings)


def _of_samples(blend: Blend) -> Drawn:
    """Returns what a BlendedDataset of size None draws: its weights, as samples."""
    numbers = numbers_of(blend)
    faults = list(too_many(blend))
    if not blend.settings["whole"]:
        message = (
            "size is None and weights are no ints: Megatron stops; give whole samples, or size"
        )
        faults.append(Fault(REFUSED, message))
    for entry in blend.entries:
        if not entry.number > 0:
            message = f"{entry.path} has {entry.number:g}: Megatron takes numbers above 0 alone"
            faults.append(Fault(REFUSED, f"{message}; leave the source out"))
    return Drawn(np.asarray(numbers), tuple(faults))
