"""A wide table as text: what a CSV file holds, and what may be wrong with its form."""

import csv
import io
import logging
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.sources.files.opening import UNPACK, packing_of

# What a cell without a number holds.
HOLES = frozenset(("", "na", "n/a", "#n/a", "none", "null", "<na>", "nat", "-", "--"))
# A heading that pandas gives a column without one.
UNNAMED = "Unnamed: "
FORM = (
    "a table is an id column, one column a domain or target, one line a run,"
    " set apart by commas; add what is missing"
)
# What else may stand between cells.
OTHERS = {";": "semicolons", "\t": "tabs", "|": "bars"}
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cells:
    """A table as text, before its cells are read as numbers; blank lines are left out."""

    # what messages call the table: the path of a file, the name of a DataFrame
    source: str
    heading: list[str]
    # one list of cells for each line, as many as there are headings
    rows: list[list[str]]
    # number of each row, for messages: its line in a file, its position in a DataFrame; of
    # several files `3 of more.csv`
    lines: list[int] | list[str]
    # what such a number counts
    unit: str = "line"

    @property
    def head(self) -> str:
        """What messages call the row of headings."""
        return f"{self.source}: line 1" if self.unit == "line" else self.source

    def line(self, row: int) -> str:
        """What messages call a row."""
        return f"{self.source}: {self.unit} {self.lines[row]}"

    @cached_property
    def columns(self) -> list["Column"]:
        """The table by columns."""
        columns = []
        for k, heading in enumerate(self.heading):
            texts = [row[k] for row in self.rows]
            columns.append(read_column(k, heading, texts, heading or self._place(k)))
        return columns

    def _place(self, position: int) -> str:
        """What messages call a column without a heading."""
        if self.unit == "line":
            return f"column {position + 1} (no heading)"
        if position == 0:
            return "the index"
        return f"column {position} (no heading)"


@dataclass(frozen=True, eq=False)
class Column:
    """A column of a table, as text and as numbers."""

    position: int
    heading: str
    texts: list[str]
    # (rows,) NaN where there is no number
    values: Array
    # (rows,) whether a cell holds what is neither a number nor a hole
    words: NDArray[np.bool_]
    # what messages call the column
    name: str

    @property
    def numbers(self) -> int:
        """How many cells hold a number."""
        return int((~np.isnan(self.values)).sum())

    @property
    def is_numeric(self) -> bool:
        """Whether the column holds numbers, but for a few cells."""
        return self.numbers > 0 and self.numbers >= self.words.sum()

    @cached_property
    def is_whole(self) -> bool:
        """Whether all cells that are not empty are whole numbers."""
        is_number = ~np.isnan(self.values)
        values = self.values[is_number]
        if self.words.any() or not len(values):
            return False
        is_whole = np.isfinite(values) & (values == np.round(values))
        return bool(is_whole.all())

    @cached_property
    def ids(self) -> list[str]:
        """The cells as ids: `3.0` is 3, as other programs write it."""
        if not self.is_whole:
            return self.texts
        names = []
        for text in self.texts:
            whole, _, rest = text.partition(".")
            names.append(text if rest.strip("0") or "e" in text.lower() else whole)
        return names

    @cached_property
    def is_unique(self) -> bool:
        """Whether no cell is empty and no two are alike."""
        return "" not in self.ids and len(set(self.ids)) == len(self.ids)

    @property
    def may_be_ids(self) -> bool:
        """Whether the cells may be names or numbers of runs: words, or whole numbers."""
        if not self.texts or not any(self.texts):
            return False
        return self.is_whole or bool(self.words.any())


def read_column(position: int, heading: str, texts: list[str], name: str) -> Column:
    """Reads the cells of a column as numbers; `name` is what messages call it."""
    values = np.full(len(texts), math.nan)
    words = np.zeros(len(texts), dtype=bool)
    for row, text in enumerate(texts):
        value = number(text)
        if value is None:
            words[row] = True
        else:
            values[row] = value
    return Column(position, heading, texts, values, words, name)


def numbers_of(columns: Sequence[Column], rows: int) -> Array:
    """Returns (rows, columns) numbers; NaN where there are none."""
    numbers = np.empty((rows, len(columns)))
    for k, column in enumerate(columns):
        numbers[:, k] = column.values
    return numbers


def number(cell: str) -> float | None:
    """Returns the number in a cell: NaN for a hole, None where there is none.

    Python's own forms, such as 1_000, are no numbers.
    """
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return math.nan if cell.lower() in HOLES else None


def clean_heading(name: object) -> str:
    """Returns a column's name as text; pandas calls a CSV column without one `Unnamed: 0`."""
    text = str(name).strip()
    return "" if text.startswith(UNNAMED) else text


