"""Megatron-Bridge: `data_path` of a GPTDatasetConfig for pretraining, `source_weights` for tuning.

Pretraining (megatron-bridge):

    number  weight of a prefix; the rest is Megatron's (megatron_core.py, megatron_index.py)

Fine-tuning on rows (megatron-bridge-sft):

    number  passes over the rows of a source. Whole passes are taken, and of the rest a part of the
            rows without replacement, rounded up to a whole row
    sum     not divided: all rows are shuffled into one list, which is read round and round
    zero    stops with an error; so does a number that is not finite
    least   any number above 0 is one row at least
    none    without source_weights each source is read once

Read in megatron-bridge 0.6.2 (training/config.py, data/loaders.py; it has no source_weights) and
in its repository of August 2026 (data/builders/direct_hf_sft.py, data/sources/hf.py,
data/datasets/direct_sft.py). It needs Transformer Engine: nothing was run.
"""

import ast
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    REFUSED,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.order import Order, budget_of
from mixwright.proposals.export.rules.arithmetic import (
    longer_training,
    not_above_zero,
)
from mixwright.proposals.export.rules.row_counts import (
    needs_tokens,
    passes_wanted,
    rows_of,
    rows_of_passes,
)
from mixwright.proposals.export.text.python_source import arguments, calls, constants, parsed
from mixwright.proposals.export.text.quoting import commented, number_text, python_text
from mixwright.proposals.export.trainers.megatron import surplus_of
from mixwright.proposals.export.trainers.megatron_config import (
    OPTION,
    blend_of_config,
    last_arguments,
)
from mixwright.proposals.export.trainers.megatron_index import (
    indexed,
)
from mixwright.proposals.export.trainers.megatron_words import check_prefix

PARAMETERS = (
    "seq_length",
    "skip_getting_attention_mask_from_dataset",
    "data_path",
    "per_dataset_sequences_path",
)
# Names of a source, in the order in which they are looked for.
SOURCE_NAMES = ("path_or_dataset", "dataset_name")
# Part of a row, which is rounded up to a whole one.
HAIR = 1e-3


