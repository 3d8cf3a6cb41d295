"""A table of what a trainer really consumed of each source."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.proposals.export.blend import DOCUMENTS, ROWS, SEQUENCES, TOKENS
from mixwright.proposals.export.text.content import amount_of, text_of, two_columns

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
    lines = two_columns(text_of(path), str(path), ("source", "count"))
    if not lines:
        raise MixwrightError(f"{path}: it is empty; give two columns, source and count")
    _, _, heading = lines[0]
    unit = _unit(path, heading)
    counts: dict[str, float] = {}
    for place, name, cell in lines[1:]:
        if name in counts:
            raise MixwrightError(f"{place}: {name} stands twice; add its counts up")
        counts[name] = amount_of(cell, f"{place}: {name}") or 0.0
    total = sum(counts.values())
    if not total > 0:
        raise MixwrightError(f"{path}: nothing was consumed; give counts above 0")
    return Counts(str(path), unit, counts)


def _unit(path: Path, heading: str) -> str:
    """Returns what is counted, by the heading of the second column."""
    word = heading.strip().lower()
    if word not in UNITS:
        known = ", ".join(UNITS)
        raise MixwrightError(f"{path}: the second heading is {word!r}; write one of {known}")
    return UNITS[word]
