"""MosaicML Streaming: arguments of a StreamingDataset and of its streams, as YAML.

    number  proportion: share of the samples (rows) of an epoch, divided by their sum; or repeat:
            passes over a stream an epoch; or choose: rows of an epoch. Proportions do not go with
            the others
    draws   deterministic: each share of epoch_size is rounded down, and streams picked at random by
            shuffle_seed get a row more, each at most one
    unit    rows; each holds a sequence where they were packed when they were written
    zero    allowed, but rounding may give it a row an epoch
    end     none: a stream repeats within an epoch, and epochs follow. Without epoch_size an epoch
            has as many rows as all streams
    least   a row an epoch
    order   without shuffle streams are read one after another

Read in mosaicml-streaming 0.13.0: streaming/base/stream.py (apply_weights), dataset.py, batching.
"""

import math
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
    Fault,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order, Source
from mixwright.proposals.export.rules.arithmetic import (
    changed,
    normalised,
    numbers_of,
    units_that_keep,
)
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.trainers.streaming_files import (
    CHOOSE,
    PROPORTION,
    REPEAT,
    SEED,
    read_python,
    read_yaml,
)
from mixwright.proposals.export.units import all_units, sizes_of, units_of

ARGUMENTS, FOUNDRY = "arguments", "llm-foundry"
FORMS = (ARGUMENTS, FOUNDRY)
UNEVEN = "an epoch has whole rows alone; raise epoch_size"


