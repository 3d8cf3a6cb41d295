"""What a trainer will read, beside what was asked of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.arithmetic import never_drawn
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import FAULTS, LOST, PASSES, Blend, Budget, Fault
from mixwright.proposals.export.units import sizes_of, tokens_a_unit, units_of

# Passes over a source that are likely to be meant. Four cost little (arXiv 2305.16264); of scarce
# text inside a mixture 15 to 20 were fine.
MOST_PASSES = 20.0


@dataclass(frozen=True)
class Line:
    """A source: what was asked of it, what the file says, and what is read of it."""

    path: str
    # share of the tokens that was asked; None where nobody asked
    requested: float | None
    # as it stands in the file
    number: float
    # share of the tokens that is read; None where it cannot be known
    share: float | None
    # passes over the source; None where its size or the training's is unknown
    passes: float | None


@dataclass(frozen=True)
class Account:
    """One stage of a file: a line a source, and what goes wrong."""

    stage: str
    lines: tuple[Line, ...]
    faults: tuple[Fault, ...]
    # whether the trainer draws at random, about these shares
    random: bool

    @property
    def is_faulty(self) -> bool:
        """Whether something goes wrong that is more than a remark."""
        return any(fault.kind in FAULTS for fault in self.faults)


def account(
    trainer: Format,
    blend: Blend,
    budget: Budget,
    requested: Sequence[float] | None = None,
    most_passes: float = MOST_PASSES,
) -> Account:
    """Returns what a trainer reads of a stage.

    Args:
        trainer: the format.
        blend: what the file says of the stage.
        budget: tokens of the stage, and what there is of each source.
        requested: (entries,) shares of tokens that were asked; None where nobody asked.
        most_passes: over a source, above which it is a fault.
    """
    unit = trainer.unit_of(blend.settings)
    drawn = trainer.draw(blend, budget)
    shares = token_shares(unit, drawn.units, blend, budget)
    lines = []
    faults = [*blend.faults, *drawn.faults]
    listed = {fault.message.split(" (")[0] for fault in faults if fault.kind == LOST}
    for fault in never_drawn(blend, drawn.units):
        if fault.message.split(" (")[0] not in listed:
            faults.append(fault)
    sizes = sizes_of(blend, budget)
    known = _counted(drawn.units)
    for place, entry in enumerate(blend.entries):
        passes = None
        units = units_of(unit, sizes[place], budget.sequence, budget.packed)
        if known and units:
            passes = float(drawn.units[place]) / units
        if passes is not None and passes > most_passes:
            message = f"{entry.path} is read {passes:,.0f} times over"
            faults.append(Fault(PASSES, f"{message}; lower its weight, or find more of it"))
        asked_for = None if requested is None else float(requested[place])
        share = None if shares is None else float(shares[place])
        lines.append(Line(entry.path, asked_for, entry.number, share, passes))
    return Account(blend.name, tuple(lines), tuple(faults), drawn.random)


def tokens_of_stages(
    blends: Sequence[Blend],
    tokens: float | None,
) -> list[float | None]:
    """Returns the tokens of each stage of a training of `tokens`, by where the stages begin.

    All are given to each stage where the file does not tell where they begin.
    """
    begins = [blend.begins for blend in blends]
    if tokens is None or not any(begins):
        return [tokens] * len(blends)
    ends = [*begins[1:], tokens]
    result: list[float | None] = []
    for begin, end in zip(begins, ends, strict=True):
        length = end - begin
        # A stage that the training does not reach has none.
        result.append(length if length > 0 else None)
    return result


def token_shares(unit: str, units: Array, blend: Blend, budget: Budget) -> Array | None:
    """Returns (entries,) shares of the tokens that units hold; None where it cannot be known."""
    tokens = np.zeros(len(units))
    for place, size in enumerate(sizes_of(blend, budget)):
        held = tokens_a_unit(unit, size, budget.sequence, budget.packed)
        if held is None:
            return None
        tokens[place] = held * units[place]
    total = tokens.sum()
    return tokens / total if total > 0 else None


def _counted(units: Array) -> bool:
    """Whether units are numbers of units, and not shares of an unknown number."""
    return bool(units.sum() > 1 + 1e-6)
