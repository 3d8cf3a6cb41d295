"""Wide tables as others publish them: one row a run, its id, then one column a domain or target."""

import csv
import logging
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.mixture import Array

# Beside the first column, columns of these names say which run a row is. They hold no values.
IDENTITIES = ("run", "name", "index", "id")
SEPARATORS = "_/-.: "
# A row's sum may miss 1 by this much: 17 weights of three decimals may miss it by 0.0085.
ROUNDING = 0.01
# A sum that misses 1 by less than this is exact but for the last bits.
EXACT = 1e-9
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Cells:
    """A table as text, before its cells are read as numbers; blank lines are left out."""

    # what messages call the table: the path of a file, the name of a DataFrame
    source: str
    heading: list[str]
    # one list of cells for each line
    rows: list[list[str]]
    # number of each row, for messages: its line in a file, its position in a DataFrame
    lines: list[int]
    # what such a number counts
    unit: str = "line"

    @property
    def head(self) -> str:
        """What messages call the row of headings."""
        return _head(self.source, self.unit)

    def line(self, row: int) -> str:
        """What messages call a row."""
        return f"{self.source}: {self.unit} {self.lines[row]}"


@dataclass(frozen=True)
class Wide:
    """A table of numbers whose rows have an id."""

    # what messages call the table: the path of a file, the name of a DataFrame
    source: str
    # heading of the ids
    key: str
    ids: tuple[str, ...]
    # number of each row, for messages
    lines: tuple[int, ...]
    # names without the words that all headings have in common
    columns: tuple[str, ...]
    # (rows, columns)
    values: Array
    # what the numbers of rows count
    unit: str = "line"

    @property
    def head(self) -> str:
        """What messages call the row of headings."""
        return _head(self.source, self.unit)

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
        table = self._select(sorted(range(len(self.ids)), key=self.ids.__getitem__))
        order = sorted(range(len(self.columns)), key=self.columns.__getitem__)
        columns = tuple(self.columns[k] for k in order)
        values = np.ascontiguousarray(table.values[:, order])
        return replace(table, columns=columns, values=values)

    def _select(self, rows: list[int]) -> "Wide":
        ids = tuple(self.ids[row] for row in rows)
        lines = tuple(self.lines[row] for row in rows)
        return replace(self, ids=ids, lines=lines, values=self.values[np.array(rows, int)])


def _head(source: str, unit: str) -> str:
    return f"{source}: line 1" if unit == "line" else source


def read_wide(table: Path | Cells, holes: bool = False) -> Wide:
    """Reads a table of numbers; its first column is the id of a row.

    Args:
        table: a CSV file, or the cells of a table.
        holes: whether a cell may be empty, NaN or infinite; such a cell is then NaN.

    Raises:
        MixwrightError: a line is too short or too long, a cell is no number, an id stands twice.
    """
    cells = table if isinstance(table, Cells) else read_cells(table)
    chosen = _value_columns(cells)
    headings = [cells.heading[k] for k in chosen]
    values = np.empty((len(cells.rows), len(chosen)))
    ids = tuple(content[0] for content in cells.rows)
    wide = Wide(
        source=cells.source,
        key=cells.heading[0] or "id",
        ids=ids,
        lines=tuple(cells.lines),
        columns=short_names(headings),
        values=values,
        unit=cells.unit,
    )
    for row, content in enumerate(cells.rows):
        if len(content) != len(cells.heading):
            raise MixwrightError(
                f"{cells.line(row)}: {len(content)} cells under {len(cells.heading)} headings;"
                " complete the line or drop it"
            )
        for k, column in enumerate(chosen):
            values[row, k] = _number(wide, row, headings[k], content[column], holes)
    _check_ids(wide)
    return wide


def _value_columns(cells: Cells) -> list[int]:
    """Returns the positions of the columns that hold values, and checks the headings."""
    chosen, ignored = [], []
    for k, name in enumerate(cells.heading):
        if k == 0:
            continue
        if name.lower() in IDENTITIES:
            ignored.append(name)
        else:
            chosen.append(k)
    if not chosen or not cells.rows:
        raise MixwrightError(
            f"{cells.head}: a table is an id column, one column a domain or target, one line a run,"
            " set apart by commas; add what is missing"
        )
    for k, name in enumerate(cells.heading):
        if name in cells.heading[:k]:
            raise MixwrightError(
                f"{cells.head}: column {name} stands there twice; keep one of the two"
            )
    if ignored:
        log.info(
            "%s: runs are told apart by %s; %s is set aside",
            cells.source,
            cells.heading[0],
            ", ".join(ignored),
        )
    return chosen


