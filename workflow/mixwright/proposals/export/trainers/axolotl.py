"""axolotl: the share of each source's rows that is kept.

    number  weight of an entry: max(1, int(rows * weight)) rows are kept, once for the whole
            training; none: all rows
    range   above 0, up to 1; others are refused
    sum     none
    end     an epoch is the list of kept rows; more epochs read the same rows again
    repeat  nothing is drawn twice: a source repeats where its path is listed again, unless
            dataset_exact_deduplication is true
    least   a row
    stream  weights are ignored: every row is read. `pretraining_dataset` reads its first entry

Here a number is the sum over the entries of a path: the passes over the source in an epoch.

Read in axolotl 0.21.0: axolotl/utils/schemas/datasets.py (SFTDataset.weight), utils/data/sft.py
(_load_and_process_single_dataset), utils/data/shared.py (merge_datasets), schemas/validation.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    LOST,
    REFUSED,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.row_counts import (
    LEAST,
    Part,
    factor_of,
    joined,
    of_epochs,
    repeated,
    rows_of,
    rows_there,
    rows_wanted,
    sizes_in_words,
    whole_rows,
)
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.text.yaml_source import mapping_of, mappings_under, number_of

LISTED, PRETRAINING = "datasets", "pretraining_dataset"
# keys of an entry that make another source of the same path
OTHERS = ("name", "split", "data_files", "revision", "shards", "shards_idx")
REPEAT = "list the paths again, or raise num_epochs, which repeats the same rows"
# Lines for the head of the file.
EPOCHS = (
    "One epoch is the planned training. More epochs repeat the rows that are kept.",
    "A source that stands twice is read more than once: leave dataset_exact_deduplication false.",
)
WITHOUT_TOKENS = (
    "The training's tokens are unknown: the source that is scarcest is read once an epoch.",
)


@dataclass(frozen=True)
class Axolotl(Format):
    """Writes the datasets of a training's YAML, with weights."""

    name = "axolotl"
    trainer = "axolotl (read 0.21.0)"
    unit = ROWS
    counts_rows = True
    meaning = "Each weight is the share of its source's rows that is kept, at most 1."
    # type: of the rows; completion is plain text in the column text.
    defaults: ClassVar[Mapping[str, Any]] = {"type": "completion", "split": "train"}

    def numbers(
        self,
        order: Order,
        shares: Array,
        tokens: float | None,
    ) -> Array:
        rows = rows_there(self.name, order)
        a_row = self.tokens_a_unit(order)
        if tokens is None:
            passes = shares / a_row / rows
            return passes / passes.max()
        wanted = rows_wanted(
            self.name,
            order,
            shares,
            tokens,
            a_row,
        )
        return wanted / rows

    def entries(self, order: Order, numbers: Array) -> tuple[Entry, ...]:
        """Lists a source once for each of its passes, the last one in part."""
        rows = rows_there(self.name, order)
        wanted = whole_rows(numbers * rows)
        return repeated(self.name, order, wanted, factor_of)

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        listed = []
        for entry in blend.entries:
            for weight in entry.settings["parts"]:
                keys: dict[str, Any] = {"path": entry.path}
                keys["type"] = str(self.settings["type"])
                keys["split"] = str(self.settings["split"])
                if weight < 1:
                    keys["weight"] = weight
                listed.append(keys)
        notes = list(document.header)
        notes += sizes_in_words(blend, document.order)
        notes += EPOCHS
        if document.order.tokens is None:
            notes += WITHOUT_TOKENS
        content = {LISTED: listed, "num_epochs": 1}
        return commented(notes, "# ") + yaml_text(content)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = mapping_of(text, where)
        key = LISTED
        pretraining = content.get(PRETRAINING)
        if pretraining:
            key = PRETRAINING
            if isinstance(pretraining, str):
                content[PRETRAINING] = [{"path": pretraining}]
        parts = []
        faults: list[Fault] = []
        for number, keys in enumerate(mappings_under(content, key, where), start=1):
            part = _part(keys, f"{where}: {key} {number}")
            parts.append(part)
            if not 0 < part.number <= 1:
                message = f"{part.path} has the weight {part.number:g}"
                message = f"{message}: axolotl takes 0 < weight <= 1; list the path again to repeat"
                faults.append(Fault(REFUSED, message))
        epochs = content.get("num_epochs") or 1
        settings = {
            "epochs": number_of(epochs, f"{where}: num_epochs"),
            "streaming": bool(content.get("streaming")),
            "packs": bool(content.get("sample_packing")),
            "first": bool(pretraining),
            "unique": bool(content.get("dataset_exact_deduplication")),
        }
        return (Blend(joined(parts), settings, faults=tuple(faults)),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        settings = blend.settings
        if settings.get("first"):
            return _first(blend, budget)
        rows = rows_of(blend, budget)
        counts = []
        faults: list[Fault] = []
        for entry, there in zip(blend.entries, rows, strict=True):
            count = _rows_read(entry, float(there), settings)
            counts.append(count)
            faults += _faults_of_entry(entry, float(there), settings)
        packs = settings.get("streaming") and settings.get("packs")
        if packs and len(blend.entries) > 1:
            message = "streaming with sample_packing takes one source; do not stream"
            faults.append(Fault(REFUSED, message))
        epochs = settings.get("epochs", 1.0)
        units = np.array(counts) * epochs
        faults += of_epochs(blend, units, budget, REPEAT)
        return Drawn(units, tuple(faults))


def _part(keys: Mapping[str, Any], where: str) -> Part:
    """Returns what an entry says; without a weight every row is read."""
    weight = keys.get("weight")
    if weight is None:
        weight = 1.0
    others = {}
    for key in OTHERS:
        if keys.get(key) is not None:
            others[key] = keys[key]
    number = number_of(weight, f"{where}: weight")
    path = str(keys.get("path"))
    return Part(path, number, others)


def _parts(entry: Entry) -> Sequence[float]:
    """Returns the weights of the places where a source is listed."""
    parts: Sequence[float] = entry.settings.get("parts", (entry.number,))
    return parts


def _rows_read(
    entry: Entry,
    there: float,
    settings: Mapping[str, Any],
) -> float:
    """Returns the rows of a source in an epoch; NaN where nobody knows them."""
    if np.isnan(there):
        return there
    others = entry.settings.get("others", {})
    there = there / float(others.get("shards", 1))
    rows = 0.0
    for weight in _parts(entry):
        count = there
        if weight < 1 and not settings.get("streaming"):
            count = float(max(1, int(there * weight)))
        rows += count
    if settings.get("unique"):
        rows = min(rows, there)
    return rows


def _faults_of_entry(
    entry: Entry,
    there: float,
    settings: Mapping[str, Any],
) -> list[Fault]:
    """Faults of a source of which other rows are read than its weight says."""
    parts = _parts(entry)
    faults = []
    if settings.get("streaming") and min(parts) < 1:
        message = f"{entry.path}: streaming ignores its weight and reads every row; do not stream"
        faults.append(Fault(CHANGED, message))
    elif min(parts) * there < LEAST:
        count = min(parts) * there
        message = f"{entry.path}: its weight is {count:.2g} rows, and axolotl reads at least one"
        faults.append(Fault(CHANGED, f"{message}; leave the source out, or train longer"))
    if settings.get("unique") and len(parts) > 1:
        message = f"{entry.path} stands {len(parts)} times, and dataset_exact_deduplication reads"
        faults.append(Fault(CHANGED, f"{message} each row once; set it to false"))
    return faults


def _first(blend: Blend, budget: Budget) -> Drawn:
    """Returns what pretraining_dataset reads: every row of its first entry, and nothing else."""
    rows = rows_of(blend, budget)
    units = np.zeros(len(rows))
    units[0] = rows[0]
    faults = []
    for entry in blend.entries[1:]:
        message = f"{entry.path} ({entry.number:g}) is never read"
        message = f"{message}: pretraining_dataset reads its first entry; use datasets"
        faults.append(Fault(LOST, message))
    return Drawn(units, tuple(faults))
