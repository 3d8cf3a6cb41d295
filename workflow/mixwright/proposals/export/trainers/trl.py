"""TRL: fractions of data sets in a mixture.

    number  fraction of a source; they are divided by their sum, and are shares of the rows
    rows    the first round(fraction * N) rows of each source; N is the largest number of rows
            with which no source repeats: the least of rows / fraction
    zero    allowed: nothing is read
    all     every source has a fraction, or none: then each is read whole
    end     an epoch is the list of these rows; more epochs read the same rows again
    repeat  a source repeats where its path is listed again
    least   half a row of N
    stream  refused

Here a number is the sum over the entries of a path.

Read in TRL 1.16.0: trl/scripts/utils.py (DatasetConfig, DatasetMixtureConfig, get_dataset).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    REFUSED,
    REMARK,
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
    Part,
    joined,
    of_epochs,
    repeated,
    rows_of,
    rows_there,
    sizes_in_words,
    tokens_that_keep,
)
from mixwright.proposals.export.text.data_files import BUILDERS, builder_of
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.text.yaml_source import mapping_of, mappings_under, number_of

# keys of an entry that make another source of the same path
OTHERS = ("name", "data_dir", "data_files", "split")
FIRST_ROWS = ("The first rows of each source are read: shuffle its file beforehand.",)
REPEAT = "list the paths again, or raise num_train_epochs, which repeats the same rows"


@dataclass(frozen=True)
class Trl(Format):
    """Writes the datasets of a TRL script's YAML, with fractions."""

    name = "trl"
    trainer = "TRL (read 1.16.0)"
    unit = ROWS
    counts_rows = True
    meaning = "Each fraction is a share of the rows; TRL divides them by their sum."
    defaults: ClassVar[Mapping[str, Any]] = {"split": "train"}

    def entries(self, order: Order, numbers: Array) -> tuple[Entry, ...]:
        """Lists a source once for each of its passes, the last one in part."""
        wanted = self._rows(order, numbers)
        total = float(wanted.sum())
        return repeated(self.name, order, wanted, lambda rows, there: rows / total)

    def _rows(self, order: Order, numbers: Array) -> Array:
        """Returns (sources,) rows that a training reads; at most all, where nobody said its length.

        Numbers are shares of rows. Rows are no whole numbers: TRL rounds them itself.
        """
        if order.tokens is None:
            rows = rows_there(self.name, order)
            read = numbers > 0
            most = np.min(rows[read] / numbers[read])
            return numbers * most
        mean = float(numbers @ self.tokens_a_unit(order))
        return numbers * order.tokens / mean

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        """Returns the epochs: a training that reads less than the mixture holds stops in one."""
        if order.tokens is None:
            return {"epochs": 1.0}
        rows = rows_there(self.name, order)
        wanted = self._rows(order, numbers)
        passes = wanted / rows
        most = float(passes.max())
        return {"epochs": min(1.0, most)}

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        listed = []
        for entry in blend.entries:
            for fraction in entry.settings["parts"]:
                keys: dict[str, Any] = {"path": entry.path}
                builder = builder_of(entry.path)
                if builder:
                    keys = {"path": builder, "data_files": entry.path}
                keys["split"] = str(self.settings["split"])
                keys["fraction"] = fraction
                listed.append(keys)
        notes = list(document.header)
        notes += sizes_in_words(blend, document.order)
        notes += FIRST_ROWS
        content = {
            "datasets": listed,
            "num_train_epochs": blend.settings["epochs"],
        }
        return commented(notes, "# ") + yaml_text(content)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = mapping_of(text, where)
        listed = mappings_under(content, "datasets", where)
        fractions = [keys.get("fraction") for keys in listed]
        whole = all(fraction is None for fraction in fractions)
        parts = []
        faults: list[Fault] = []
        for number, keys in enumerate(listed, start=1):
            part = _part(keys, float(whole), f"{where}: datasets {number}")
            parts.append(part)
            if keys.get("fraction") is None and not whole:
                message = f"{part.path} has no fraction, and others have: TRL takes all or none"
                faults.append(Fault(REFUSED, f"{message}; give it one"))
        if content.get("streaming") and not whole:
            message = "streaming with fractions is refused by TRL; leave `streaming` away"
            faults.append(Fault(REFUSED, message))
        epochs = content.get("num_train_epochs") or 1
        settings = {
            "epochs": number_of(epochs, f"{where}: num_train_epochs"),
            "whole": whole,
        }
        return (Blend(joined(parts), settings, faults=tuple(faults)),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        rows = rows_of(blend, budget)
        faults = list(_faults_of_numbers(blend))
        epochs = blend.settings.get("epochs", 1.0)
        if blend.settings.get("whole"):
            message = "no source has a fraction: each is read whole"
            faults.append(Fault(REMARK, message))
            return Drawn(rows * epochs, tuple(faults))
        counts = _first_rows(blend, rows)
        units = counts * epochs
        faults += never_drawn(blend, units)
        if np.any(counts < rows):
            faults.append(Fault(REMARK, FIRST_ROWS[0]))
        faults += of_epochs(blend, units, budget, REPEAT)
        return Drawn(units, tuple(faults))

    def remedy(
        self,
        blend: Blend,
        lost: Sequence[str],
        budget: Budget,
    ) -> str:
        rows = rows_of(blend, budget)
        numbers = numbers_of(blend)
        total = float(np.min(rows / numbers)) * blend.settings.get("epochs", 1.0)
        return tokens_that_keep(blend, lost, budget, numbers * total)


def _part(keys: Mapping[str, Any], default: float, where: str) -> Part:
    """Returns what an entry says."""
    fraction = keys.get("fraction")
    if fraction is None:
        fraction = default
    path = str(keys.get("path"))
    others = {}
    for key in OTHERS:
        if keys.get(key) is not None:
            others[key] = keys[key]
    # a file is loaded by the name of its builder
    file = others.get("data_files")
    if isinstance(file, str) and path in BUILDERS.values():
        path = file
    number = number_of(fraction, f"{where}: fraction")
    return Part(path, number, others)


def _first_rows(blend: Blend, rows: Array) -> Array:
    """Returns (entries,) rows of an epoch; NaN where the rows of a source are unknown.

    Each place where a source is named reads the first rows of it.
    """
    total = numbers_of(blend).sum()
    if not total > 0:
        return np.zeros(len(rows))
    lengths = []
    for entry, there in zip(blend.entries, rows, strict=True):
        largest = max(_parts(entry))
        if largest > 0:
            weight = largest / total
            lengths.append(float(there) / weight)
    # numpy's least is NaN where one is
    length = float(np.min(lengths))
    if np.isnan(length):
        return np.full(len(rows), np.nan)
    counts = []
    for entry in blend.entries:
        count = 0
        for part in _parts(entry):
            weight = part / total
            count += max(0, round(weight * length))
        counts.append(float(count))
    return np.array(counts)


def _parts(entry: Entry) -> Sequence[float]:
    """Returns the fractions of the places where a source is listed."""
    parts: Sequence[float] = entry.settings.get("parts", (entry.number,))
    return parts


def _faults_of_numbers(blend: Blend) -> list[Fault]:
    faults = []
    total = numbers_of(blend).sum()
    if total == 0 and not blend.settings.get("whole"):
        message = "the fractions sum to 0, by which TRL divides; give numbers above 0"
        faults.append(Fault(REFUSED, message))
    for entry in blend.entries:
        if entry.number < 0:
            message = f"{entry.path} has {entry.number:g}: nothing of it is read, and the others'"
            message = f"{message} shares change; leave the source out"
            faults.append(Fault(CHANGED, message))
    return faults