def read_weights(table: Path | Cells) -> Wide:
    """Reads mixtures, whose weights are shares of 1; takes off what rounding left of their sum.

    Raises:
        MixwrightError: there is one domain only, a weight is negative, or a row does not sum to 1
            within `ROUNDING`.
    """
    wide = read_wide(table)
    if len(wide.columns) < 2:
        raise MixwrightError(
            f"{wide.head}: one domain alone leaves nothing to mix; give a column a domain"
        )
    if (wide.values < 0).any():
        row, k = np.argwhere(wide.values < 0)[0].tolist()
        raise MixwrightError(
            f"{wide.where(row)}: {wide.columns[k]} has weight {wide.values[row, k]:g};"
            " weights are shares from 0 on, correct it or drop the row"
        )
    # Exact sums, so that the order of columns never matters.
    sums = np.array([math.fsum(row) for row in wide.values.tolist()])
    missing = np.abs(sums - 1)
    if (missing > ROUNDING).any():
        row = int((missing > ROUNDING).argmax())
        raise MixwrightError(
            f"{wide.where(row)}: the weights sum to {sums[row]:.4g}, not to 1 within {ROUNDING};"
            " complete its domains, or divide its weights by their sum"
        )
    if missing.max() > EXACT:
        log.info(
            "%s: %d of %d rows renormalised: rounding left their sums up to %.2g from 1",
            wide.source,
            int((missing > EXACT).sum()),
            len(missing),
            missing.max(),
        )
    return replace(wide, values=wide.values / sums[:, None])


def write_wide(
    path: Path, key: str, ids: Sequence[str], columns: Sequence[str], values: Array
) -> None:
    """Writes a line a row, numbers to the last bit.

    Args:
        key: the heading of the ids.
        values: (ids, columns).
    """
    with written(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([key, *columns])
        for name, row in zip(ids, values.tolist(), strict=True):
            writer.writerow([name, *row])


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """Returns the names without the words that all of them begin with or end with.

    Such words are `train_the_pile_` and `_val_loss`.
    """
    if len(names) < 2:
        return tuple(names)
    short = list(names)
    for direction in (1, -1):
        turned = [name[::direction] for name in short]
        common = _common_start(min(turned), max(turned))
        cut = 1 + max(common.rfind(mark) for mark in SEPARATORS)
        if cut and all(len(name) > cut for name in short):
            short = [name[cut:][::direction] for name in turned]
    return tuple(short)


def _common_start(first: str, second: str) -> str:
    """Returns what both begin with."""
    length = 0
    for one, other in zip(first, second, strict=False):
        if one != other:
            break
        length += 1
    return first[:length]


def read_cells(path: Path) -> Cells:
    """Reads a CSV file as text: the headings, and every line that is not blank."""
    rows, lines = [], []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            heading = [name.strip() for name in next(reader, [])]
            for row in reader:
                if any(row):
                    rows.append([cell.strip() for cell in row])
                    lines.append(reader.line_num)
    except OSError as error:
        reason = (error.strerror or "not readable").lower()
        raise MixwrightError(f"{path}: {reason}; correct the path") from None
    except (UnicodeDecodeError, csv.Error):
        raise MixwrightError(f"{path}: no CSV in UTF-8; save it as such") from None
    return Cells(str(path), heading, rows, lines)


def _number(wide: Wide, row: int, column: str, cell: str, holes: bool) -> float:
    """Returns the number in a cell, NaN for a hole."""
    try:
        value = float(cell or "nan")
        is_number = True
    except ValueError:
        value = math.nan
        is_number = False
    if math.isfinite(value):
        return value
    if holes and is_number:
        return math.nan
    raise MixwrightError(
        f"{wide.where(row)}: {column} is {cell or 'empty'}, no finite number;"
        " measure it again or drop the row"
    )


def _check_ids(wide: Wide) -> None:
    first: dict[str, int] = {}
    for name, line in zip(wide.ids, wide.lines, strict=True):
        place = f"{wide.source}: {wide.unit} {line}"
        if not name:
            raise MixwrightError(f"{place}: the id is empty; name the run or drop the row")
        if name in first:
            raise MixwrightError(
                f"{place} ({wide.key} {name}): the id stands on {wide.unit} {first[name]} already;"
                " keep one of the two rows"
            )
        first[name] = line
