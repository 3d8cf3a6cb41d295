"""A table of what a trainer really consumed of each source."""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import DOCUMENTS, ROWS, SEQUENCES, TOKENS
from mixwright.proposals.export.content import amount_of, text_of

# Headings of the counts -> what is counted.
UNITS = {
    "count": TOKENS,
    "tokens": TOKENS,
    "sequences": SEQUENCES,
    "rows": ROWS,
    "documents": DOCUMENTS,
}


@dataclass(frozen=True)
class Counts:
    """What a trainer consumed of each source."""

    # what messages call the table
    where: str
    # of the numbers
    unit: str
    # source, as the table calls it -> count
    of_source: Mapping[str, float]


def read_counts(path: Path) -> Counts:
    """Reads a table of two columns: a source, and what was consumed of it.

    The heading of the second says the unit: count or tokens, sequences, rows, documents.

    Raises:
        MixwrightError: the table is faulty.
    """
    rows = list(csv.reader(io.StringIO(text_of(path))))
    unit = _unit(path, rows)
    counts: dict[str, float] = {}
    for number, row in enumerate(rows[1:], start=2):
        where = f"{path}: line {number}"
        if row:
            name, count = _count(row, where)
            if name in counts:
                raise MixwrightError(f"{where}: {name} stands twice; add its counts up")
            counts[name] = count
    total = sum(counts.values())
    if not total > 0:
        raise MixwrightError(f"{path}: nothing was consumed; give counts above 0")
    return Counts(str(path), unit, counts)


def _count(row: list[str], where: str) -> tuple[str, float]:
    """Returns the source of a line, and its count."""
    if len(row) != 2:
        raise MixwrightError(f"{where} has {len(row)} cells; give source and count")
    name, cell = row
    count = amount_of(cell, f"{where}: {name}")
    return name, count or 0.0


def _unit(path: Path, rows: list[list[str]]) -> str:
    """Returns what is counted, by the heading of the second column."""
    if not rows or len(rows[0]) != 2:
        raise MixwrightError(f"{path}: give two columns, source and count")
    heading = rows[0][1].strip().lower()
    if heading not in UNITS:
        known = ", ".join(UNITS)
        raise MixwrightError(f"{path}: the second heading is {heading!r}; write one of {known}")
    return UNITS[heading]
