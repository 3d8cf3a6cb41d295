"""Wide CSV tables as others publish them: one line a run, its id, one column a domain or a target."""

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

IDENTITIES = (
    "run",
    "name",
    "index",
    "id",
)  # further columns of these names beside the first say who a run is, not what it has
SEPARATORS = "_/-.: "
ROUNDING = 0.01  # of a row's sum: 17 weights of three decimals may miss 1 by .0085
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wide:
    """A table of numbers, its rows found by id; `lines` are those of the file."""

    path: Path
    key: str  # heading of the ids
    ids: tuple[str, ...]
    lines: tuple[int, ...]
    columns: tuple[str, ...]  # without what all headings have in common
    values: Array  # (rows, columns)

    def where(self, row: int) -> str:
        """The file, the line and the id of a row, for a message."""
        return f"{self.path}: line {self.lines[row]} ({self.key} {self.ids[row]})"

    def without(self, ids: Collection[str]) -> "Wide":
        """The rows of other ids than these."""
        rows = [row for row, name in enumerate(self.ids) if name not in ids]
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            lines=tuple(self.lines[i] for i in rows),
            values=self.values[np.array(rows, int)],
        )

    def sorted(self) -> "Wide":
        """Rows sorted by id and columns by name, so that their order in the file never matters."""
        rows = sorted(range(len(self.ids)), key=self.ids.__getitem__)
        order = sorted(range(len(self.columns)), key=self.columns.__getitem__)
        return replace(
            self,
            ids=tuple(self.ids[i] for i in rows),
            lines=tuple(self.lines[i] for i in rows),
            columns=tuple(self.columns[k] for k in order),
            values=self.values[np.ix_(rows, order)],
        )


def read_wide(path: Path, holes: bool = False) -> Wide:
    """Reads the table; the first column is the id. A line that is too short, a cell that is no number, an id twice are refused.

    With `holes` a cell that is empty, NaN or infinite is NaN.
    """
    heading, rows = read_cells(path)
    kept = [k for k, name in enumerate(heading) if k and name.lower() not in IDENTITIES]
    if not kept or not rows:
        raise MixwrightError(
            f"{path}: line 1: a table is an id column, one column a domain or target, one line a run, set apart by commas; add what lacks"
        )
    twice = next((name for k, name in enumerate(heading) if name in heading[:k]), None)
    if twice is not None:
        raise MixwrightError(
            f"{path}: line 1: column {twice} stands there twice; keep one of the two"
        )
    ids, lines = tuple(cells[0] for _, cells in rows), tuple(line for line, _ in rows)
    columns = short_names([heading[k] for k in kept])
    aside = [name for name in heading[1:] if name.lower() in IDENTITIES]
    if aside:
        log.info(
            "%s: runs are told apart by %s; %s is set aside", path, heading[0], ", ".join(aside)
        )
    table = Wide(path, heading[0] or "id", ids, lines, columns, np.empty((len(rows), len(kept))))
    for row, (line, cells) in enumerate(rows):
        if len(cells) != len(heading):
            raise MixwrightError(
                f"{path}: line {line}: {len(cells)} cells under {len(heading)} headings; complete the line or drop it"
            )
        table.values[row] = [_number(table, row, heading[k], cells[k], holes) for k in kept]
    _check_ids(table)
    return table


def read_weights(path: Path) -> Wide:
    """Reads mixtures: weights are shares of 1; what rounding left of a sum of 1 is taken off, and said."""
    table = read_wide(path)
    if len(table.columns) < 2:
        raise MixwrightError(
            f"{path}: line 1: one domain alone leaves nothing to mix; give a column a domain"
        )
    if (table.values < 0).any():
        row, k = np.argwhere(table.values < 0)[0].tolist()
        weight = f"{table.columns[k]} has weight {table.values[row, k]:g}"
        raise MixwrightError(
            f"{table.where(row)}: {weight}; weights are shares from 0 on, correct it or drop the row"
        )
    sums = np.array(
        [math.fsum(row) for row in table.values.tolist()]
    )  # exact, so that the order of columns never matters
    off = np.abs(sums - 1)
    if (off > ROUNDING).any():
        row = int((off > ROUNDING).argmax())
        remedy = "complete its domains, or divide its weights by their sum"
        raise MixwrightError(
            f"{table.where(row)}: the weights sum to {sums[row]:.4g}, not to 1 within {ROUNDING}; {remedy}"
        )
    if off.max() > 1e-9:
        missed = int((off > 1e-9).sum())
        log.info(
            "%s: %d of %d rows renormalised: rounding left their sums up to %.2g from 1",
            path,
            missed,
            len(off),
            off.max(),
        )
    return replace(table, values=table.values / sums[:, None])


def write_wide(
    path: Path, key: str, ids: Sequence[str], columns: Sequence[str], values: Array
) -> None:
    """Writes a line a row, numbers to the last bit."""
    with written(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow([key, *columns])
        out.writerows([name, *row] for name, row in zip(ids, values.tolist(), strict=True))


def short_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names without the words they all begin with and the words they all end with, such as train_the_pile_ and _val_loss."""
    short = list(names)
    for turn in (1, -1):
        turned = [name[::turn] for name in short]
        common = _common(min(turned), max(turned)) if len(short) > 1 else ""
        cut = 1 + max(common.rfind(mark) for mark in SEPARATORS)
        if cut and all(len(name) > cut for name in short):
            short = [name[::turn][cut:][::turn] for name in short]
    return tuple(short)


def _common(one: str, other: str) -> str:
    """What both begin with."""
    same = next(
        (i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )
    return one[:same]


def read_cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The headings, and every line that is not blank with its number."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            heading = [name.strip() for name in next(reader, [])]
            return heading, [
                (reader.line_num, [cell.strip() for cell in cells])
                for cells in reader
                if any(cells)
            ]
    except OSError as error:
        raise MixwrightError(
            f"{path}: {(error.strerror or 'not readable').lower()}; correct the path"
        ) from None
    except (UnicodeDecodeError, csv.Error):
        raise MixwrightError(f"{path}: no CSV in UTF-8; save it as such") from None


def _number(table: Wide, row: int, column: str, cell: str, holes: bool) -> float:
    try:
        value = float(cell or "nan")
    except ValueError:
        value, holes = math.nan, False
    if holes and not math.isfinite(value):
        return math.nan
    if not math.isfinite(value):
        raise MixwrightError(
            f"{table.where(row)}: {column} is {cell or 'empty'}, no finite number; measure it again or drop the row"
        )
    return value


def _check_ids(table: Wide) -> None:
    first: dict[str, int] = {}
    for row, name in enumerate(table.ids):
        if not name:
            raise MixwrightError(
                f"{table.path}: line {table.lines[row]}: the id is empty; name the run or drop the row"
            )
        if first.setdefault(name, row) != row:
            raise MixwrightError(
                f"{table.where(row)}: the id stands on line {table.lines[first[name]]} already; keep one of the two rows"
            )
