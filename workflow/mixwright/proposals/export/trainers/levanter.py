"""Levanter: the data section of a training's YAML.

    number  train_weights: divided by their sum, count sequences
    draws   deterministic in blocks of mixture_block_size sequences (default 2,048, at most 65,535):
            each share of a block is rounded down, the rest goes to the first of the largest; the
            order within a block is random
    zero    allowed: the source is evaluated, not trained on
    end     stop_strategy: restart (default), first_exhausted or all_exhausted
    least   a sequence of a block
    stages  a list of [step, weights]; steps times train_batch_size must be multiples of the block.
            MixtureDataset itself takes sequences, the YAML steps

Read in marin-levanter 0.2.20.dev202606180959: levanter/data/text/datasets.py (LmDataConfig),
levanter/data/mixture.py, levanter/schedule.py and levanter/trainer.py (TrainerConfig).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import (
    CHANGED,
    LOST,
    REFUSED,
    REMARK,
    Blend,
    Budget,
    Drawn,
    Fault,
)
from mixwright.proposals.export.inputs.settings import Words
from mixwright.proposals.export.order import Order
from mixwright.proposals.export.rules.arithmetic import (
    blocks,
    changed,
    first_exhausted,
    last_exhausted,
    normalised,
    numbers_of,
    units_that_keep,
)
from mixwright.proposals.export.text.quoting import commented, yaml_text
from mixwright.proposals.export.trainers.levanter_block import (
    CLOSE,
    DEFAULT,
    LARGEST,
    Schedule,
    block_that_keeps,
    losses,
    start_near,
)
from mixwright.proposals.export.trainers.levanter_files import BATCH, read_data
from mixwright.proposals.export.units import all_units

STRATEGIES = ("restart", "first_exhausted", "all_exhausted")
RESTART, FIRST, ALL = STRATEGIES
UNEVEN = "shares of a block are rounded down, and the rest goes to the largest"


@dataclass(frozen=True)
class Levanter(Format):
    """Writes the data section; of stages also the size of a step, in which their starts count."""

    name = "levanter"
    trainer = "Levanter (read marin-levanter 0.2.20.dev202606180959)"
    meaning = "Each number is a weight of sequences; Levanter divides them by their sum."
    staged = True
    # mixture_block_size: the smallest that serves where it is None.
    # train_batch_size: sequences of a step, which stages are counted in.
    defaults: ClassVar[Mapping[str, Any]] = {
        "mixture_block_size": None,
        "stop_strategy": RESTART,
        "train_batch_size": BATCH,
    }
    words: ClassVar[Words] = {"stop_strategy": STRATEGIES}

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        return {
            "mixture_block_size": self._block(order),
            "stop_strategy": self.settings["stop_strategy"],
        }

    def _block(self, order: Order) -> int:
        """Returns the block that the user names, or the one that keeps all stages."""
        block: int | None = self.settings["mixture_block_size"]
        if block is not None:
            return block
        schedule = self._schedule(order)
        return block_that_keeps(self._shares(order), schedule)

    def _shares(self, order: Order) -> list[Array]:
        """Returns (sources,) shares of sequences, of each stage."""
        stages = []
        for stage in order.stages:
            shares = order.shares(stage)
            stages.append(self.numbers(order, shares, stage.tokens))
        return stages

    def _schedule(self, order: Order) -> Schedule:
        """Returns when stages begin, as they are planned.

        Raises:
            MixwrightError: there are stages, and nobody said how long a sequence is.
        """
        if order.tokens is None or order.sequence is None:
            if len(order.stages) > 1:
                raise MixwrightError(
                    "levanter: stages begin at steps of sequences, and nobody said how many tokens"
                    " a sequence holds; say --sequence"
                )
            return Schedule()
        starts = []
        begins = 0.0
        for stage in order.stages[:-1]:
            begins += stage.tokens or 0.0
            starts.append(begins / order.sequence)
        length = order.tokens / order.sequence
        return Schedule(tuple(starts), length, self.settings["train_batch_size"])

    def write(self, document: Document) -> str:
        order = document.order
        first = document.blends[0]
        block = first.settings["mixture_block_size"]
        lines = [*document.header, *self._about_block(order, block)]
        data = {
            "components": _components(document),
            "train_weights": _weights(first),
            "mixture_block_size": block,
            "stop_strategy": first.settings["stop_strategy"],
        }
        content: dict[str, Any] = {"data": data}
        if len(document.blends) > 1:
            lines.append("Stages begin at steps; a step reads train_batch_size sequences.")
            data["train_weights"] = self._staged(document, block)
            content["train_seq_len"] = order.sequence
            content["trainer"] = {"train_batch_size": self._schedule(order).batch}
        return commented(lines, self.comment) + yaml_text(content)

    def _staged(self, document: Document, block: int) -> list[list[Any]]:
        """Returns a list of step and weights.

        Raises:
            MixwrightError: blocks are too long for a stage.
        """
        schedule = self._schedule(document.order)
        starts = [0]
        for start in schedule.starts:
            starts.append(start_near(start, block, schedule.batch))
        stages = []
        for place, blend in enumerate(document.blends):
            step = starts[place] // schedule.batch
            if place > 0 and starts[place] <= starts[place - 1]:
                raise MixwrightError(
                    f"levanter: {blend.name} would begin with the stage before it, as stages begin"
                    " at a step and at a block; name a smaller train_batch_size or"
                    " mixture_block_size in --settings"
                )
            stages.append([step, _weights(blend)])
        return stages

    def _about_block(self, order: Order, block: int) -> list[str]:
        """Returns what to know of the block."""
        if self.settings["mixture_block_size"] is not None:
            return []
        stages = np.array(self._shares(order))
        _, offs = losses(stages, np.array([block]))
        off = float(offs[0])
        for most in CLOSE:
            if off <= most:
                line = f"The block is the smallest that keeps every share to within {most:.1%}."
                return [line]
        return [f"Of all blocks it keeps the shares best: the worst is off by {off:.0%}."]

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        return read_data(text, where)

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        block = blend.settings.get("mixture_block_size") or DEFAULT
        faults = _refusals(blend, block)
        shares = normalised(blend)
        if faults:
            return Drawn(shares, tuple(faults))
        counts = blocks(shares, block)
        count = all_units(self.unit, shares, blend, budget)
        units = counts / block
        if count is not None:
            units = counts * (round(count) / block)
        faults += _lost(blend, counts, shares, block)
        faults += changed(blend, units, _remedy_of_uneven(block))
        if count is not None:
            faults += _by_chance(blend, units)
            faults += self._ends(blend, units, budget)
        faults += _remarks(blend)
        return Drawn(units, tuple(faults), resolution=float(block))

    def _ends(
        self,
        blend: Blend,
        units: Array,
        budget: Budget,
    ) -> tuple[Fault, ...]:
        strategy = blend.settings.get("stop_strategy", RESTART)
        if strategy == FIRST:
            return first_exhausted(self.unit, units, blend, budget)
        if strategy == ALL:
            return last_exhausted(self.unit, units, blend, budget)
        return ()

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        block = units_that_keep(blend, lost)
        if block is None:
            return ""
        if block <= LARGEST:
            return f"a mixture_block_size of {block:,} or more reads all of them"
        return f"no block reads them: Levanter's hold {LARGEST:,} sequences at most"


def _components(document: Document) -> dict[str, Any]:
    """Returns where the text of each source of a stage lies."""
    names = set()
    for blend in document.blends:
        for entry in blend.entries:
            names.add(entry.path)
    components = {}
    for source in document.order.sources:
        if source.path not in names:
            continue
        component: dict[str, Any] = {"cache_dir": source.path}
        if source.files:
            urls = list(source.files)
            component = {"source": {"type": "url", "train_urls": urls}}
        components[source.path] = component
    return components


def _weights(blend: Blend) -> dict[str, float]:
    return {entry.path: entry.number for entry in blend.entries}


def _remedy_of_uneven(block: int) -> str:
    return f"{UNEVEN}; choose another mixture_block_size than {block:,}"


def _refusals(blend: Blend, block: int) -> list[Fault]:
    """Returns the faults by which the trainer stops before it trains."""
    faults = []
    for entry in blend.entries:
        if entry.number < 0:
            message = f"{entry.path} has {entry.number:g}; give it a weight from 0 on"
            faults.append(Fault(REFUSED, message))
    if numbers_of(blend).sum() == 0:
        faults.append(Fault(REFUSED, "the weights sum to 0; give a source a weight above 0"))
    if not 1 <= block <= LARGEST:
        message = f"mixture_block_size is {block:,}; choose one from 1 to {LARGEST:,}"
        faults.append(Fault(REFUSED, message))
    strategy = blend.settings.get("stop_strategy", RESTART)
    if strategy not in STRATEGIES:
        names = ", ".join(STRATEGIES)
        faults.append(Fault(REFUSED, f"stop_strategy is {strategy}; use one of {names}"))
    return faults


def _lost(
    blend: Blend,
    counts: Array,
    shares: Array,
    block: int,
) -> list[Fault]:
    """Returns a fault for each source that a block holds nothing of, with the remedy."""
    size = f"{block:,} sequences"
    if "mixture_block_size" not in blend.settings:
        size += ", the default,"
    faults = []
    for entry, count, share in zip(blend.entries, counts.tolist(), shares.tolist(), strict=True):
        if share == 0 or count > 0:
            continue
        message = f"{entry.path} ({entry.number:g}) is never read: a block of {size} holds"
        least = math.ceil(1 / share)
        remedy = f"set mixture_block_size to {least:,} or more"
        if least > LARGEST:
            remedy = f"{LARGEST:,} is the largest; leave it out, or give it more"
        faults.append(Fault(LOST, f"{message} {share * block:.2g} of it; {remedy}"))
    return faults


def _by_chance(blend: Blend, units: Array) -> list[Fault]:
    """Returns a fault for each source of which less than a sequence is to be expected."""
    faults = []
    for entry, count in zip(blend.entries, units.tolist(), strict=True):
        if 0 < count < 1:
            message = (
                f"{entry.path}: {count:.2g} of its sequences is to be expected, as the training is"
                " shorter than a block; lower mixture_block_size, or leave it out"
            )
            faults.append(Fault(CHANGED, message))
    return faults


def _remarks(blend: Blend) -> list[Fault]:
    """Returns what cuts the sources, which the passes that are listed do not know of."""
    faults = []
    experiment = blend.settings.get("experiment_budget")
    target = blend.settings.get("target_budget")
    if experiment and target:
        part = experiment / target
        message = (
            f"experiment_budget and target_budget cut every source to {part:.3g} of it: passes are"
            f" {1 / part:,.3g} times those that are listed"
        )
        faults.append(Fault(REMARK, message))
        if experiment > target:
            message = "experiment_budget is above target_budget; exchange them"
            faults.append(Fault(REFUSED, message))
    cut = blend.settings.get("max_train_batches")
    if cut:
        names = ", ".join(cut)
        message = f"max_train_batches cuts {names}: passes are more than those that are listed"
        faults.append(Fault(REMARK, message))
    if cut and (experiment or target):
        message = "max_train_batches does not go with experiment_budget; leave one of them out"
        faults.append(Fault(REFUSED, message))
    return faults