@dataclass(frozen=True)
class Streaming(Format):
    """Writes proportions of streams, and an epoch that is the whole training."""

    name = "streaming"
    trainer = "MosaicML Streaming (read 0.13.0)"
    unit = ROWS
    meaning = "Each proportion is a share of the rows; Streaming divides them by their sum."
    # form: arguments for Stream(...) and StreamingDataset(...); llm-foundry for its train_loader.
    # epoch_size: rows of an epoch; those of the whole training where it is None.
    defaults: ClassVar[Mapping[str, Any]] = {"form": ARGUMENTS, "epoch_size": None}
    words: ClassVar[Words] = {"form": FORMS}

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        settings = {"shuffle": True, "shuffle_seed": order.seed}
        rows = self._epoch(order, numbers)
        if rows is not None:
            settings["epoch_size"] = rows
        return settings

    def _epoch(self, order: Order, numbers: Array) -> int | None:
        """Returns the rows of an epoch: those that the user names, or of the whole training."""
        named = self.settings["epoch_size"]
        if named is not None:
            return int(named)
        if order.tokens is None or (order.packed and order.sequence is None):
            return None
        mean = float(numbers @ self.tokens_a_unit(order))
        return max(1, round(order.tokens / mean))

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        form = self.settings["form"]
        streams = {}
        for entry in blend.entries:
            streams[entry.path] = {
                _place(entry.path): entry.path,
                PROPORTION: entry.number,
            }
        content: dict[str, Any] = {"streams": streams, **blend.settings}
        lines = [
            *document.header,
            *_about_rows(document, blend),
            "Each stream holds arguments of Stream; the other keys are StreamingDataset's.",
        ]
        if "epoch_size" not in content:
            lines.append("No epoch_size: an epoch has as many rows as all streams together.")
        if form == FOUNDRY:
            content = {"train_loader": {"dataset": content}}
        return commented(lines, self.comment) + yaml_text(content)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        if "Stream(" in text and "streams:" not in text:
            return (read_python(text, where),)
        return (read_yaml(text, where),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        faults = _refusals(blend)
        if faults:
            return Drawn(normalised(blend), tuple(faults))
        samples = _samples(blend, budget)
        chosen = _chosen(blend, samples)
        faults += _remarks(blend)
        if chosen is None:
            return Drawn(normalised(blend), tuple(faults))
        epoch = float(chosen.sum())
        if epoch == 0:
            message = "an epoch has no rows; raise epoch_size"
            faults.append(Fault(REFUSED, message))
            return Drawn(chosen, tuple(faults))
        units = chosen / epoch
        count = all_units(self.unit, units, blend, budget)
        if count is not None:
            units = chosen * (count / epoch)
        if _kinds(blend) <= {PROPORTION, CHOOSE}:
            faults += changed(blend, units, UNEVEN)
        return Drawn(units, tuple(faults))

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        rows = units_that_keep(blend, lost)
        if rows is None:
            return ""
        return f"an epoch_size of {rows:,} rows or more reads all of them"


def _place(path: str) -> str:
    """Returns the argument of Stream that takes a path."""
    if "://" in path:
        return "remote"
    return "local"


def _about_rows(document: Document, blend: Blend) -> list[str]:
    """Returns how many tokens a row holds, as the conversion took them."""
    if document.order.packed:
        return ["Each row holds a sequence."]
    words = []
    for entry in blend.entries:
        source = document.sources[entry.path]
        words.append(f"{entry.path} {_tokens_a_row(source):.6g}")
    joined = ", ".join(words)
    return [f"Tokens a row: {joined}."]


def _tokens_a_row(source: Source) -> float:
    return (source.tokens or 0.0) / (source.rows or 1.0)


def _kinds(blend: Blend) -> set[str]:
    """Returns the kinds of numbers that stand in the file; empty text for streams without one."""
    return {entry.settings.get("kind", PROPORTION) for entry in blend.entries}


def _refusals(blend: Blend) -> list[Fault]:
    """Returns the faults by which the trainer stops before it trains."""
    faults = []
    kinds = _kinds(blend)
    if PROPORTION in kinds and len(kinds) > 1:
        message = (
            "proportion stands for some streams and not for others;"
            " give it to all, or repeat or choose to all"
        )
        faults.append(Fault(REFUSED, message))
    for entry in blend.entries:
        if entry.number < 0:
            message = f"{entry.path} has {entry.number:g}; give it a number from 0 on"
            faults.append(Fault(REFUSED, message))
    if numbers_of(blend).sum() == 0:
        message = "the numbers sum to 0; give a stream more than 0"
        faults.append(Fault(REFUSED, message))
    if kinds & {REPEAT, CHOOSE} and blend.settings.get("epoch_size"):
        message = "epoch_size goes with proportion alone; leave it out beside repeat and choose"
        faults.append(Fault(REFUSED, message))
    return faults


def _samples(blend: Blend, budget: Budget) -> Array | None:
    """Returns (entries,) rows of each stream; None where nobody knows them all."""
    rows = []
    for size in sizes_of(blend, budget):
        count = units_of(ROWS, size, budget.sequence, budget.packed)
        if count is None:
            return None
        rows.append(float(int(count)))
    return np.array(rows)


def _chosen(blend: Blend, samples: Array | None) -> Array | None:
    """Returns (entries,) rows of an epoch; None where they hang on sizes that nobody knows."""
    kinds = _kinds(blend)
    epoch = blend.settings.get("epoch_size")
    seed = blend.settings.get("shuffle_seed", SEED)
    if PROPORTION in kinds:
        if epoch:
            return _rounded(normalised(blend), int(epoch), seed)
        if samples is None:
            return None
        return _rounded(normalised(blend), int(samples.sum()), seed)
    if kinds <= {CHOOSE}:
        return np.floor(numbers_of(blend))
    if samples is None:
        return None
    if epoch:
        # No stream has a number: their sizes are the proportions.
        return _rounded(samples / samples.sum(), int(epoch), seed)
    chosen = np.zeros(len(samples))
    for place, entry in enumerate(blend.entries):
        chosen[place] = math.floor(entry.number * samples[place])
        if entry.settings["kind"] == CHOOSE:
            chosen[place] = math.floor(entry.number)
    return chosen


def _rounded(
    shares: Array,
    epoch: int,
    seed: int,
) -> Array:
    """Returns (entries,) rows: shares of an epoch rounded down, and a row more for some."""
    rows = np.floor(shares * epoch)
    missing = int(epoch - rows.sum())
    generator = np.random.default_rng(seed)
    lucky = generator.choice(len(rows), missing, replace=False)
    rows[lucky] += 1
    return rows


def _remarks(blend: Blend) -> list[Fault]:
    faults = []
    if not blend.settings.get("shuffle", False):
        message = "shuffle is off: the streams are read one after another; set shuffle to true"
        faults.append(Fault(CHANGED, message))
    method = blend.settings.get("batching_method", "random")
    if method == "stratified":
        message = (
            "stratified batches want a row of every stream: a stream whose share of a batch rounds"
            " to none stops the training"
        )
        faults.append(Fault(REMARK, message))
    if method in ("per_stream", "device_per_stream"):
        message = f"{method} batches: rows of a stream that fill no batch are left out of an epoch"
        faults.append(Fault(REMARK, message))
    return faults
