"""torchtitan: packed rows drawn at random (0.3), or Grain's interleaving (main).

0.3     InterleavedHuggingFaceTextDataLoader: every source packs its rows, and rows are drawn at
        random by weights divided by their sum; a zero is never drawn, a number below 0 is refused.
        `infinite` (default) repeats a source without end, and must be alike in all. Without it the
        data end with the first source (on_first_exhausted), or when each has ended once.
        Every rank draws the same sequence of sources, for they share the seed.
main    DatasetMixConfig: Grain's rule, numbers above 0 alone. Children that are packed count rows,
        others documents. `repeat` of the loader (default) is endless; without it the data end with
        the first source. Every rank interleaves for itself.

Read in torchtitan 0.3.0: hf_datasets/interleaved.py, hf_datasets/text_datasets.py,
components/dataloader.py; in main of 21 August 2026: components/data/dataset.py, packing.py,
loader.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    DOCUMENTS,
    REFUSED,
    REMARK,
    SEQUENCES,
    Blend,
    Budget,
    Drawn,
    Fault,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import (
    expected,
    first_exhausted,
    last_exhausted,
    normalised,
)
from mixwright.proposals.export.rules.grain_mix import interleaved, refused, remedy, whole_numbers
from mixwright.proposals.export.rules.noise import scatter
from mixwright.proposals.export.text.python_source import parsed
from mixwright.proposals.export.text.quoting import commented, python_text
from mixwright.proposals.export.trainers.torchtitan_source import (
    MAIN,
    RANDOM,
    read_mix,
    read_sources,
)

FIRST, ALL = "on_first_exhausted", "all_exhausted"
BEFORE, AFTER = "before", "after"

MODULE_OF_RANDOM = """from datasets import load_dataset

from torchtitan.hf_datasets import DatasetConfig
from torchtitan.hf_datasets.text_datasets import (
    DATASETS,
    HFDataSource,
    InterleavedHuggingFaceTextDataLoader,
)


def load(path):
    \"\"\"Opens a source; give load_dataset what yours need.\"\"\"
    return load_dataset(path, split="train", streaming=True)


def text_of(sample):
    return sample["text"]


# torchtitan looks a data set up by a name of lower case; dataset_path says which one is read.
DATASETS["mixture"] = DatasetConfig(path="", loader=load, sample_processor=text_of)


