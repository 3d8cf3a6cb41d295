"""LLaMA-Factory's version 1: factors on the rows of sources.

    number  factor on the rows of a source: int(rows * weight) rows, drawn with replacement, once
            for the whole training
    sum     none: shares are factor * rows / sum
    zero    taken for "not set": every row of the source once
    size    rows instead of a factor; both: size * weight
    end     an epoch is the list of drawn rows
    least   1 / rows of the source
    stream  not possible

Read in LLaMA-Factory 0.9.5: llamafactory/v1/core/data_engine.py,
v1/plugins/data_plugins/loader.py (adjust_data_index).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

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
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import never_drawn, numbers_of
from mixwright.proposals.export.rules.row_counts import (
    factor_of,
    needs_tokens,
    of_epochs,
    rows_of,
    rows_there,
    rows_wanted,
    sizes_in_words,
    tokens_that_keep,
)
from mixwright.proposals.export.text.data_files import is_local
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.text.yaml_source import mapping_of, number_of
from mixwright.proposals.export.trainers.llamafactory import refuse_interpolation

ONE_EPOCH = (
    "One epoch is the planned training. Where rows hold no messages, give each a converter.",
)


@dataclass(frozen=True)
class LlamaFactoryOne(Format):
    """Writes the YAML of data sets of LLaMA-Factory's version 1: name -> path and weight."""

    name = "llamafactory-v1"
    trainer = "LLaMA-Factory v1 (read 0.9.5)"
    unit = ROWS
    counts_rows = True
    meaning = (
        "Each weight is a factor on the rows of its source: so many rows are drawn, with"
        " replacement, for an epoch."
    )

    def numbers(
        self,
        order: Order,
        shares: Array,
        tokens: float | None,
    ) -> Array:
        rows = rows_there(self.name, order)
        wanted = rows_wanted(
            self.name,
            order,
            shares,
            needs_tokens(self.name, tokens),
            self.tokens_a_unit(order),
        )
        factors = []
        for count, there in zip(wanted, rows, strict=True):
            factor = factor_of(float(count), float(there))
            factors.append(factor)
        return np.array(factors)

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        content = {}
        for entry in blend.entries:
            refuse_interpolation(entry.path, self.name)
            keys: dict[str, Any] = {"path": entry.path}
            if is_local(entry.path):
                keys["source"] = "local"
            keys["weight"] = entry.number
            content[entry.path] = keys
        notes = [*document.header, *sizes_in_words(blend, document.order), *ONE_EPOCH]
        return commented(notes, "# ") + yaml_text(content)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = mapping_of(text, where)
        if not content:
            raise MixwrightError(f"{where}: no source stands there; give NAME: path and weight")
        entries = []
        faults: list[Fault] = []
        for name, keys in content.items():
            of_name = f"{where}: {name}"
            entry = _entry(keys, of_name)
            entries.append(entry)
            if keys.get("streaming"):
                message = f"{name} is streamed: version 1 gives no row of it"
                faults.append(Fault(REFUSED, f"{message}; leave `streaming` away"))
        return (Blend(tuple(entries), faults=tuple(faults)),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        rows = rows_of(blend, budget)
        counts = []
        faults = []
        for entry, there in zip(blend.entries, rows, strict=True):
            # what an export asks of its own numbers stands in no settings
            settings = entry.settings or {"weight": entry.number}
            count = _drawn_rows(float(there), settings)
            counts.append(count)
            faults += _faults_of_zero(entry, settings)
        units = np.array(counts)
        faults += never_drawn(blend, units)
        faults += of_epochs(
            blend,
            units,
            budget,
            remedy="let it repeat by num_train_epochs",
        )
        return Drawn(units, tuple(faults))

    def remedy(
        self,
        blend: Blend,
        lost: Sequence[str],
        budget: Budget,
    ) -> str:
        wanted = rows_of(blend, budget) * numbers_of(blend)
        return tokens_that_keep(blend, lost, budget, wanted)


def _entry(keys: Any, where: str) -> Entry:
    """Returns a source; its weight, size or 1 is the number."""
    if not isinstance(keys, Mapping):
        raise MixwrightError(f"{where} is no mapping; give it path: and weight:")
    if "path" not in keys:
        raise MixwrightError(f"{where} has no path; give it path:")
    settings = {}
    for key in ("size", "weight"):
        value = keys.get(key)
        if value is not None:
            settings[key] = number_of(value, f"{where}: {key}")
    number = settings.get("weight")
    if number is None:
        number = settings.get("size", 1.0)
    path = str(keys["path"])
    return Entry(path, number, settings=settings)


def _drawn_rows(there: float, settings: Mapping[str, float]) -> float:
    """Returns the rows of a source in an epoch; NaN where its rows are unknown.

    Version 1 looks whether size or weight is true, and then applies each that is written, a 0 too.
    """
    size = settings.get("size")
    weight = settings.get("weight")
    if not size and not weight:
        return there
    rows = there
    if size is not None:
        rows = max(0.0, size)
    if weight is not None and np.isfinite(rows):
        rows = float(max(0, int(rows * weight)))
    return rows


def _faults_of_zero(entry: Entry, settings: Mapping[str, float]) -> list[Fault]:
    """Faults of numbers that are not above 0."""
    faults = []
    size = settings.get("size")
    weight = settings.get("weight")
    for key, value in settings.items():
        if value < 0:
            message = f"{entry.path}: {key} {value:g} reads nothing; leave the source out"
            faults.append(Fault(CHANGED, message))
    if 0 in (size, weight) and not size and not weight:
        message = f"{entry.path}: 0 is taken for not set, so that every row is read"
        faults.append(Fault(CHANGED, f"{message}; leave the source out"))
    return faults
