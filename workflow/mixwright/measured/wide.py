"""Wide tables of numbers as others publish them: one row a run, its id, then a column a number."""

import csv
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.measured.cells import FORM, Cells, Column, numbers_of, read_cells
from mixwright.measured.headings import is_identity, short_names
from mixwright.measured.keys import check_ids
from mixwright.mixture import Array


@dataclass(frozen=True)
class Wide:
    """A table of numbers whose rows have an id."""

    # what messages call the table: the path of a file, the name of a DataFrame
    source: str
    # heading of the ids
    key: str
    ids: tuple[str, ...]
    # number of each row, for messages
    lines: tuple[int | str, ...]
    # headings
    columns: tuple[str, ...]
    # (rows, columns)
    values: Array
    # what the numbers of rows count
    unit: str = "line"

    @property
    def head(self) -> str:
        """What messages call the row of headings."""
        return f"{self.source}: line 1" if self.unit == "line" else self.source

    def where(self, row: int) -> str:
        """The table, the line and the id of a row, for a message."""
        line = self.lines[row]
        run = self.ids[row]
        return f"{self.source}: {self.unit} {line} ({self.key} {run})"

    def without(self, ids: Collection[str]) -> "Wide":
        """Returns the table without the rows of these ids."""
        rows = [row for row, name in enumerate(self.ids) if name not in ids]
        return self._select(rows)

    def sorted(self) -> "Wide":
        """Returns rows sorted by id and columns by name, so that their order never matters."""
        by_id = order_of(self.ids)
        by_name = order_of(self.columns)
        table = self._select(by_id)
        values = table.values[:, by_name]
        return replace(
            table,
            columns=tuple(sorted(self.columns)),
            values=np.ascontiguousarray(values),
        )

    def _select(self, rows: list[int]) -> "Wide":
        ids = [self.ids[row] for row in rows]
        lines = [self.lines[row] for row in rows]
        chosen = np.array(rows, dtype=int)
        return replace(
            self,
            ids=tuple(ids),
            lines=tuple(lines),
            values=self.values[chosen],
        )


def order_of(names: Sequence[str]) -> list[int]:
    """Returns the positions of the names in the order of the alphabet."""
    return sorted(range(len(names)), key=names.__getitem__)


def read_wide(table: Path | Cells) -> Wide:
    """Reads a table whose first column is the id of a row, and whose others are all numbers.

    Columns have the names without the words that all headings share.

    Raises:
        MixwrightError: the table is faulty, a cell is no finite number, or an id stands twice.
    """
    cells = table if isinstance(table, Cells) else read_cells(table)
    key, *others = cells.columns
    columns = [column for column in others if not _names_rows(column)]
    if not columns:
        raise MixwrightError(f"{cells.head}: {FORM}")
    check_ids(cells, key)
    wide = Wide(
        source=cells.source,
        key=key.heading or "id",
        ids=tuple(key.texts),
        lines=tuple(cells.lines),
        columns=short_names([column.heading for column in columns]),
        values=numbers_of(columns, len(cells.rows)),
        unit=cells.unit,
    )
    _check_finite(wide, columns)
    return wide


def _names_rows(column: Column) -> bool:
    """Whether a column beside the first names the rows too."""
    return is_identity(column.heading) and column.may_be_ids


def _check_finite(wide: Wide, columns: Sequence[Column]) -> None:
    """Refuses a cell that is no finite number."""
    faulty = ~np.isfinite(wide.values)
    if not faulty.any():
        return
    row, k = np.argwhere(faulty)[0].tolist()
    cell = columns[k].texts[row] or "empty"
    raise MixwrightError(
        f"{wide.where(row)}: {columns[k].name} is {cell}, no finite number;"
        " measure it again or drop the row"
    )


def write_wide(
    path: Path, key: str, ids: Sequence[str], columns: Sequence[str], values: Array
) -> None:
    """Writes a line a row, numbers to the last bit.

    Args:
        key: the heading of the ids; where a column has it too, they stand under `run`.
        values: (ids, columns).
    """
    if key in columns:
        key = "run"
    while key in columns:
        key += "_id"
    with written(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([key, *columns])
        for name, row in zip(ids, values.tolist(), strict=True):
            writer.writerow([name, *row])


def write_rows(path: Path, rows: Iterable[Sequence[str]]) -> bool:
    """Writes rows of cells as CSV, headings first; returns whether a line of before is gone."""
    before = path.read_bytes() if path.is_file() else b""
    with written(path) as partial:
        with partial.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        lines = partial.read_bytes().splitlines()
        return not set(before.splitlines()) <= set(lines)
