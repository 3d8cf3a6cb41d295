"""Tables of several rounds of runs, read as one table: its columns are those that all have."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mixwright.errors import MixwrightError
from mixwright.measured.cells import Cells, Column, number
from mixwright.measured.headings import is_identity, is_row_number, names_runs
from mixwright.measured.keys import key_of

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stack:
    """Several tables, and one of the rows of all."""

    # columns that all have, in the order of the first
    cells: Cells
    # each table whole; headings as the first calls them
    parts: tuple[Cells, ...]

    @property
    def is_partial(self) -> bool:
        """Whether a table has a column that another lacks."""
        return any(self.alone(part) for part in self.parts)

    def alone(self, part: Cells) -> list[str]:
        """Returns the headings of a table that another table lacks."""
        return [name for name in part.heading if name not in self.cells.heading]

    def refuse(self, part: Cells, name: str, remedy: str = "") -> MixwrightError:
        """Returns the error of a column of this table that another lacks."""
        without = next(other for other in self.parts if name not in other.heading)
        title = name or "the column without a heading"
        return MixwrightError(
            f"{without.head}: {title} is a column of {part.source} and not of this table;"
            f" give both the same columns{remedy}"
        )


def stack(tables: Sequence[Cells], key: str | None = None) -> Stack:
    """Returns the rows of several tables as those of one.

    Columns are matched by their headings. The column of ids may be called otherwise. What not all
    tables have is left out: `check_counted` says whether it counts.

    Args:
        key: the heading that a person says tells the runs apart.

    Raises:
        MixwrightError: no column of ids is in all tables, and one has some.
    """
    first = tables[0]
    parts = [first]
    for table in tables[1:]:
        parts.append(_alike(table, first, key))
    shared = list(first.heading)
    for part in parts[1:]:
        shared = [name for name in shared if name in part.heading]
    if len(parts) == 1:
        return Stack(first, (first,))
    rows: list[list[str]] = []
    lines: list[str] = []
    for part in parts:
        order = [part.heading.index(name) for name in shared]
        for row in part.rows:
            rows.append([row[k] for k in order])
        for line in part.lines:
            lines.append(f"{line} of {part.source}")
    source = ", ".join(part.source for part in parts)
    result = Stack(Cells(source, shared, rows, lines, first.unit), tuple(parts))
    _check_ids(result)
    return result


def _alike(part: Cells, first: Cells, key: str | None) -> Cells:
    """The table with its column of ids called as the first table calls it."""
    heading = list(part.heading)
    name = heading[0]
    if name in first.heading or not is_identity(name):
        return part
    if any(column.heading in heading for column in _ids(first)):
        return part
    missing = [column for column in first.columns if column.heading not in heading]
    meant = _called(first, missing, key)
    if meant is None:
        return part
    log.info("%s: its column %s is taken for %s", part.source, name, meant or "that of the ids")
    return replace(part, heading=[meant, *heading[1:]])


def _called(first: Cells, missing: Sequence[Column], key: str | None) -> str | None:
    """The heading of the first table's ids, of those that another table lacks; None: no such."""
    headings = [column.heading for column in missing]
    if key in headings:
        return key
    able = []
    for column in missing:
        all_words = all(number(text) is None for text in column.texts)
        if is_identity(column.heading) or all_words:
            able.append(column)
    if not able:
        return None
    rows = [list(row) for row in zip(*[column.texts for column in able], strict=True)]
    candidates = Cells(first.source, [column.heading for column in able], rows, first.lines)
    name = key_of(candidates, ()).heading
    if name in candidates.heading:
        return name
    # ids that are no whole numbers, under a heading that says so
    return able[0].heading


def _ids(cells: Cells) -> list[Column]:
    """The columns that name the runs, by their headings and by what they hold."""
    names = []
    for column in cells.columns:
        heading = column.heading
        by_heading = is_identity(heading) and not is_row_number(heading)
        may_name = by_heading or bool(column.words.all())
        if names_runs(heading) or (may_name and column.may_be_ids and column.is_unique):
            names.append(column)
    return names


def _check_ids(result: Stack) -> None:
    """Refuses tables of which one names its runs by a column that another lacks."""
    shared = set(result.cells.heading)
    for part in result.parts:
        names = [column.heading for column in _ids(part)]
        if names and not shared & set(names):
            raise result.refuse(part, names[0])
