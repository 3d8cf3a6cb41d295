"""From an order to a trainer's file: what it cannot read is dropped by name, and all is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.account import MOST_PASSES, Account, account, with_remarks
from mixwright.proposals.export.base import Document, Format
from mixwright.proposals.export.blend import CHANGED, REMARK, Blend, Fault
from mixwright.proposals.export.notes import Cost, Dropped, notes_of_dropped
from mixwright.proposals.export.order import Order, Stage, budget_of
from mixwright.proposals.export.rules.arithmetic import FAR

# A stage that begins this part of it, or of the stage before, from where it should is remarked.
MOVED = 0.001


@dataclass(frozen=True)
class Export:
    """A trainer's file, and what the trainer will read by it."""

    text: str
    # one a stage
    accounts: tuple[Account, ...]
    dropped: tuple[Dropped, ...]
    # plain sentences: what was dropped, at which cost, and what would keep it
    notes: tuple[str, ...]

    @property
    def is_faulty(self) -> bool:
        """Whether something goes wrong by the file that is more than a remark."""
        return any(stage.is_faulty for stage in self.accounts)

    @property
    def sentences(self) -> tuple[str, ...]:
        """The notes, and what goes wrong in each stage."""
        lines = list(self.notes)
        for stage in self.accounts:
            lines += [fault.sentence for fault in stage.faults]
        return tuple(lines)


def export(
    trainer: Format,
    order: Order,
    cost: Cost | None = None,
    most_passes: float = MOST_PASSES,
) -> Export:
    """Writes the file of an order, reads it back, and says what the trainer will read.

    Args:
        trainer: the format.
        order: what is asked.
        cost: says what dropping domains costs; None where no fit is at hand.
        most_passes: over a source, above which it is a fault.

    Raises:
        MixwrightError: a size is unknown that the conversion needs, a name cannot be written, or
            the trainer knows no stages.
    """
    if len(order.stages) > 1 and not trainer.staged:
        raise MixwrightError(
            f"{trainer.name}: {trainer.trainer} knows no stages; export each stage by itself"
        )
    sources = order.sources
    order = order.with_weight()
    weightless = [source for source in sources if source not in order.sources]
    blends = []
    dropped: list[Dropped] = []
    notes: list[str] = []
    for stage in order.stages:
        shares, without = _readable(trainer, order, stage)
        without += [Dropped(stage.name, source, 0.0) for source in weightless]
        blends.append(_blend(trainer, order, stage, shares))
        dropped += without
        notes += notes_of_dropped(order, stage, without, trainer.name, cost)
        notes += _remedy(trainer, order, stage, without)
    header = _header(trainer, order, notes)
    document = Document(_begun(order, blends), order, header)
    text = trainer.write(document)
    accounts = _accounts(trainer, order, text, most_passes)
    return Export(text, accounts, tuple(dropped), tuple(notes))


def _accounts(
    trainer: Format,
    order: Order,
    text: str,
    most_passes: float,
) -> tuple[Account, ...]:
    """Reads a file back by the trainer's rule, an account a stage."""
    accounts = []
    blends = trainer.read(text, trainer.name)
    pairs = zip(order.stages, blends, strict=True)
    for place, (stage, blend) in enumerate(pairs):
        requested = requested_by_path(order, stage)
        of_entries = [requested[entry.path] for entry in blend.entries]
        budget = budget_of(order, stage)
        of_stage = account(trainer, blend, budget, of_entries, most_passes)
        unit = trainer.unit_of(blend.settings)
        of_stage = with_remarks(of_stage, unit, budget, most_passes)
        faults = (*of_stage.faults, *_moved(order, place, blend))
        accounts.append(replace(of_stage, faults=faults))
    return tuple(accounts)


