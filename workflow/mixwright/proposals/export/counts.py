"""A table of what a trainer really consumed of each source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import DOCUMENTS, ROWS, SEQUENCES, TOKENS
from mixwright.proposals.export.content import number_of, rows_of_csv

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
    rows = rows_of_csv(path)
    unit = _unit(path, rows)
    counts: dict[str, float] = {}
    for where, row in rows[1:]:
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
    count = number_of(cell, f"{where}: {name}")
    return name, count or 0.0


def _unit(path: Path, rows: Sequence[tuple[str, list[str]]]) -> str:
    """Returns what is counted, by the heading of the second column."""
    cells: list[str] = []
    if rows:
        _, cells = rows[0]
    if len(cells) != 2:
        raise MixwrightError(f"{path}: give two columns, source and count")
    heading = cells[1].strip().lower()
    if heading not in UNITS:
        known = ", ".join(UNITS)
        raise MixwrightError(f"{path}: the second heading is {heading!r}; write one of {known}")
    return UNITS[heading]
