"""What the columns of some rows hold: which is the text, and which one tells domains apart."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mixwright.study.draft.vocabulary import SPLITTING, TEXTS

# A column of fewer values tells nothing apart; one of more is no list of domains.
LEAST_VALUES, MOST_VALUES = 2, 50
# Rows for each value, at least.
ROWS_A_VALUE = 4
# The longest value, in characters, that names a domain.
LONGEST_VALUE = 80
# Share of the rows that a column has to stand in.
MOST_ROWS = 0.95
# A preferred column with less of the longest column's text than this is a title or a name.
LITTLE = 0.02
DEPTH = 4


@dataclass
class Column:
    """One column of the rows that were looked at; a dotted name is a field of an object."""

    name: str
    # rows that have it, and are not null
    rows: int = 0
    # UTF-8 bytes of its texts
    text_bytes: int = 0
    # kinds of its values: str, int, list ...
    kinds: Counter[str] = field(default_factory=Counter)
    # short texts -> rows
    values: Counter[str] = field(default_factory=Counter)

    @property
    def is_text(self) -> bool:
        """Whether all its values are texts."""
        return set(self.kinds) == {"str"}

    def add(self, value: Any) -> None:
        """Counts the value of one row."""
        if value is None:
            return
        self.rows += 1
        self.kinds[type(value).__name__] += 1
        if isinstance(value, str):
            self.text_bytes += len(value.encode(errors="replace"))
            if len(value) <= LONGEST_VALUE:
                self.values[value] += 1


def columns_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Column]:
    """Returns dotted name -> column, in the order in which the rows show them."""
    columns: dict[str, Column] = {}
    for row in rows:
        for name, value in _flat(row, "", DEPTH):
            columns.setdefault(name, Column(name)).add(value)
    return columns


def _flat(row: Mapping[str, Any], prefix: str, depth: int) -> Iterator[tuple[str, Any]]:
    """The values of a row and of the objects in it, by dotted names."""
    for key, value in row.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value and depth:
            yield from _flat(value, f"{name}.", depth - 1)
        else:
            yield name, value


def text_column(columns: Mapping[str, Column]) -> Column | None:
    """Returns the column that is most likely the text; None where none holds text."""
    texts = [column for column in columns.values() if column.is_text and column.text_bytes]
    if not texts:
        return None
    longest = max(texts, key=lambda column: column.text_bytes)
    for name in TEXTS:
        for column in texts:
            # `doc.text` is as likely as `text`, where there is no `text`
            is_named = column.name == name or column.name.endswith(f".{name}")
            if is_named and column.text_bytes > LITTLE * longest.text_bytes:
                return column
    return longest


def splitting_column(
    columns: Mapping[str, Column], rows: int, only: Sequence[str] = SPLITTING
) -> Column | None:
    """Returns the column whose values name collections; None where there is none.

    Args:
        columns: of the rows that were looked at.
        rows: how many rows there were.
        only: last parts of the names that such a column may have, the most likely first.
    """
    for name in only:
        for column in columns.values():
            if column.name.rpartition(".")[2].lower() == name and _tells_apart(column, rows):
                return column
    return None


def _tells_apart(column: Column, rows: int) -> bool:
    """Whether a column has few values, and one of them in about every row."""
    values = len(column.values)
    return (
        column.is_text
        and LEAST_VALUES <= values <= MOST_VALUES
        and values * ROWS_A_VALUE <= rows
        and sum(column.values.values()) >= MOST_ROWS * rows
    )


def value_of(row: Mapping[str, Any], name: str) -> Any:
    """Returns the value of a dotted column in a row; None where the row has none."""
    for key, value in _flat(row, "", DEPTH):
        if key == name:
            return value
    return None


def described(columns: Mapping[str, Column], leave_out: Sequence[str], most: int) -> str:
    """Returns the names of columns in one line, with the number of values where they are few."""
    names = []
    for column in columns.values():
        if column.name in leave_out:
            continue
        name = column.name
        if column.is_text and 1 < len(column.values) <= MOST_VALUES:
            name = f"{name} ({len(column.values)} values)"
        names.append(name)
    shown = ", ".join(names[:most])
    if len(names) > most:
        shown += f" and {len(names) - most} more"
    return shown
