"""Megatron-LM: weights and prefixes of paths, as arguments or in a file.

    number  weight of a prefix; weights are divided by their sum and count sequences
    index   deterministic: every source is within one sequence of its share
    end     a source repeats, without a word, as often as its share asks

Read in Megatron-LM of August 2026: megatron/training/arguments.py (--data-path, --data-args-path,
--per-split-data-args-path) and megatron/core/datasets/utils.py (get_blend_from_list).
"""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.arithmetic import deterministic, normalised, not_above_zero
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import REFUSED, Blend, Budget, Drawn, Entry, Fault
from mixwright.proposals.export.quoting import commented, number_text, refuse, shell_word

ARGUMENTS, FILE, JSON = "arguments", "file", "json"
# Sources that the index can tell apart (megatron/core/datasets/blended_dataset.py).
MOST_SOURCES = 32_767


@dataclass(frozen=True)
class Megatron(Format):
    """Writes `--data-path` arguments, a file of them, or the JSON of splits."""

    name = "megatron"
    trainer = "Megatron-LM (read August 2026)"
    meaning = "Each number is a weight of sequences; Megatron divides them by their sum."
    suffix = ".txt"
    # form: arguments for a shell, file for --data-args-path, json for --per-split-data-args-path.
    # valid, test: prefixes of the other splits in the JSON, which must name them.
    defaults: ClassVar[Mapping[str, Any]] = {"form": ARGUMENTS, "valid": [], "test": []}

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        form = self.settings["form"]
        if form == JSON:
            return self._json(blend)
        words = []
        for entry in blend.entries:
            words.append((number_text(entry.number), entry.path))
        if form == ARGUMENTS:
            lines = [f"    {number} {shell_word(path)}" for number, path in words]
            joined = " \\\n".join(["--data-path", *lines])
            return f"{commented(document.header, '# ')}{joined}\n"
        if form != FILE:
            raise MixwrightError(
                f"--settings: megatron has no form {form}; use arguments, file or json"
            )
        for _, path in words:
            refuse(path, " \t", self.name, "--data-args-path splits its file at white space")
        return "".join(f"{number} {path}\n" for number, path in words)

    def _json(self, blend: Blend) -> str:
        train = []
        for entry in blend.entries:
            train += [number_text(entry.number), entry.path]
        splits = {"train": train, "valid": self.settings["valid"], "test": self.settings["test"]}
        return json.dumps(splits, indent=1, ensure_ascii=False) + "\n"

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        faults: tuple[Fault, ...] = ()
        if text.lstrip().startswith(("{", "[")):
            words, faults = _words_of_json(text, where)
        else:
            lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
            try:
                words = shlex.split("\n".join(lines).replace("\\\n", " "))
            except ValueError as error:
                raise MixwrightError(f"{where}: {error}; close the quote") from None
        if "--data-path" in words:
            words = words[words.index("--data-path") + 1 :]
        return (Blend(_entries(words, where), faults=faults),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        faults = list(not_above_zero(blend, "Megatron"))
        if len(blend.entries) > MOST_SOURCES:
            count = len(blend.entries)
            message = f"{count} sources: Megatron tells {MOST_SOURCES} apart; join some"
            faults.append(Fault(REFUSED, message))
        return Drawn(deterministic(self.unit, blend, budget), tuple(faults))

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        return sequences_that_keep(normalised(blend), blend, lost)


def sequences_that_keep(shares: Array, blend: Blend, lost: Sequence[str]) -> str:
    """Returns the sequences from which a deterministic index reads every lost source."""
    of_lost = []
    for entry, share in zip(blend.entries, shares.tolist(), strict=True):
        if entry.path in lost and share > 0:
            of_lost.append(share)
    if not of_lost:
        return ""
    count = int(np.ceil(1 / min(of_lost)))
    return f"a training of {count:,} sequences or more reads all of them"


def _words_of_json(text: str, where: str) -> tuple[list[str], tuple[Fault, ...]]:
    """Returns the words of the split train, and what is wrong with the other splits."""
    try:
        content: Any = json.loads(text)
    except json.JSONDecodeError as error:
        raise MixwrightError(f"{where}: no JSON: {error}; correct the file") from None
    faults = []
    if isinstance(content, dict):
        for split in ("train", "valid", "test"):
            if split not in content:
                message = f"the key {split} is missing; Megatron wants train, valid and test"
                faults.append(Fault(REFUSED, message))
        content = content.get("train", [])
    if isinstance(content, str):
        content = content.split()
    return [str(word) for word in content], tuple(faults)


def _entries(words: Sequence[str], where: str) -> tuple[Entry, ...]:
    """Returns weight and path in turn; an odd number of words is paths without weights."""
    if not words:
        raise MixwrightError(f"{where}: no source stands there; give weights and paths in turn")
    if len(words) % 2 == 1:
        raise MixwrightError(
            f"{where}: {len(words)} words: Megatron takes an odd number for paths without weights;"
            " give a weight before every path"
        )
    entries = []
    for place in range(0, len(words), 2):
        number, path = words[place], words[place + 1]
        try:
            entries.append(Entry(path, float(number)))
        except ValueError:
            raise MixwrightError(
                f"{where}: {number} is no weight; give a weight before every path"
            ) from None
    return tuple(entries)
