"""What a trainer will read, beside what was asked of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from mixwright.errors import shortened
from mixwright.mixture import Array
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import (
    FAULTS,
    LOST,
    PASSES,
    REMARK,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Fault,
    Size,
)
from mixwright.proposals.export.rules.arithmetic import never_drawn
from mixwright.proposals.export.units import are_counted, sizes_of, tokens_a_unit, units_of

# Passes over a source that are likely to be meant. Four cost little (arXiv 2305.16264); of scarce
# text inside a mixture 15 to 20 were fine.
MANY_PASSES, MOST_PASSES = 4.0, 20.0
# Parts of a sequence that packed rows hold on average: some end in padding.
LEAST_FILLED, MOST_FILLED = 0.5, 1.01
# Passes from which on no digit is of interest but the first.
COUNTLESS = 1e9
# Sources that a message lists.
LISTED = 4


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
    # by the trainer's rule
    drawn: Drawn = field(repr=False, compare=False)

    @property
    def random(self) -> bool:
        """Whether the trainer draws at random, about these shares."""
        return self.drawn.random

    @property
    def is_faulty(self) -> bool:
        """Whether something goes wrong that is more than a remark."""
        return any_faulty(self.faults)


def any_faulty(faults: Iterable[Fault]) -> bool:
    """Whether one of these is more than a remark."""
    return any(fault.kind in FAULTS for fault in faults)


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
    passes = passes_of(unit, drawn.units, blend, budget)
    lines = []
    for place, entry in enumerate(blend.entries):
        line = Line(
            path=entry.path,
            requested=_at(requested, place),
            number=entry.number,
            share=_at(shares, place),
            passes=passes[place],
        )
        lines.append(line)
    faults = [*blend.faults, *drawn.faults]
    faults += _not_named(never_drawn(blend, drawn.units), faults)
    faults += often_read(lines, most_passes)
    return Account(blend.name, tuple(lines), tuple(faults), drawn)


def _at(values: Sequence[float] | Array | None, place: int) -> float | None:
    if values is None:
        return None
    return float(values[place])


def _not_named(lost: Sequence[Fault], faults: Sequence[Fault]) -> list[Fault]:
    """The faults of lost sources that the format did not name itself."""
    named = set()
    for fault in faults:
        if fault.kind == LOST:
            named.add(_without_number(fault))
    return [fault for fault in lost if _without_number(fault) not in named]


def _without_number(fault: Fault) -> str:
    return fault.message.partition(" (")[0]


def often_read(lines: Sequence[Line], most_passes: float) -> list[Fault]:
    """Returns a fault for each source with more passes than are likely to be meant.

    A source that stands in several lines is read in each.
    """
    faults = []
    for path, passes in _passes_by_path(lines).items():
        if passes > most_passes:
            message = f"{path} is read {in_words(passes)} times over"
            faults.append(Fault(PASSES, f"{message}; lower its weight, or find more of it"))
    return faults


def _passes_by_path(lines: Sequence[Line]) -> dict[str, float]:
    """Returns path -> passes over a source, of all its lines; without those that are unknown."""
    passes: dict[str, float] = {}
    for line in lines:
        if line.passes is not None:
            passes[line.path] = passes.get(line.path, 0.0) + line.passes
    return passes


def in_words(passes: float) -> str:
    """Returns passes as text: whole ones, but three digits of few and of countless ones."""
    if MANY_PASSES < passes < COUNTLESS:
        return f"{passes:,.0f}"
    return f"{passes:.3g}"


def with_remarks(
    account: Account,
    unit: str,
    budget: Budget,
    most_passes: float = MOST_PASSES,
) -> Account:
    """Returns the account with remarks: sources of many passes, and passes that are unknown.

    Args:
        account: of a stage.
        unit: that the trainer draws.
        budget: of the stage.
        most_passes: over a source, above which it is a fault and no remark.
    """
    remarks = []
    for path, passes in _passes_by_path(account.lines).items():
        if MANY_PASSES < passes <= most_passes:
            message = f"{path} is read {passes:,.1f} times over"
            remarks.append(Fault(REMARK, f"{message}; up to four passes cost little"))
    remarks += _unlike_packed(account.lines, unit, budget)
    remarks += _unknown_shares(account, unit, budget)
    remarks += _unknown_passes(account.lines, unit, budget)
    return replace(account, faults=(*account.faults, *remarks))


def _unlike_packed(lines: Sequence[Line], unit: str, budget: Budget) -> list[Fault]:
    """A remark where the sizes of a source tell that its rows hold no sequence each."""
    if unit != ROWS or not budget.packed or budget.sequence is None:
        return []
    unlike = []
    held = 0.0
    for line in lines:
        size = budget.sizes.get(line.path, Size())
        if not size.rows or not size.tokens:
            continue
        part = size.tokens / size.rows / budget.sequence
        if not LEAST_FILLED <= part <= MOST_FILLED:
            held = held or size.tokens / size.rows
            unlike.append(line.path)
    if not unlike:
        return []
    message = f"--packed says {budget.sequence:,} tokens a row, and by its `tokens:` and `rows:`"
    message = f"{message} a row of {shortened(unlike, LISTED)} holds others (the first {held:,.0f})"
    return [Fault(REMARK, f"{message}; correct the sizes, or leave --packed out")]


def _unknown_shares(account: Account, unit: str, budget: Budget) -> list[Fault]:
    """A remark where nobody knows the tokens that are read: of which sources sizes lack."""
    if not account.drawn.units.sum() > 0:
        # the trainer stops
        return []
    unsized = []
    for line in account.lines:
        size = budget.sizes.get(line.path, Size())
        if tokens_a_unit(unit, size, budget.sequence, budget.packed) is None:
            unsized.append(line.path)
    if not unsized:
        return []
    of_which = shortened(unsized, LISTED)
    message = f"shares of tokens are unknown: {unit} are drawn, and nobody said how many tokens"
    message = f"{message} one of {of_which} holds; give `tokens:` and `{unit}:` of each"
    if unit == ROWS:
        message = f"{message}, or say --packed where rows are packed to one length"
    return [Fault(REMARK, message)]


def _unknown_passes(lines: Sequence[Line], unit: str, budget: Budget) -> list[Fault]:
    """A remark where passes are unknown: of which sources, and what to give."""
    sizes = {}
    for line in lines:
        if line.passes is None:
            sizes[line.path] = budget.sizes.get(line.path, Size())
    if not sizes:
        return []
    lacking = []
    if budget.tokens is None:
        lacking.append("--tokens of the training")
    unsized = [path for path, size in sizes.items() if _is_unsized(unit, size, budget)]
    if unsized:
        lacking.append(f"the sizes of {shortened(unsized, LISTED)}")
    if not lacking and budget.sequence is None:
        lacking.append("--sequence")
    if not lacking:
        # nothing is read of anything
        return []
    of_which = shortened(list(sizes), LISTED)
    message = f"passes over {of_which} are unknown; give {' and '.join(lacking)}"
    return [Fault(REMARK, message)]


def _is_unsized(unit: str, size: Size, budget: Budget) -> bool:
    """Whether nobody knows how much there is of a source."""
    in_units = units_of(unit, size, budget.sequence, budget.packed)
    return in_units is None and size.tokens is None


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


def passes_of(unit: str, units: Array, blend: Blend, budget: Budget) -> list[float | None]:
    """Returns (entries,) passes over each source; None where they are unknown.

    Units are compared with the units of the source, or else tokens with its tokens.
    """
    shares = token_shares(unit, units, blend, budget)
    passes: list[float | None] = []
    for place, size in enumerate(sizes_of(blend, budget)):
        most = units_of(unit, size, budget.sequence, budget.packed)
        if most and are_counted(units):
            passes.append(float(units[place]) / most)
        elif size.tokens and budget.tokens and shares is not None:
            tokens = float(shares[place]) * budget.tokens
            passes.append(tokens / size.tokens)
        else:
            passes.append(None)
    return passes