@dataclass(frozen=True)
class MegatronBridge(Format):
    """Writes a module whose function `config()` returns the GPTDatasetConfig of the mixture."""

    name = "megatron-bridge"
    trainer = "Megatron-Bridge (read 0.6.2)"
    meaning = "Each number is a weight of sequences; Megatron divides them by their sum."
    suffix = ".py"
    # split: shares of every source for training, validation and test
    defaults: ClassVar[Mapping[str, Any]] = {"split": "1,0,0"}

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return surplus_of(order, numbers)

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        order = document.order
        words = []
        for entry in blend.entries:
            check_prefix(entry.path, self.name)
            weight, path = number_text(entry.number), python_text(entry.path)
            words.append(f'    "{weight}",\n    {path},\n')
        parameters, length = _length(order)
        return (
            f"{commented(document.header, self.comment)}"
            "from megatron.bridge.training.config import GPTDatasetConfig\n\n"
            "# a weight of sequences and the prefix of a source, in turn\n"
            f"DATA_PATH = [\n{''.join(words)}]\n\n\n"
            f"def config({parameters}**others):\n"
            '    """Returns the config of the mixture; others: path_to_cache and the like."""\n'
            "    return GPTDatasetConfig(\n"
            f"        seq_length={length},\n"
            "        data_path=DATA_PATH,\n"
            f"        random_seed={order.seed},\n"
            f"{last_arguments(blend, self.settings['split'])}"
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        blend = blend_of_config(parsed(text, where), where, PARAMETERS)
        if blend is None:
            raise MixwrightError(
                f"{where}: no GPTDatasetConfig with data_path or blend stands there; write weights"
                " and paths into the file"
            )
        return (blend,)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        return indexed(blend, budget, OPTION)

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return longer_training(self.unit, blend, lost)


@dataclass(frozen=True)
class MegatronBridgeSft(Format):
    """Writes a module whose function `config()` returns a DirectHFSFTDatasetConfig."""

    name = "megatron-bridge-sft"
    trainer = "Megatron-Bridge, fine-tuning (read in its repository of August 2026)"
    unit = ROWS
    meaning = "Each number is how many passes are made over the rows of a source."
    suffix = ".py"
    defaults: ClassVar[Mapping[str, Any]] = {"split": "train"}
    counts_rows = True

    def numbers(self, order: Order, shares: Array, tokens: float | None) -> Array:
        length = needs_tokens(self.name, tokens)
        wanted = shares * length / self.tokens_a_unit(order)
        return passes_wanted(self.name, order, wanted, passes_of)

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        order = document.order
        lines = []
        rows = rows_of(blend, budget_of(order, order.stages[0]))
        for entry, there in zip(blend.entries, rows.tolist(), strict=True):
            lines.append(f"    # of {there:,.0f} rows\n")
            lines.append(f"    {python_text(entry.path)}: {entry.number!r},\n")
        parameters, length = _length(order)
        split = python_text(str(self.settings["split"]))
        return (
            f"{commented(document.header, self.comment)}"
            "from megatron.bridge.data.builders import (\n"
            "    DirectHFSFTDatasetConfig,\n"
            "    HFDatasetSourceConfig,\n"
            ")\n\n"
            "# source -> passes over its rows\n"
            f"PASSES = {{\n{''.join(lines)}}}\n\n\n"
            f"def config({parameters}**others):\n"
            '    """Returns the config of the mixture; others: preprocessing and the like."""\n'
            "    sources = []\n"
            "    for name in PASSES:\n"
            "        # load_kwargs and schema_adapter are named here, where a source needs them\n"
            f"        source = HFDatasetSourceConfig(path_or_dataset=name, split={split})\n"
            "        sources.append(source)\n"
            "    return DirectHFSFTDatasetConfig(\n"
            f"        seq_length={length},\n"
            "        source=sources,\n"
            "        source_weights=list(PASSES.values()),\n"
            f"        blend_seed={order.seed},\n"
            "        # several sources have no validation or test split of their own\n"
            "        do_validation=False,\n"
            "        do_test=False,\n"
            "        **others,\n"
            "    )\n"
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        values = constants(tree)
        for call in calls(tree, "DirectHFSFTDatasetConfig"):
            written = arguments(call, (), values)
            names = _names(call, values)
            weights = written.get("source_weights")
            if "source_weights" not in written and names:
                weights = [1.0] * len(names)
            if isinstance(weights, list | tuple) and weights:
                return (_of_passes(weights, names, values, where),)
        raise MixwrightError(
            f"{where}: no DirectHFSFTDatasetConfig with source_weights stands there; write the"
            " numbers into the file"
        )

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        faults = list(not_above_zero(blend, "Megatron-Bridge"))
        for entry, there in zip(blend.entries, rows_of(blend, budget).tolist(), strict=True):
            faults += _rounded_up(entry, entry.number * there)
        # the list of all rows is read round and round
        units = rows_of_passes(blend, budget, rows_taken)
        return Drawn(units, tuple(faults), random=True)


def rows_taken(passes: float, rows: float) -> float:
    """Returns the rows that so many passes take of a source.

    It is the trainer's arithmetic, that of floats included (data/sources/hf.py, blend_sft_rows).
    """
    if not passes > 0:
        return 0.0
    whole = int(passes)
    rest = math.ceil(rows * (passes - whole))
    return whole * rows + rest


def passes_of(wanted: float, rows: float) -> float:
    """Returns the passes that take a number of rows, as near as whole rows come to it."""
    if wanted < 1:
        return wanted / rows
    nearest = round(wanted)
    passes = nearest / rows
    if rows_taken(passes, rows) == nearest:
        return passes
    # floats have rounded up a whole number of rows to the next one
    return (nearest - HAIR) / rows


def _rounded_up(entry: Entry, wanted: float) -> list[Fault]:
    """Returns the fault of a source that is read more than its number says, for want of rows."""
    if not 0 < wanted < 0.99:
        return []
    message = (
        f"{entry.path}: {entry.number:g} passes are {wanted:.2g} rows, and one is read;"
        " leave the source out, or train on more tokens"
    )
    return [Fault(CHANGED, message)]


def _length(order: Order) -> tuple[str, str]:
    """Returns the parameter of a function, and its argument: the length of sequences."""
    if order.sequence is None:
        return "seq_length, ", "seq_length"
    return "", str(order.sequence)


def _names(call: ast.Call, values: Mapping[str, Any]) -> list[str]:
    """Returns what the sources of a config are called; empty where it cannot be read."""
    names = []
    for keyword in call.keywords:
        if keyword.arg != "source":
            continue
        for node in ast.walk(keyword.value):
            if isinstance(node, ast.Call):
                written = arguments(node, (), values)
                for key in SOURCE_NAMES:
                    if isinstance(written.get(key), str):
                        names.append(written[key])
    return names


def _of_passes(
    weights: Sequence[Any], names: Sequence[str], values: Mapping[str, Any], where: str
) -> Blend:
    faults = []
    if not names:
        names = _keys(weights, values)
    if len(names) != len(weights):
        message = f"{len(names)} sources and {len(weights)} source_weights: Megatron-Bridge stops"
        faults.append(Fault(REFUSED, f"{message}; give each source a number"))
    entries = []
    for name, weight in zip(names, weights, strict=False):
        try:
            number = float(weight)
        except (TypeError, ValueError):
            raise MixwrightError(f"{where}: {name} has {weight!r}; give it a number") from None
        if not math.isfinite(number):
            message = f"{name} has {number:g}: Megatron-Bridge takes finite numbers alone"
            faults.append(Fault(REFUSED, f"{message}; give how many passes are meant"))
        entries.append(Entry(name, number))
    return Blend(tuple(entries), faults=tuple(faults))


def _keys(weights: Sequence[Any], values: Mapping[str, Any]) -> list[str]:
    """Returns the keys of the constant that maps sources to these weights, or numbers."""
    for value in values.values():
        if isinstance(value, Mapping) and list(value.values()) == list(weights):
            return list(map(str, value))
    return [f"source {number}" for number in range(1, len(weights) + 1)]
