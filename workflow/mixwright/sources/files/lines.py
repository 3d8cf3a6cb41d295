"""A row of a file with some of its columns, and what the readers of all forms share."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

from mixwright.errors import MixwrightError
from mixwright.sources.faults import Faults
from mixwright.sources.files.opening import Opened, not_utf8, opened
from mixwright.sources.files.spans import Span

T = TypeVar("T")
BOM = b"\xef\xbb\xbf"
# Most bytes of a file that are looked at together.
PIECE = 1 << 20
# Names of types of Python, as a user of JSON knows them.
KINDS = {
    "str": "text",
    "bytes": "binary data",
    "dict": "an object",
    "list": "a list",
    "NoneType": "null",
    "bool": "true or false",
}


class Line(dict[str, Any]):
    """Some columns of a row of a file, with what messages say of it."""

    __slots__ = ("_all", "_number", "_path", "_unit")

    def __init__(
        self,
        row: Mapping[str, Any] | None = None,
        path: Path | str = "",
        unit: str = "",
        number: int = 0,
        columns: Iterable[str] = (),
    ) -> None:
        """Keeps what `place` is made of: most rows are never named.

        Args:
            row: the columns.
            path: of the file.
            unit: what `number` counts: `line`, `row` or `byte`; "" where the file is one row.
            number: where the row stands.
            columns: all columns that the row has there.
        """
        super().__init__(row or {})
        self._path, self._unit, self._number, self._all = path, unit, number, columns

    @property
    def place(self) -> str:
        """Where the row stands: `/data/web.jsonl: line 17`."""
        if not self._unit:
            return str(self._path)
        return f"{self._path}: {self._unit} {self._number}"

    @place.setter
    def place(self, place: str) -> None:
        self._path, self._unit = place, ""

    @property
    def path(self) -> str:
        """Its file."""
        return str(self._path)

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that the row has in its file."""
        return tuple(self._all)

    @columns.setter
    def columns(self, columns: Iterable[str]) -> None:
        self._all = columns

    def at_place_of(self, line: "Line") -> None:
        """Takes over the place of another row."""
        self._path, self._unit, self._number = line._path, line._unit, line._number


class Scan:
    """The reading of one span: what is looked for, and how far it went."""

    def __init__(self, span: Span, columns: list[str], faults: Faults) -> None:
        """Begins before the first row.

        Args:
            span: what is read.
            columns: names of columns; `question.stem` is the field `stem` of the column `question`.
            faults: what happens to rows that cannot be read.
        """
        self.span = span
        self.columns = columns
        self.faults = faults
        # Bytes on disk of what was read.
        self.passed = 0.0
        # Bytes of the unpacked file up to the end of the last row.
        self.unpacked = 0

    @property
    def path(self) -> Path:
        """The file."""
        return self.span.path

    def chosen(self, value: Any, unit: str, number: int) -> Line:
        """Returns those of the columns that an object has."""
        if not isinstance(value, dict):
            raise MixwrightError(
                f"{self.path}: {unit} {number} is {kind_of(value)}, not an object;"
                ' write one object a line, such as {"text": "..."}'
            )
        row = {}
        for column in self.columns:
            has, content = pick(value, column)
            if has:
                row[column] = content
        return Line(row, self.path, unit, number, value)

    def not_utf8(self, offset: int, error: UnicodeDecodeError, line: int = 0) -> MixwrightError:
        """Returns the error of bytes that are not UTF-8.

        Args:
            offset: of the first such byte in the unpacked file.
            error: what decoding raised.
            line: its line; counted here where it is not known and somebody reads the message.
        """
        if not line and self.faults.names_next:
            line = _line_of(self.path, offset)
        return not_utf8(self.path, offset, line, error)


def beginning(scan: Scan, content: Opened, rows: Iterator[T]) -> Iterator[T]:
    """Yields the rows of the beginning of a file, until so many bytes on disk were read.

    Packed files can be read from their start alone. What is unpacked at a time holds many rows, or
    a part of one: how far the rows went is told by `scan.unpacked` when the next bytes were needed.
    """
    amount = scan.span.size if scan.span.amount is None else scan.span.amount
    before, done = content.disk.tell(), scan.unpacked
    half = None
    for row in rows:
        if content.disk.tell() != before:
            # So much of the disk holds all rows before this one, and half of it, more or less.
            place = before, (done + scan.unpacked) / 2
            if before >= amount:
                scan.passed += _passed(scan.span.size, done, half, place)
                return
            if half is None and 2 * before >= amount:
                half = place
        yield row
        before, done = content.disk.tell(), scan.unpacked
    scan.passed += scan.span.size


def _passed(
    size: int, done: int, half: tuple[int, float] | None, place: tuple[int, float]
) -> float:
    """How many bytes of a packed file hold as much, on average, as was read of its beginning.

    Text is packed the less the less came before it: the rest is taken to be like the second half
    of what was read.

    Args:
        size: bytes of the file on disk.
        done: bytes that were unpacked and read.
        half: a place in the middle: bytes on disk, and unpacked; None where nothing is known of it.
        place: the same of the end of what was read.
    """
    disk, unpacked = place
    if half is None or disk <= half[0] or unpacked <= half[1]:
        return disk * done / unpacked
    density = (unpacked - half[1]) / (disk - half[0])
    return size * done / (unpacked + density * (size - disk))


def kind_of(value: Any) -> str:
    """Returns what a value is, in words: `text`, `a list`, `int`."""
    name = type(value).__name__
    return KINDS.get(name, name)


def pick(row: Mapping[str, Any], column: str) -> tuple[bool, Any]:
    """Returns whether a row has a column, and its value; a dotted name goes into objects."""
    if column in row:
        return True, row[column]
    value: Any = row
    for field in column.split("."):
        if not isinstance(value, Mapping) or field not in value:
            return False, None
        value = value[field]
    return True, value


def _line_of(path: Path, offset: int) -> int:
    """The line, from 1, in which a byte of the unpacked file stands."""
    line = 1
    with opened(path) as file:
        while offset > 0:
            piece = file.read(min(PIECE, offset))
            if not piece:
                break
            line += piece.count(b"\n")
            offset -= len(piece)
    return line
