"""From an order to a trainer's file: what it cannot read is dropped by name, and all is said."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array, Mixture
from mixwright.proposals.export.account import Account, account
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import Blend, Budget, Size
from mixwright.proposals.export.order import Order, Source, Stage

# What a mixture without some domains costs by a fit, in words; empty where no fit says it.
Cost = Callable[[Mixture, Mixture], str]


@dataclass(frozen=True)
class Dropped:
    """A source that a stage does without: a zero, or a share that the trainer would not read."""

    stage: str
    source: Source
    # of the stage's tokens
    share: float


@dataclass(frozen=True)
class Export:
    """A trainer's file, and what the trainer will read by it."""

    text: str
    # one a stage
    accounts: tuple[Account, ...]
    dropped: tuple[Dropped, ...]
    # plain sentences: what was dropped, at which cost, and what would keep it
    notes: tuple[str, ...]


def export(trainer: Format, order: Order, cost: Cost | None = None) -> Export:
    """Writes the file of an order, reads it back, and says what the trainer will read.

    Args:
        trainer: the format.
        order: what is asked.
        cost: says what dropping domains costs; None where no fit is at hand.

    Raises:
        MixwrightError: a size is unknown that the conversion needs, a name cannot be written, or
            the trainer knows no stages.
    """
    if len(order.stages) > 1 and not trainer.staged:
        raise MixwrightError(
            f"{trainer.name}: {trainer.trainer} knows no stages; export each stage by itself"
        )
    blends = []
    dropped: list[Dropped] = []
    notes: list[str] = []
    requested = []
    for stage in order.stages:
        budget = budget_of(order, stage)
        shares, without = _readable(trainer, order, stage, budget)
        dropped += without
        blends.append(_blend(trainer, order, stage, shares))
        requested.append(order.shares(stage))
        notes += _notes(trainer, order, stage, shares, without, cost)
    header = _header(trainer, order, notes)
    text = trainer.write(Document(_begun(order, blends), order, header))
    accounts = []
    for stage, blend, asked_for in zip(
        order.stages, trainer.read(text, trainer.name), requested, strict=True
    ):
        by_path = dict(zip([source.path for source in order.sources], asked_for, strict=True))
        of_entries = [by_path[entry.path] for entry in blend.entries]
        accounts.append(account(trainer, blend, budget_of(order, stage), of_entries))
    return Export(text, tuple(accounts), tuple(dropped), tuple(notes))


def budget_of(order: Order, stage: Stage) -> Budget:
    """Returns the budget of a stage: its tokens, and what there is of each source."""
    sizes = {}
    for source in order.sources:
        sizes[source.path] = Size(source.tokens, source.documents, source.rows)
    return Budget(stage.tokens, order.sequence, order.packed, sizes)


def _readable(
    trainer: Format, order: Order, stage: Stage, budget: Budget
) -> tuple[Array, list[Dropped]]:
    """Returns (sources,) shares that the trainer reads, and the sources that it does without.

    Without one source the others' shares grow, so that it asks again until nothing is lost.
    """
    wanted = order.shares(stage)
    shares = wanted.copy()
    while True:
        blend = _blend(trainer, order, stage, shares)
        drawn = trainer.draw(blend, budget)
        lost = set()
        for entry, units in zip(blend.entries, drawn.units.tolist(), strict=True):
            if units == 0:
                lost.add(entry.path)
        if not lost or len(lost) == len(blend.entries):
            break
        for place, source in enumerate(order.sources):
            if source.path in lost:
                shares[place] = 0.0
        shares = shares / shares.sum()
    dropped = []
    for place, source in enumerate(order.sources):
        if shares[place] == 0:
            dropped.append(Dropped(stage.name, source, float(wanted[place])))
    return shares, dropped


def _blend(trainer: Format, order: Order, stage: Stage, shares: Array) -> Blend:
    numbers = trainer.numbers(order, shares, stage.tokens)
    settings = trainer.blend_settings(order, numbers)
    return Blend(trainer.entries(order, numbers), settings, stage.name)


def _begun(order: Order, blends: Sequence[Blend]) -> tuple[Blend, ...]:
    """Returns the blends, each with the tokens before its stage."""
    begins = 0.0
    result = []
    for stage, blend in zip(order.stages, blends, strict=True):
        result.append(Blend(blend.entries, blend.settings, blend.name, begins))
        begins += stage.tokens or 0.0
    return tuple(result)


def _notes(
    trainer: Format,
    order: Order,
    stage: Stage,
    shares: Array,
    dropped: Sequence[Dropped],
    cost: Cost | None,
) -> list[str]:
    """What is dropped of a stage, what that costs by the fit, and what would keep it."""
    notes = []
    where = f"{stage.name}: " if stage.name else ""
    zeros = [drop.source.path for drop in dropped if drop.share == 0]
    if zeros:
        notes.append(f"{where}left out, for the weight is 0: {', '.join(zeros)}")
    lost = [drop for drop in dropped if drop.share > 0]
    if not lost:
        return notes
    for drop in lost:
        notes.append(
            f"{where}dropped: {drop.source.path} ({drop.share:.3g} of the tokens) is under what"
            f" {trainer.name} can read; the others grow in proportion"
        )
    if cost is not None:
        words = cost(stage.mixture, _mixture(order, shares))
        if words:
            notes.append(f"{where}predicted cost of what is dropped: {words}")
    whole = _blend(trainer, order, stage, order.shares(stage))
    paths = [drop.source.path for drop in lost]
    remedy = trainer.remedy(whole, paths, budget_of(order, stage))
    if remedy:
        notes.append(f"{where}{remedy}")
    return notes


def _mixture(order: Order, shares: Array) -> Mixture:
    """Returns the mixture of domains that shares of sources make."""
    weights: dict[str, float] = {}
    for source, share in zip(order.sources, shares.tolist(), strict=True):
        weights[source.domain] = weights.get(source.domain, 0.0) + share
    names = list(weights)
    values = np.array([weights[name] for name in names])
    return Mixture(tuple(names), values / values.sum())


def _header(trainer: Format, order: Order, notes: Sequence[str]) -> tuple[str, ...]:
    """The lines at the head of the file: whose it is, and what its numbers mean."""
    lines = [f"A mixture for {trainer.trainer}, written by mixwright.", trainer.meaning]
    if order.tokens is not None:
        lines.append(f"Planned: {order.tokens:.6g} training tokens.")
    if order.sequence is not None:
        lines.append(f"A sequence holds {order.sequence} tokens.")
    lines += notes
    return tuple(lines)
