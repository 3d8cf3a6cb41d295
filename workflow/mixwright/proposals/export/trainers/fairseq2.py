"""fairseq2: the sources of its recipes for language models, with weights.

    number  a weight above 0, as float32; a zero is refused. Sums from the first source on are
            divided by their total, unless that is within one part in 10,000 of 1. Then the last
            source takes, or lacks, the difference.
    unit    documents, drawn at random before they are packed: shares of tokens need their lengths
    least   the random number has 24 bits: a source whose part of 0 to 1 holds none of its values
            is never read
    end     a source starts again when it ends; an epoch ends when each has ended once
    seed    lm_train: alike on all ranks; lm_sft: each its own

Read in fairseq2 0.8.1: recipes/lm/train/dataset.py, recipes/lm/sft/dataset.py (the repository's),
native/src/fairseq2n/data/data_pipeline.cc (sample), sample_data_source.cc, float.h.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    DOCUMENTS,
    REFUSED,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import never_drawn, normalised
from mixwright.proposals.export.rules.noise import scatter
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.text.yaml_source import yaml_content
from mixwright.proposals.export.units import all_units, tokens_a_unit

TRAIN, SFT = "lm_train", "lm_sft"
# Values of the random number (ATen's uniform_real of float32).
VALUES = 2**24
# A total this close to 1 is left as it is (float.h, are_close).
CLOSE = np.float32(0.0001)
# A change of a share that is worth a fault.
CHANGE = 0.01


@dataclass(frozen=True)
class Fairseq2(Format):
    """Writes the dataset section of a recipe's config."""

    name = "fairseq2"
    trainer = "fairseq2 (read 0.8.1)"
    unit = DOCUMENTS
    meaning = "Each number is a weight of documents, which are drawn at random and packed later."
    # form: the family of the data set. split: of lm_sft. ranks: of data parallelism.
    defaults: ClassVar[Mapping[str, Any]] = {"form": TRAIN, "split": "train", "ranks": 1}
    words: ClassVar[Words] = {"form": (TRAIN, SFT)}

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return {"form": self.settings["form"]}

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        listed: Any = []
        lengths = []
        for entry in blend.entries:
            source = {
                "path": entry.path,
                "weight": entry.number,
            }
            listed.append(source)
            lengths.append(_length(document, entry))
        files = "A path is a file, or a folder of *.chunk.*.jsonl: as many as ranks, or more."
        if self.settings["form"] == SFT:
            split = self.settings["split"]
            listed = {split: listed}
            files = "A path is a .jsonl file, a folder of them, or what hg:// leads to."
        content = {
            "dataset": {
                "family": self.settings["form"],
                "config_overrides": {"sources": listed},
            },
        }
        header = [*document.header, *lengths, files]
        comments = commented(header, self.comment)
        return comments + yaml_text(content)

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        content = yaml_content(text, where)
        for key in ("dataset", "config_overrides", "sources"):
            if isinstance(content, Mapping) and key in content:
                content = content[key]
        form = TRAIN
        if isinstance(content, Mapping):
            form = SFT
            content = content.get(self.settings["split"])
        if not isinstance(content, list) or not content:
            raise MixwrightError(
                f"{where}: no source stands there; write dataset: config_overrides: sources:,"
                " a list of path and weight"
            )
        entries = tuple(_entry(source, where) for source in content)
        return (Blend(entries, {"form": form}),)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        shares, faults = _probabilities(blend)
        units = shares
        count = all_units(self.unit, shares, blend, budget)
        if count is not None:
            units = shares * count
        faults += never_drawn(blend, units)
        ranks = 1
        if blend.settings["form"] == TRAIN:
            ranks = self.settings["ranks"]
        faults += scatter(blend, units, self.unit, ranks)
        return Drawn(units, tuple(faults), random=True)


def _length(document: Document, entry: Entry) -> str:
    """Returns the comment on how long the documents of a source are."""
    source = document.sources[entry.path]
    tokens = tokens_a_unit(DOCUMENTS, source.size, None, False)
    return f"{entry.path}: {tokens:,.6g} tokens a document."


def _entry(source: Any, where: str) -> Entry:
    if not isinstance(source, Mapping) or "path" not in source:
        raise MixwrightError(
            f"{where}: a source has no path; give each path and weight",
        )
    path = str(source["path"])
    number = source.get("weight", 1.0)
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise MixwrightError(
            f"{where}: the weight of {path} is {number!r}; give a number",
        )
    return Entry(path, float(number))


def _probabilities(blend: Blend) -> tuple[Array, list[Fault]]:
    """Returns (entries,) probabilities of a draw, to the last value of the random number."""
    numbers, faults = _taken(blend)
    sums = np.cumsum(numbers, dtype=np.float32)
    total = sums[-1]
    if not total > 0:
        return np.zeros(len(numbers)), faults
    larger = max(total, np.float32(1))
    is_one = abs(1 - total) < CLOSE * larger
    if not is_one:
        sums = sums / total
    # the first source whose sum is not below a value takes it; the last takes what is left
    values = np.floor(sums.astype(np.float64) * VALUES) + 1
    values = np.minimum(values, VALUES)
    values[-1] = VALUES
    shares = np.diff(values, prepend=0) / VALUES
    faults += _shifted(blend, shares)
    return shares, faults


def _taken(blend: Blend) -> tuple[NDArray[np.float32], list[Fault]]:
    """Returns (entries,) numbers as float32, and what is refused; such a number counts as 0."""
    faults = []
    numbers = np.zeros(len(blend.entries), np.float32)
    for place, entry in enumerate(blend.entries):
        number = np.float32(entry.number)
        if np.isfinite(number) and number > 0:
            numbers[place] = number
            continue
        message = (
            f"{entry.path} has {entry.number:g}: fairseq2 takes float32 above 0 alone;"
            " leave the source out"
        )
        faults.append(Fault(REFUSED, message))
    return numbers, faults


def _shifted(blend: Blend, shares: Array) -> list[Fault]:
    """Sources whose share is another than their number over the sum, by more than a few values."""
    faults = []
    few = 2 / VALUES
    wanted = normalised(blend).tolist()
    for entry, plain, share in zip(blend.entries, wanted, shares.tolist(), strict=True):
        off = abs(share - plain)
        if share == 0 or off <= CHANGE * plain + few:
            continue
        message = (
            f"{entry.path} gets {share:.3g} of the documents, and not {plain:.3g}:"
            " weights are not divided by a sum that is within 0.0001 of 1; let them sum to 1"
        )
        faults.append(Fault(CHANGED, message))
    return faults