# `dataloader` of a Trainer.Config
DATALOADER = InterleavedHuggingFaceTextDataLoader.Config(
    sources=[
"""
MODULE_OF_MAIN = """from torchtitan.components.data import (
    ConcatThenSplitPackingConfig,
    DatasetMixConfig,
    GrainDataLoader,
    HuggingFaceStreamingSource,
    SingleDatasetConfig,
    WeightedDataset,
)
from torchtitan.hf_datasets.text_datasets import TextProcessor


def is_sample(sample):
    return sample is not None


def documents(path):
    \"\"\"Opens a source; give the source what yours need.\"\"\"
    return SingleDatasetConfig(
        source=HuggingFaceStreamingSource.Config(path=path, split="train"),
        processor=TextProcessor.Config(),
        post_filters=(is_sample,),
    )


def rows(path):
    \"\"\"Rows of one length.\"\"\"
    return ConcatThenSplitPackingConfig(dataset=documents(path))


MIXTURE = DatasetMixConfig(
    datasets=(
"""


@dataclass(frozen=True)
class Torchtitan(Format):
    """Writes a module with a data loader's config, `DATALOADER`."""

    name = "torchtitan"
    trainer = "torchtitan (read 0.3.0, and main of August 2026)"
    meaning = (
        "Each number is a weight of packed rows, or of documents that are mixed before packing."
    )
    suffix = ".py"
    # form: 0.3 or main. pack, of main: before mixing (rows are drawn) or after it (documents).
    # repeat: whether a source starts again when it ends. ranks: of data parallelism.
    defaults: ClassVar[Mapping[str, Any]] = {
        "form": RANDOM,
        "pack": BEFORE,
        "repeat": True,
        "stopping_strategy": FIRST,
        "ranks": 1,
    }
    words: ClassVar[Words] = {
        "form": (RANDOM, MAIN),
        "pack": (BEFORE, AFTER),
        "stopping_strategy": (FIRST, ALL),
    }

    def unit_of(self, settings: Mapping[str, Any]) -> str:
        if settings["form"] == MAIN and settings["pack"] == AFTER:
            return DOCUMENTS
        return SEQUENCES

    def numbers(self, order: Order, shares: Array, tokens: float | None) -> Array:
        of_unit = super().numbers(order, shares, tokens)
        if self.settings["form"] == MAIN:
            return whole_numbers(of_unit)
        return of_unit

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return self.settings

    def write(self, document: Document) -> str:
        (blend,) = document.blends
        head = commented(document.header, "# ")
        if self.settings["form"] == MAIN:
            return head + _main(blend, document.order.seed)
        infinite = bool(blend.settings["repeat"])
        lines = []
        for entry in blend.entries:
            lines.append(
                "        HFDataSource(\n"
                '            dataset="mixture",\n'
                f"            dataset_path={python_text(entry.path)},\n"
                f"            weight={entry.number!r},\n"
                f"            infinite={infinite},\n"
                "        ),\n"
            )
        return (
            f"{head}{MODULE_OF_RANDOM}{''.join(lines)}"
            "    ],\n"
            f"    seed={document.order.seed},\n"
            f"    stopping_strategy={blend.settings['stopping_strategy']!r},\n"
            ")\n"
        )

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        tree = parsed(text, where)
        blend = read_sources(tree, where)
        if blend is None:
            blend = read_mix(tree, where)
        return (blend,)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        unit = self.unit_of(blend.settings)
        ranks = self.settings["ranks"]
        if blend.settings["form"] == MAIN:
            units = interleaved(unit, blend, budget, ranks)
            faults = refused(blend, "torchtitan")
            if not blend.settings["repeat"]:
                faults += first_exhausted(unit, units, blend, budget)
                faults += _finite(ranks)
            return Drawn(units, tuple(faults))
        units = expected(unit, blend, budget)
        faults = list(_refused(blend))
        faults += scatter(blend, units, unit, ranks)
        if not blend.settings["repeat"]:
            faults += _ends(unit, units, blend, budget)
        return Drawn(units, tuple(faults), random=True)

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        if blend.settings["form"] != MAIN:
            return ""
        unit = self.unit_of(blend.settings)
        return remedy(unit, blend, lost, self.settings["ranks"])


def _main(blend: Blend, seed: int) -> str:
    """Returns the module of main: rows are packed before they are mixed, or documents after it."""
    opener = "rows"
    mixture = "MIXTURE"
    if blend.settings["pack"] == AFTER:
        opener = "documents"
        mixture = "ConcatThenSplitPackingConfig(dataset=MIXTURE)"
    lines = []
    for entry in blend.entries:
        path = python_text(entry.path)
        dataset = f"{opener}({path})"
        line = f"        WeightedDataset(dataset={dataset}, weight={entry.number!r}),\n"
        lines.append(line)
    repeat = bool(blend.settings["repeat"])
    return (
        f"{MODULE_OF_MAIN}{''.join(lines)}"
        "    ),\n"
        ")\n\n"
        "# `dataloader` of a Trainer.Config\n"
        f"DATALOADER = GrainDataLoader.Config(dataset={mixture}, seed={seed}, repeat={repeat})\n"
    )


def _refused(blend: Blend) -> list[Fault]:
    """What 0.3 refuses: numbers below 0, and none above it."""
    faults = []
    for entry in blend.entries:
        if entry.number < 0:
            message = (
                f"{entry.path} has {entry.number:g}: torchtitan takes numbers from 0 on;"
                " leave the source out"
            )
            faults.append(Fault(REFUSED, message))
    if not normalised(blend).any():
        message = "no number is above 0; give one source a weight"
        faults.append(Fault(REFUSED, message))
    return faults


def _finite(ranks: int) -> list[Fault]:
    """main refuses data without repeat on several ranks: they would end at different steps."""
    if ranks == 1:
        return []
    return [Fault(REFUSED, f"repeat=False is refused with {ranks} ranks; write repeat=True")]


def _ends(unit: str, units: Array, blend: Blend, budget: Budget) -> Sequence[Fault]:
    """What happens where sources do not repeat by themselves."""
    if blend.settings["stopping_strategy"] == FIRST:
        return first_exhausted(unit, units, blend, budget)
    if any(entry.number == 0 for entry in blend.entries):
        message = "a source of weight 0 never ends, nor do data of all_exhausted; leave it out"
        return [Fault(REMARK, message)]
    return last_exhausted(unit, units, blend, budget, "set infinite=True in each")
