"""Megatron-LM: weights and prefixes of paths, as arguments or in a file.

    number  weight of a prefix; weights are divided by their sum and count sequences
    index   deterministic (megatron_index.py): every source is within one sequence of its share
    zero    stops with an assertion
    end     a source repeats, without a word, as often as its share asks
    split   without --split, --data-path leaves 3.1 % of every source to validation and test;
            --data-args-path then stops, and beside --train-data-path --split stops
    splits  the JSON must name train, valid and test; null is a split without data, and an empty
            list stops. NeMo Automodel takes a list alone, leaves splits out, calls valid also
            validation, val and dev, and refuses null

Read in Megatron-LM of August 2026: megatron/training/arguments.py, megatron/training/utils/
common_utils.py (get_blend_and_blend_per_split), megatron/core/datasets/utils.py. NeMo Automodel
0.7.0: components/datasets/llm/megatron_dataset.py. Pai-Megatron-Patch passes the same arguments.
"""

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import Blend, Budget, Drawn
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import longer_training
from mixwright.proposals.export.text.quoting import commented, number_text, refuse, shell_word
from mixwright.proposals.export.trainers.megatron_index import (
    SURPLUS,
    indexed,
    needed_surplus,
)
from mixwright.proposals.export.trainers.megatron_reading import blend_of_arguments, blend_of_json
from mixwright.proposals.export.trainers.megatron_words import check_prefix

ARGUMENTS, FILE, JSON, AUTOMODEL = "arguments", "file", "json", "automodel"
PASTE = "Paste the lines below, without these comments, at the end of the call of pretrain_gpt.py."
FORMS = (ARGUMENTS, FILE, JSON, AUTOMODEL)
OTHER_SPLITS = ("valid", "test")
OPTION = "--mid-level-dataset-surplus"


@dataclass(frozen=True)
class Megatron(Format):
    """Writes arguments for a shell, a file of them, or the JSON of splits."""

    name = "megatron"
    trainer = "Megatron-LM (read August 2026)"
    meaning = "Each number is a weight of sequences; Megatron divides them by their sum."
    suffix = ".txt"
    # form: arguments for a shell, file for --data-args-path, json for --per-split-data-args-path,
    # automodel for the JSON of NeMo Automodel.
    # valid, test: weights and prefixes of the other splits, in turn; empty: no such split.
    # split: of --data-path, where the other splits are empty.
    defaults: ClassVar[Mapping[str, Any]] = {
        "form": ARGUMENTS,
        "valid": [],
        "test": [],
        "split": "1,0,0",
    }
    words: ClassVar[Words] = {"form": FORMS}

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return surplus_of(order, numbers)

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        form = self.settings["form"]
        words = []
        for entry in blend.entries:
            check_prefix(entry.path, self.name)
            words += [number_text(entry.number), entry.path]
        if form == ARGUMENTS:
            return self._arguments(document, blend, words)
        if form == FILE:
            return self._file(words)
        return self._json(words)

    def _arguments(self, document: Document, blend: Blend, words: Sequence[str]) -> str:
        lines = []
        for number, path in _pairs(words):
            _check_argument(path)
            lines.append(f"    {number} {shell_word(path)}")
        others = []
        for split in OTHER_SPLITS:
            if self.settings[split]:
                written = shlex.join(map(str, self.settings[split]))
                others.append(f"--{split}-data-path {written}")
        if others:
            lines = ["--train-data-path", *lines, *others]
        else:
            split = shell_word(str(self.settings["split"]))
            lines = ["--data-path", *lines, f"--split {split}"]
        surplus = blend.settings.get("surplus", SURPLUS)
        if surplus > SURPLUS:
            lines.append(f"{OPTION} {surplus:g}")
        comments = commented([*document.header, PASTE], self.comment)
        joined = " \\\n".join(lines)
        return f"{comments}{joined}\n"

    def _file(self, words: Sequence[str]) -> str:
        lines = []
        for number, path in _pairs(words):
            refuse(path, " ", self.name, "--data-args-path splits its file at white space")
            lines.append(f"{number} {path}\n")
        return "".join(lines)

    def _json(self, words: Sequence[str]) -> str:
        splits: dict[str, Any] = {"train": list(words)}
        for split in OTHER_SPLITS:
            written = list(map(str, self.settings[split]))
            if written:
                splits[split] = written
            elif self.settings["form"] == JSON:
                # Megatron wants every key, and takes null for none; Automodel refuses null.
                splits[split] = None
        text = json.dumps(splits, indent=1, ensure_ascii=False)
        return f"{text}\n"

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        if text.lstrip().startswith(("{", "[")):
            automodel = self.settings["form"] == AUTOMODEL
            return (blend_of_json(text, where, automodel),)
        return (blend_of_arguments(text, where),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        return indexed(blend, budget, OPTION)

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return longer_training(self.unit, blend, lost)


def surplus_of(order: Order, numbers: Array) -> Mapping[str, Any]:
    """Returns the setting `surplus` of a blend; Megatron's own where the tokens are unknown."""
    if order.tokens is None or order.sequence is None:
        return {"surplus": SURPLUS}
    samples = int(order.tokens / order.sequence)
    positive = numbers[numbers > 0]
    shares = positive / positive.sum()
    return {"surplus": needed_surplus(shares, samples)}


def _pairs(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yields each weight with its prefix."""
    yield from zip(words[::2], words[1::2], strict=True)


def _check_argument(path: str) -> None:
    if path.startswith("-"):
        raise MixwrightError(
            f"megatron: {path} begins with -, which Megatron takes for an option;"
            " give the source another path in --sources"
        )
