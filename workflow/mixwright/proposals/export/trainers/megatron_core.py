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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import Blend, Budget, Drawn
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import (
    longer_training,
    not_above_zero,
    numbers_of,
)
from mixwright.proposals.export.text.python_source import parsed
from mixwright.proposals.export.text.quoting import commented, python_text
from mixwright.proposals.export.trainers.megatron import surplus_of
from mixwright.proposals.export.trainers.megatron_config import (
    OPTION,
    SAMPLES,
    blend_of_blended,
    blend_of_config,
    last_arguments,
)
from mixwright.proposals.export.trainers.megatron_index import (
    indexed,
    too_many,
)
from mixwright.proposals.export.trainers.megatron_words import check_prefix

PARAMETERS = ("random_seed", "sequence_length", "blend", "blend_per_split")


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
        weights = [f"        {entry.number!r},\n" for entry in blend.entries]
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
            "        tokenizer=tokenizer,\n"
            f"{last_arguments(blend, self.settings['split'])}"
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        blend = blend_of_config(tree, where, PARAMETERS) or blend_of_blended(tree, where)
        if blend is not None:
            return (blend,)
        raise MixwrightError(
            f"{where}: no GPTDatasetConfig with a blend stands there; write paths and weights into"
            " the file, as blend=([PATH, ...], [WEIGHT, ...])"
        )

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        if blend.settings.get(SAMPLES):
            return _of_samples(blend)
        return indexed(blend, budget, OPTION)

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return longer_training(self.unit, blend, lost)


def _sizes(order: Order) -> str:
    """Returns the constant that a BlendedMegatronDatasetBuilder takes as `sizes`."""
    if order.tokens is None or order.sequence is None:
        return "# BlendedMegatronDatasetBuilder wants sizes=[samples, 0, 0]\n"
    samples = int(order.tokens / order.sequence)
    return (
        "# samples for BlendedMegatronDatasetBuilder: training, validation, test\n"
        f"SIZES = [{samples}, 0, 0]\n"
    )


def _of_samples(blend: Blend) -> Drawn:
    """Returns what a BlendedDataset of size None draws: its weights, as samples."""
    faults = [*too_many(blend), *not_above_zero(blend, "Megatron")]
    return Drawn(numbers_of(blend), tuple(faults))
