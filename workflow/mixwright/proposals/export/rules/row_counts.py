"""Rows of sources: how many a training wants, how many there are, and sources named repeatedly.

Trainers that read one list of rows an epoch take a count, a factor or a share of each source.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.blend import ENDS, REMARK, ROWS, Blend, Budget, Entry, Fault
from mixwright.proposals.export.order import Order, budget_of
from mixwright.proposals.export.units import all_units, sizes_of, tokens_a_unit, units_of

# How often an entry may stand in a file, for trainers that repeat a source by naming it again.
MOST_COPIES = 20
# Rows of an epoch are as many as planned if they are within this of it.
CLOSE = 0.01
# Rows from which on a source is read: they are rounded.
LEAST = 0.5


@dataclass(frozen=True)
class Part:
    """What a file says of a source in one place."""

    path: str
    number: float
    # what tells the source from another one of the same path: a subset, a split, files
    others: Mapping[str, Any]


def rows_of(blend: Blend, budget: Budget) -> Array:
    """Returns (entries,) rows that there are of each entry; NaN where nobody knows."""
    rows = []
    for size in sizes_of(blend, budget):
        count = units_of(
            ROWS,
            size,
            budget.sequence,
            budget.packed,
        )
        rows.append(count)
    return np.array(rows, dtype=np.float64)


def rows_there(name: str, order: Order) -> Array:
    """Returns (sources,) whole rows that there are.

    Raises:
        MixwrightError: nobody knows them.
    """
    rows = np.zeros(len(order.sources))
    for place, source in enumerate(order.sources):
        count = units_of(ROWS, source.size, order.sequence, order.packed)
        if not count or count < 1:
            raise MixwrightError(
                f"{name}: it takes a part of the rows of a source, and nobody said how many"
                f" {source.path} has; add `rows:` of every source to --sources"
            )
        rows[place] = math.floor(count)
    return rows


def rows_wanted(name: str, order: Order, shares: Array, tokens: float, a_row: Array) -> Array:
    """Returns (sources,) rows that a training reads, as `whole_rows` has them.

    Args:
        name: of the format, for messages.
        order: the sources.
        shares: (sources,) of the tokens.
        tokens: of the training.
        a_row: (sources,) tokens of a row.

    Raises:
        MixwrightError: rows are packed to a length that nobody said.
    """
    if order.packed and order.sequence is None:
        raise MixwrightError(
            f"{name}: rows are packed, and nobody said how many tokens one holds; add --sequence"
        )
    return whole_rows(shares * tokens / a_row)


def passes_wanted(
    name: str,
    order: Order,
    wanted: Array,
    passes_of_rows: Callable[[float, float], float],
) -> Array:
    """Returns (sources,) passes over the rows of each source.

    Args:
        name: of the format.
        order: the sources.
        wanted: (sources,) rows that the training reads.
        passes_of_rows: from the rows that are wanted, and those of a source, to its passes.

    Raises:
        MixwrightError: nobody knows the rows of a source.
    """
    passes = []
    rows = rows_there(name, order).tolist()
    for count, there in zip(wanted.tolist(), rows, strict=True):
        passes.append(passes_of_rows(count, there))
    return np.array(passes)


def rows_of_passes(
    blend: Blend,
    budget: Budget,
    rows_taken: Callable[[float, float], float],
) -> Array:
    """Returns (entries,) rows of as many epochs as the training holds; of one where nobody knows.

    An epoch takes so many passes over each source as its number says. Where the rows of a source
    are unknown, those of all are NaN.

    Args:
        blend: the entries; a number is passes.
        budget: tokens of the stage, and what there is of each source.
        rows_taken: from passes, and the rows of a source, to the rows that an epoch takes.
    """
    units = np.full(len(blend.entries), np.nan)
    rows = np.floor(rows_of(blend, budget)).tolist()
    for place, entry in enumerate(blend.entries):
        if rows[place] > 0 and math.isfinite(entry.number):
            units[place] = rows_taken(entry.number, rows[place])
    total = units.sum()
    if not total > 0:
        return units
    count = all_units(ROWS, units / total, blend, budget)
    if count is None:
        return units
    return units / total * count


def whole_rows(wanted: Array) -> Array:
    """Returns rounded numbers of rows, and those under a half as they are.

    A format then tells by name what is too small; a 0 would not stand in its file at all.
    """
    rounded = np.round(wanted)
    return np.where(rounded > 0, rounded, wanted)


def needs_tokens(name: str, tokens: float | None) -> float:
    """Returns the tokens of the training.

    Raises:
        MixwrightError: nobody said them.
    """
    if tokens is None:
        raise MixwrightError(
            f"{name}: it counts rows, and nobody said how many tokens the training"
            " reads; add --tokens"
        )
    return tokens


def factor_of(count: float, rows: float) -> float:
    """Returns the least number near count / rows with int(rows * number) == count."""
    factor = count / rows
    while int(rows * factor) < int(count):
        factor = float(np.nextafter(factor, np.inf))
    return factor


def copies(name: str, path: str, wanted: float, rows: float) -> list[float]:
    """Returns the rows of each place where a source is named: whole copies, then the rest.

    Raises:
        MixwrightError: the source would stand in too many places.
    """
    whole = int(wanted // rows)
    if whole > MOST_COPIES:
        raise MixwrightError(
            f"{name}: {path} would repeat {wanted / rows:,.0f} times, and this trainer repeats a"
            f" source only where it is named again, here up to {MOST_COPIES} times;"
            " lower its weight or --tokens, or find more of it"
        )
    counts = [rows] * whole
    rest = wanted - whole * rows
    if rest > 0:
        counts.append(rest)
    return counts


def repeated(
    name: str,
    order: Order,
    wanted: Array,
    number_of_rows: Callable[[float, float], float],
) -> tuple[Entry, ...]:
    """Returns an entry a source, each named once for each of its passes, the last one in part.

    Args:
        name: of the format.
        order: the sources.
        wanted: (sources,) rows that the training reads.
        number_of_rows: from the rows of a place, and those of the source, to the number there.

    Raises:
        MixwrightError: a source would stand in too many places, or nobody knows its rows.
    """
    parts = []
    rows = rows_there(name, order).tolist()
    for source, count, there in zip(order.sources, wanted.tolist(), rows, strict=True):
        for of_place in copies(name, source.path, count, there):
            number = number_of_rows(of_place, there)
            parts.append(Part(source.path, number, {}))
    return joined(parts)


def joined(parts: Sequence[Part]) -> tuple[Entry, ...]:
    """Returns an entry a source: its number is the sum over the places where it is named.

    `settings["parts"]` are the numbers of the places, and `settings["others"]` the other keys.
    """
    places: dict[str, list[Part]] = {}
    for part in parts:
        name = part.path
        first = places.get(name, [part])[0]
        if first.others != part.others:
            name = f"{name} {json.dumps(part.others, default=str)}"
        places.setdefault(name, []).append(part)
    entries = []
    for name, of_name in places.items():
        numbers = tuple(part.number for part in of_name)
        settings = {
            "parts": numbers,
            "others": of_name[0].others,
        }
        entry = Entry(name, sum(numbers), settings=settings)
        entries.append(entry)
    return tuple(entries)


def of_epochs(
    blend: Blend,
    units: Array,
    budget: Budget,
    remedy: str,
) -> list[Fault]:
    """Returns the fault of epochs that hold fewer rows than the training, or more.

    Args:
        blend: the entries.
        units: (entries,) rows of all epochs.
        budget: tokens of the stage.
        remedy: what makes the training longer.
    """
    total = float(units.sum())
    if not total > 0:
        return []
    shares = units / total
    count = all_units(ROWS, shares, blend, budget)
    if count is None:
        return []
    part = total / count
    if abs(part - 1) <= CLOSE:
        return []
    if part < 1:
        message = f"the training ends at {part:.1%} of its tokens, after {total:,.0f} rows"
        return [Fault(ENDS, f"{message}; {remedy}")]
    message = f"the file feeds {part:.3g} times the tokens of the training"
    return [Fault(REMARK, f"{message}; stop it by max_steps")]


def tokens_that_keep(
    blend: Blend,
    lost: Sequence[str],
    budget: Budget,
    wanted: Array,
) -> str:
    """Returns the tokens of a training that reads a row of each lost source, in words.

    Args:
        blend: the entries.
        lost: their paths.
        budget: tokens of the stage.
        wanted: (entries,) rows that the training would read, less than a half of the lost.
    """
    if budget.tokens is None:
        return ""
    longest = 0.0
    for entry, count in zip(blend.entries, wanted, strict=True):
        if entry.path in lost and count > 0:
            tokens = budget.tokens * LEAST / float(count)
            longest = max(longest, tokens)
    if longest == 0:
        return ""
    return f"a training of {longest:.3g} tokens or more reads all of them"


def sizes_in_words(blend: Blend, order: Order) -> list[str]:
    """Returns a line a source: how many rows it has, and their mean tokens."""
    budget = budget_of(order, order.stages[0])
    rows = rows_of(blend, budget)
    lines = []
    for entry, size, count in zip(blend.entries, sizes_of(blend, budget), rows, strict=True):
        tokens = tokens_a_unit(
            ROWS,
            size,
            order.sequence,
            order.packed,
        )
        if tokens is not None and np.isfinite(count):
            line = f"{entry.path}: {count:,.0f} rows of {tokens:,.6g} tokens on average"
            lines.append(line)
    return lines