def read_cells(path: Path) -> Cells:
    """Reads a CSV file as text: the headings, and every line that is not blank.

    Raises:
        MixwrightError: the file cannot be read, is no CSV with commas, a line is too short or too
            long, or a heading stands there twice.
    """
    text = _text(path)
    heading, rows, lines = _parsed(str(path), text)
    _check_separator(path, text, heading, rows)
    heading, rows = _without_loose_end(str(path), heading, rows)
    cells = Cells(str(path), heading, rows, lines)
    for row, content in enumerate(rows):
        if len(content) != len(heading):
            raise MixwrightError(
                f"{cells.line(row)}: {len(content)} cells under {len(heading)} headings;"
                " complete the line or drop it"
            )
    return checked(cells)


def checked(cells: Cells) -> Cells:
    """Returns the table without columns that have neither heading nor cells.

    Raises:
        MixwrightError: there is nothing in the table, or a heading stands there twice.
    """
    if not cells.rows or len(cells.heading) < 2:
        raise MixwrightError(f"{cells.head}: {FORM}")
    for name, count in Counter(cells.heading).items():
        if name and count > 1:
            raise MixwrightError(
                f"{cells.head}: column {name} stands there twice; keep one of the two"
            )
    for k in reversed(range(len(cells.heading))):
        if not cells.heading[k] and not any(row[k] for row in cells.rows):
            log.info(
                "%s: column %d has no heading and no cells; left out",
                cells.source,
                k + 1,
            )
            cells = _without(cells, k)
    return cells


def _without(cells: Cells, position: int) -> Cells:
    """Returns the table without a column."""
    after = position + 1
    heading = cells.heading[:position] + cells.heading[after:]
    rows = []
    for row in cells.rows:
        rows.append(row[:position] + row[after:])
    return replace(cells, heading=heading, rows=rows)


def _text(path: Path) -> str:
    """Returns the text of a file without its byte order mark."""
    try:
        with path.open("rb") as file:
            packing = packing_of(path, file)
            content = file.read()
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        raise MixwrightError(f"{path}: {reason}; correct the path") from None
    if packing:
        command = f"{UNPACK[packing]} {path.name}"
        raise MixwrightError(f"{path}: no CSV but a packed file; unpack it ({command})")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise MixwrightError(f"{path}: no CSV in UTF-8 but in UTF-16; save it as UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MixwrightError(f"{path}: no CSV in UTF-8; save it as UTF-8") from None
    if "\0" in text:
        raise MixwrightError(f"{path}: no CSV in UTF-8 (it holds zero bytes); save it as UTF-8")
    return text


def _parsed(
    source: str, text: str, separator: str = ","
) -> tuple[list[str], list[list[str]], list[int]]:
    """Returns the headings, the rows that are not blank, and their lines."""
    reader = csv.reader(
        io.StringIO(text, newline=""),
        delimiter=separator,
        skipinitialspace=True,
        strict=True,
    )
    rows, lines = [], []
    heading: list[str] = []
    try:
        for content in reader:
            row = [cell.strip() for cell in content]
            if any("\n" in cell or "\r" in cell for cell in row):
                raise MixwrightError(
                    f"{source}: line {reader.line_num}: a cell goes over two lines;"
                    " close its quotation mark, or write it in one line"
                )
            if not heading:
                heading = [clean_heading(cell) for cell in row]
            elif any(row):
                rows.append(row)
                lines.append(reader.line_num)
    except csv.Error as error:
        raise MixwrightError(
            f"{source}: line {reader.line_num}: no valid CSV ({error}); correct its quotation marks"
        ) from None
    return heading, rows, lines


def _check_separator(
    path: Path, text: str, heading: Sequence[str], rows: Sequence[Sequence[str]]
) -> None:
    """Refuses a table whose cells are set apart by something else than commas."""
    is_even = all(len(row) == len(heading) for row in rows)
    if len(heading) > 1 and is_even:
        return
    for mark, name in OTHERS.items():
        if mark not in text:
            continue
        try:
            other, others, _ = _parsed(str(path), text, mark)
        except MixwrightError:
            continue
        if len(other) > 1 and all(len(row) == len(other) for row in others):
            raise MixwrightError(
                f"{path}: line 1: a table is CSV, its cells set apart by commas, and this one has"
                f" {name}; save it with commas between cells and points in numbers"
            )


def _without_loose_end(
    source: str, heading: list[str], rows: list[list[str]]
) -> tuple[list[str], list[list[str]]]:
    """Takes off the empty cell after a comma at the end of every line, or of the headings' line."""
    widths = {len(row) for row in rows}
    if len(widths) != 1 or not heading:
        return heading, rows
    more = widths.pop() - len(heading)
    in_rows = more == 1 and not any(row[-1] for row in rows)
    in_headings = more == -1 and not heading[-1]
    if in_rows or in_headings:
        log.info("%s: a comma at the end of lines is passed over", source)
    if in_rows:
        rows = [row[:-1] for row in rows]
    elif in_headings:
        heading = heading[:-1]
    return heading, rows
