"""Tables of several rounds of runs, read as one table."""

import logging
from collections.abc import Sequence

from mixwright.errors import MixwrightError
from mixwright.measured.cells import Cells, number
from mixwright.measured.headings import is_identity

log = logging.getLogger(__name__)


def stacked(parts: Sequence[Cells]) -> Cells:
    """Returns the rows of several tables as those of one, its columns in the first one's order.

    Columns are matched by their headings. The first column may be called otherwise where it holds
    the ids: both headings are such as ids have, or the first table's cells are no numbers.

    Raises:
        MixwrightError: a table lacks a column of the first, or has one that the first has not.
    """
    if len(parts) == 1:
        return parts[0]
    first = parts[0]
    rows: list[list[str]] = []
    lines: list[str] = []
    for part in parts:
        heading = _alike(part, first)
        order = [heading.index(name) for name in first.heading]
        for row in part.rows:
            rows.append([row[k] for k in order])
        for line in part.lines:
            lines.append(f"{line} of {part.source}")
    source = ", ".join(part.source for part in parts)
    return Cells(source, first.heading, rows, lines, first.unit)


def _alike(part: Cells, first: Cells) -> list[str]:
    """The headings of a table, as the first table calls them."""
    heading = list(part.heading)
    missing = [name for name in first.heading if name not in heading]
    more = [name for name in heading if name not in first.heading]
    renamed = missing == first.heading[:1] and more == heading[:1]
    if renamed and is_identity(more[0]) and _holds_ids(first):
        log.info("%s: its column %s is taken for %s", part.source, more[0], missing[0])
        return [missing[0], *heading[1:]]
    for names, without, beside in ((missing, part, first), (more, first, part)):
        if names:
            name = names[0] or "the column without a heading"
            raise MixwrightError(
                f"{without.head}: {name} is a column of {beside.source} and not of this table;"
                " give both the same columns"
            )
    return heading


def _holds_ids(table: Cells) -> bool:
    """Whether the first column tells runs apart, and holds no losses or weights."""
    if is_identity(table.heading[0]):
        return True
    return all(number(row[0]) is None for row in table.rows)