def _moved(order: Order, place: int, blend: Blend) -> list[Fault]:
    """A fault, or a remark, of a stage that begins where a step or block does, and not as asked."""
    if not blend.begins:
        return []
    stage = order.stages[place]
    lengths = [near.tokens or 0.0 for near in order.stages[: place + 1]]
    planned = sum(lengths[:-1])
    off = abs(blend.begins - planned)
    # of the stage and the one before it
    shortest = min(lengths[-2:])
    if off <= MOVED * shortest:
        return []
    kind = CHANGED if off > FAR * shortest else REMARK
    message = f"{stage.name} begins after {blend.begins:.6g} tokens, and {planned:.6g} was asked"
    message = f"{message}: stages begin at whole steps and blocks; smaller ones come nearer"
    return [Fault(kind, message)]


def requested_by_path(order: Order, stage: Stage) -> Mapping[str, float]:
    """Returns path -> share of a stage's tokens that is asked."""
    paths = [source.path for source in order.sources]
    shares = order.shares(stage).tolist()
    return dict(zip(paths, shares, strict=True))


def _readable(trainer: Format, order: Order, stage: Stage) -> tuple[Array, list[Dropped]]:
    """Returns (sources,) shares that the trainer reads, and the sources that it does without.

    Without one source the others' shares grow, so that it asks again until nothing is lost.
    """
    wanted = order.shares(stage)
    shares = wanted
    while lost := _lost(trainer, order, stage, shares):
        is_read = [source.path not in lost for source in order.sources]
        shares = np.where(is_read, shares, 0.0)
        shares = shares / shares.sum()
    dropped = []
    for place, source in enumerate(order.sources):
        if shares[place] == 0:
            share = float(wanted[place])
            dropped.append(Dropped(stage.name, source, share))
    return shares, dropped


def _lost(trainer: Format, order: Order, stage: Stage, shares: Array) -> set[str]:
    """Returns the paths of which the trainer reads nothing; none where it would read none at all.

    Shares of zero are not among them. A number that comes out as 0 has no entry.
    """
    blend = _blend(trainer, order, stage, shares)
    drawn = trainer.draw(blend, budget_of(order, stage))
    read = set()
    for entry, units in zip(blend.entries, drawn.units.tolist(), strict=True):
        if units > 0:
            read.add(entry.path)
    if not read:
        return set()
    wanted = set()
    for source, share in zip(order.sources, shares.tolist(), strict=True):
        if share > 0:
            wanted.add(source.path)
    return wanted - read


def _blend(trainer: Format, order: Order, stage: Stage, shares: Array) -> Blend:
    numbers = trainer.numbers(order, shares, stage.tokens)
    settings = trainer.blend_settings(order, numbers)
    entries = trainer.entries(order, numbers)
    return Blend(entries, settings, stage.name)


def _begun(order: Order, blends: Sequence[Blend]) -> tuple[Blend, ...]:
    """Returns the blends, each with the tokens before its stage."""
    begins = 0.0
    result = []
    for stage, blend in zip(order.stages, blends, strict=True):
        result.append(replace(blend, begins=begins))
        begins += stage.tokens or 0.0
    return tuple(result)


def _remedy(trainer: Format, order: Order, stage: Stage, dropped: Sequence[Dropped]) -> list[str]:
    """What would keep the sources with weight that are dropped."""
    paths = [drop.source.path for drop in dropped if drop.share > 0]
    if not paths:
        return []
    whole = _blend(trainer, order, stage, order.shares(stage))
    remedy = trainer.remedy(whole, paths, budget_of(order, stage))
    if not remedy:
        return []
    return [stage.titled(remedy)]


def _header(trainer: Format, order: Order, notes: Sequence[str]) -> tuple[str, ...]:
    """The lines at the head of the file: whose it is, and what its numbers mean."""
    lines = [f"A mixture for {trainer.trainer}, written by mixwright.", trainer.meaning]
    if order.tokens is not None:
        lines.append(f"Planned: {order.tokens:.6g} training tokens.")
    if order.sequence is not None:
        lines.append(f"A sequence holds {order.sequence} tokens.")
    lines += notes
    return tuple(lines)
