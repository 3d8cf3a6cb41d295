"""Megatron-Energon: a metadataset of version 2, with `blend` or `blend_epochized`.

blend:

    number  weight of a source's samples; weights are divided by their sum
    draws   at random, by 32-bit sums and a number of 24 bits: no share is finer than 6e-8
    end     a source repeats without end
    zero    stops with an assertion

blend_epochized:

    number  repetitions of a source in an epoch, and of the epoch without end. Whole ones are read,
            and of the rest a part of the rows, rounded down to a row (by each worker)
    sum     not divided
    zero    stops with an assertion; so little that it rounds down to no row is never read

A path is relative to the file. It may be another metadataset: its weights and repetitions multiply
with those of the entry. Version 1 (`datasets:` in place of `blend:`) has weights alone.

Read in megatron-energon 7.4.1: metadataset/metadataset_v2.py, metadataset/metadataset.py,
wrappers/blend_dataset.py, wrappers/repeat_dataset.py, task_encoder/base.py, rng.py, eyaml.py.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import ROWS, Blend, Budget, Drawn
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import (
    expected,
    never_drawn,
    not_above_zero,
    numbers_of,
)
from mixwright.proposals.export.rules.row_counts import (
    needs_tokens,
    passes_wanted,
    rows_of,
    rows_of_passes,
)
from mixwright.proposals.export.text.quoting import commented, number_text, refuse
from mixwright.proposals.export.text.yaml_source import yaml_content
from mixwright.proposals.export.trainers.energon_reading import EPOCHIZED, train_of

WEIGHTS = "blend"
# Steps of torch.rand: it has 24 bits.
STEPS = 2**24
# Part of a row, which is rounded down.
HAIR = 1e-3


@dataclass(frozen=True)
class Energon(Format):
    """Writes a metadataset whose split `train` is a blend."""

    name = "energon"
    trainer = "Megatron-Energon (read 7.4.1)"
    unit = ROWS
    meaning = "Numbers are weights of samples, divided by their sum; or repetitions of a source."
    # form: blend, of weights; blend_epochized, of repetitions
    defaults: ClassVar[Mapping[str, Any]] = {"form": WEIGHTS}
    words: ClassVar[Words] = {"form": (WEIGHTS, EPOCHIZED)}

    def numbers(self, order: Order, shares: Array, tokens: float | None) -> Array:
        if self._form() == WEIGHTS:
            return super().numbers(order, shares, tokens)
        length = needs_tokens(self.name, tokens)
        wanted = shares * length / self.tokens_a_unit(order)
        return passes_wanted(self.name, order, wanted, repetitions_of)

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return {EPOCHIZED: self._form() == EPOCHIZED}

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        key = "weight"
        if blend.settings[EPOCHIZED]:
            key = "repetitions"
        lines = []
        for entry in blend.entries:
            refuse(entry.path, "", self.name, "no path of a metadataset holds it")
            # unquoted, Energon would take some paths for numbers, and yes for true
            path = json.dumps(entry.path, ensure_ascii=False)
            lines.append(f"      - {key}: {_float(entry.number)}\n        path: {path}\n")
        return (
            f"{commented(document.header, self.comment)}"
            "__module__: megatron.energon\n"
            "__class__: MetadatasetV2\n"
            "splits:\n"
            "  train:\n"
            f"    {self._form()}:\n"
            f"{''.join(lines)}"
        )

    def _form(self) -> str:
        form: str = self.settings["form"]
        return form

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = yaml_content(text, where)
        return (train_of(content, where),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        faults = list(not_above_zero(blend, "Energon"))
        if blend.settings.get(EPOCHIZED):
            units = rows_of_passes(blend, budget, rows_taken)
        else:
            units = _of_weights(blend, budget)
        faults += never_drawn(blend, units)
        return Drawn(units, tuple(faults), random=True)

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        if not blend.settings.get(EPOCHIZED) or budget.tokens is None:
            return ""
        least = 1.0
        rows = rows_of(blend, budget) * numbers_of(blend)
        for entry, count in zip(blend.entries, rows.tolist(), strict=True):
            if entry.path in lost and count > 0:
                least = min(least, count)
        return f"a training of {budget.tokens / least:.3g} tokens reads a row of each"


def rows_taken(repetitions: float, rows: float) -> float:
    """Returns the rows that an epoch takes of a source, by one worker.

    It is the trainer's arithmetic, that of floats included (wrappers/repeat_dataset.py).
    """
    if not repetitions > 0:
        return 0.0
    whole = math.floor(repetitions)
    rest = math.floor(rows * (repetitions - whole))
    return whole * rows + rest


def repetitions_of(wanted: float, rows: float) -> float:
    """Returns the repetitions that take a number of rows, as near as whole rows come to it."""
    nearest = round(wanted)
    if not nearest:
        return wanted / rows
    repetitions = nearest / rows
    if rows_taken(repetitions, rows) == nearest:
        return repetitions
    # floats have rounded down a whole number of rows to the one before
    return (nearest + HAIR) / rows


def _float(number: float) -> str:
    """Returns a number that Energon takes for a float."""
    text = number_text(number)
    return text if "." in text else f"{text}.0"


def _of_weights(blend: Blend, budget: Budget) -> Array:
    """Returns (entries,) expected samples: chances are steps of torch.rand between 32-bit sums."""
    sums = np.cumsum(numbers_of(blend), dtype=np.float32)
    total = float(sums[-1])
    if not (math.isfinite(total) and total > 0):
        return np.zeros(len(sums))
    edges = np.ceil(sums.astype(np.float64) / total * STEPS)
    shares = np.diff(edges, prepend=0.0) / STEPS
    units = expected(ROWS, blend, budget)
    return units.sum() * shares
