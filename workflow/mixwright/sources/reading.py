"""The rows of one file: text, JSON or parquet. Only the columns that are asked for are looked at.

Other columns may hold what they like, a type that changes from row to row too.
"""

import json
import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from mixwright.errors import MixwrightError
from mixwright.sources.opening import PACKED, form_of, not_utf8, opened

log = logging.getLogger(__name__)

# Names of types of Python, as a user of JSON knows them.
KINDS = {
    "str": "text",
    "bytes": "binary data",
    "dict": "an object",
    "list": "a list",
    "NoneType": "null",
    "bool": "true or false",
}
# Rows of a parquet file in memory at a time.
BATCH = 1_000
BOM = b"\xef\xbb\xbf"
SPACE = re.compile(r"\s*")


class Line(dict[str, Any]):
    """Some columns of a row of a file, with what messages say of it."""

    # `/data/web.jsonl: line 17`
    place = ""
    # All columns that the row has there.
    columns: tuple[str, ...] = ()


def read_rows(path: Path, columns: list[str]) -> Iterator[Line]:
    """Yields the rows of a file with those of the columns that they have.

    A file without a byte, or with white space only, has no row; a line of the log says so.

    Args:
        path: a file of text (one row, whose column is `text`), of JSON (an object a line, or one
            list of objects), or a parquet file.
        columns: names of columns; `question.stem` is the field `stem` of the column `question`.

    Raises:
        MixwrightError: the file cannot be read. One line names the file, the place in it and the
            remedy.
    """
    form = form_of(path)
    rows = 0
    with opened(path) as file:
        if form == "text":
            lines = _text(path, file)
        elif form == "json":
            lines = _json(path, file, columns)
        else:
            lines = _parquet(path, file, columns)
        for line in lines:
            rows += 1
            yield line
    if not rows:
        log.warning("%s: empty, nothing is read of it", path)


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


def _text(path: Path, file: IO[bytes]) -> Iterator[Line]:
    """A file of text is one row, unless it is empty."""
    text = _decoded(path, file.read())
    if text.strip().strip("\ufeff"):
        yield _line({"text": text}, ["text"], str(path))


def _json(path: Path, file: IO[bytes], columns: list[str]) -> Iterator[Line]:
    """An object a line; a file that opens with a list, or with a brace alone, is read whole."""
    offset = 0
    opening = True
    for number, raw in enumerate(file, 1):
        line = raw
        if number == 1:
            line = raw.removeprefix(BOM)
        bare = line.strip()
        if bare and opening:
            opening = False
            if bare.startswith(b"[") or bare == b"{":
                yield from _whole_json(path, line + file.read(), columns)
                return
        if bare:
            value = _parsed(path, line, number, offset)
            yield _chosen(value, columns, f"{path}: line {number}")
        offset += len(raw)


def _parsed(path: Path, line: bytes, number: int, offset: int) -> Any:
    """The value of one line that starts at a byte of the file."""
    try:
        # Without its end, which would be another line to the parser.
        return json.loads(line.decode().rstrip("\r\n"))
    except UnicodeDecodeError as error:
        raise not_utf8(path, offset + error.start, number, error) from None
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        if isinstance(error, json.JSONDecodeError):
            reason = f"column {error.colno}: {error.msg}"
        raise MixwrightError(
            f"{path}: not readable as json (line {number}, {reason});"
            " write one object a line, repair the line or leave it out"
        ) from None


def _whole_json(path: Path, content: bytes, columns: list[str]) -> Iterator[Line]:
    """The values of a file whose objects take several lines, or stand in one list."""
    text = _decoded(path, content)
    decoder = json.JSONDecoder()
    number = 0
    start = _skip(text, 0)
    while start < len(text):
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            reason = str(error).splitlines()[0]
            raise MixwrightError(
                f"{path}: not readable as json ({reason}); write one object a line"
            ) from None
        values = value if isinstance(value, list) else [value]
        for row in values:
            number += 1
            yield _chosen(row, columns, f"{path}: row {number}")
        start = _skip(text, end)


def _skip(text: str, start: int) -> int:
    """The first place from `start` on that is no white space."""
    match = SPACE.match(text, start)
    return match.end() if match else start


def _decoded(path: Path, content: bytes) -> str:
    """The text of a whole file."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise not_utf8(path, error.start, line, error) from None


def _chosen(value: Any, columns: list[str], place: str) -> Line:
    """Those of the columns that an object has."""
    if not isinstance(value, dict):
        raise MixwrightError(
            f"{place} is {kind_of(value)}, not an object;"
            ' write one object a line, such as {"text": "..."}'
        )
    row = {}
    for column in columns:
        has, content = pick(value, column)
        if has:
            row[column] = content
    return _line(row, value, place)


def _parquet(path: Path, file: IO[bytes], columns: list[str]) -> Iterator[Line]:
    """The rows of a parquet file, a thousand at a time; a packed one is unpacked in memory."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source: Any = path
    size = path.stat().st_size
    if path.suffix.lower() in PACKED:
        content = file.read()
        size = len(content)
        source = pa.BufferReader(content)
    if not size:
        return
    number = 0
    try:
        table = pq.ParquetFile(source)
        names = table.schema_arrow.names
        tops = _tops(path, names, columns)
        if not tops:
            yield _line({}, names, str(path))
            return
        for batch in table.iter_batches(BATCH, columns=tops):
            for row in batch.to_pylist():
                number += 1
                line = _chosen(row, columns, f"{path}: row {number}")
                line.columns = tuple(names)
                yield line
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError) as error:
        reason = (str(error).splitlines() or [error.__class__.__name__])[0]
        raise MixwrightError(
            f"{path}: not readable as parquet ({reason}, after row {number});"
            " write the file again or leave it out"
        ) from None


def _tops(path: Path, names: list[str], columns: list[str]) -> list[str]:
    """The columns of the file to read for those that are asked for."""
    tops: list[str] = []
    for column in columns:
        top = column if column in names else column.split(".")[0]
        times = names.count(top)
        if times > 1:
            raise MixwrightError(
                f"{path}: it has the column {top} {times} times; leave one of that name"
            )
        if times and top not in tops:
            tops.append(top)
    return tops


def _line(row: dict[str, Any], columns: Iterable[str], place: str) -> Line:
    line = Line(row)
    line.columns = tuple(columns)
    line.place = place
    return line
