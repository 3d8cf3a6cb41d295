"""The rows of a file of JSON: an object a line, or objects in a list or over several lines.

Memory follows the longest line or object. Lines are read one by one; other layouts piece by piece.
"""

import codecs
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from mixwright.errors import MixwrightError
from mixwright.sources.files.lines import BOM, PIECE, Line, Scan, beginning
from mixwright.sources.files.opening import Opened, opened_on_disk

# Bytes of a file that tell how it is laid out.
HEAD = 64_000
# Least bytes of a list that are read and decoded at a time.
STEP = 64_000
# Characters from the end of a piece in which an error may come from the cut.
NEAR_END = 32
SPACE = re.compile(r"[ \t\r\n]*")


def json_rows(scan: Scan) -> Iterator[Line]:
    """Yields the rows of a file of JSON with those of the columns that they have."""
    with opened_on_disk(scan.path) as content:
        if content.packing:
            lines = has_lines(scan.path)
        else:
            lines = _opens_with_lines(content.file.read(HEAD))
            content.file.seek(0)
        if not lines:
            yield from beginning(scan, content, _values(scan, content))
        elif content.packing or scan.span.is_file:
            yield from beginning(scan, content, _counted(scan, content.file))
        else:
            for start, stop in scan.span.windows():
                yield from _window(scan, content, start, stop)


def has_lines(path: Path) -> bool:
    """Returns whether a file of JSON has an object a line: it opens with no list, no bare brace."""
    with opened_on_disk(path) as content:
        try:
            head = content.file.read(HEAD)
        except (OSError, EOFError, ValueError):
            # It is refused where it is read.
            return True
    return _opens_with_lines(head)


def _opens_with_lines(head: bytes) -> bool:
    first = head.removeprefix(BOM).lstrip().partition(b"\n")[0].rstrip()
    return not first.startswith(b"[") and first != b"{"


def can_split_json(path: Path) -> bool:
    """Returns whether rows of a file of JSON can be read from any byte on."""
    with opened_on_disk(path) as content:
        if content.packing:
            return False
    return has_lines(path)


def _counted(scan: Scan, lines: IO[bytes]) -> Iterator[Line]:
    """The rows of the lines of a file from its start on."""
    for number, raw in enumerate(lines, 1):
        line = raw
        if number == 1:
            line = raw.removeprefix(BOM)
        offset = scan.unpacked
        scan.unpacked += len(raw)
        if not line or line.isspace():
            continue
        try:
            value = _parsed(scan, line, number, offset)
            row = scan.chosen(value, "line", number)
        except MixwrightError as error:
            scan.faults.row(error)
        else:
            yield row


def _window(scan: Scan, content: Opened, start: int, stop: int) -> Iterator[Line]:
    """The rows of the lines that begin in a range of an unpacked file, named by their bytes."""
    file = content.file
    offset = max(0, start - 1)
    file.seek(offset)
    line = b"\n" if start == 0 else b""
    while not line.endswith(b"\n"):
        line = file.readline(PIECE)
        offset += len(line)
        if not line:
            return
    while offset < stop:
        raw = file.readline()
        if not raw:
            return
        line = raw.removeprefix(BOM) if offset == 0 else raw
        if line and not line.isspace():
            try:
                value = _parsed(scan, line, 0, offset)
                row = scan.chosen(value, "byte", offset)
            except MixwrightError as error:
                scan.faults.row(error)
            else:
                yield row
        offset += len(raw)
        scan.passed += len(raw)


def _parsed(scan: Scan, line: bytes, number: int, offset: int) -> Any:
    """The value of one line.

    Args:
        scan: the reading, for messages.
        line: its bytes.
        number: which line of the file it is; 0 where nobody counted.
        offset: the byte of the file at which it starts.
    """
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        raise scan.not_utf8(offset + error.start, error, number) from None
    except (ValueError, RecursionError) as error:
        place = f"line {number}" if number else f"the line at byte {offset}"
        raise MixwrightError(
            f"{scan.path}: not readable as json ({place}, {_reason(line, error)});"
            " write one object a line, repair the line or leave it out"
        ) from None


def _reason(line: bytes, error: Exception) -> str:
    """What is wrong in a line that is not JSON, by its column."""
    if not isinstance(error, json.JSONDecodeError):
        return str(error).splitlines()[0]
    # The end of the line would be another line to the parser.
    column = min(error.pos, len(line.decode().rstrip("\r\n"))) + 1
    return f"column {column}: {error.msg}"


def _values(scan: Scan, content: Opened) -> Iterator[Line]:
    """The values of a file whose objects take several lines, or stand in one list.

    The parts of the file that hold no error are never held together.
    """
    pieces = _Pieces(scan, content)
    number = 0
    in_list = False
    while mark := pieces.next_mark():
        if mark == "[" and not in_list:
            in_list = pieces.open_list()
            continue
        value = pieces.value()
        number += 1
        scan.unpacked = pieces.offset
        if in_list:
            in_list = pieces.pass_comma()
        try:
            row = scan.chosen(value, "row", number)
        except MixwrightError as error:
            scan.faults.row(error)
        else:
            yield row


class _Pieces:
    """A file of JSON, of which so much is held as the next value needs."""

    def __init__(self, scan: Scan, content: Opened) -> None:
        self._scan = scan
        self._file = content.file
        self._decode = codecs.getincrementaldecoder("utf-8")()
        self._decoder = json.JSONDecoder()
        # What was read and decoded, and where in it the next value is looked for.
        self._text = ""
        self._at = 0
        # Bytes that were read.
        self._read = 0
        self._ended = False

    @property
    def offset(self) -> int:
        """About the byte of the unpacked file that the next value is looked for at."""
        return self._read - (len(self._text) - self._at)

    def next_mark(self) -> str:
        """Returns the next character that is no white space; "" at the end."""
        while True:
            match = SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def open_list(self) -> bool:
        """Goes behind the mark that opens a list; returns whether it has a value."""
        self._at += 1
        mark = self.next_mark()
        if not mark:
            raise self._error("Expecting value")
        if mark == "]":
            self._at += 1
        return mark != "]"

    def pass_comma(self) -> bool:
        """Goes behind a comma of a list, or its end; returns whether a value has to follow."""
        mark = self.next_mark()
        if mark not in (",", "]"):
            raise self._error("Expecting ',' delimiter")
        self._at += 1
        if mark == "," and self.next_mark() in ("", "]"):
            raise self._error("Expecting value")
        return mark == ","

    def value(self) -> Any:
        """Returns the next value and goes behind it."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except (ValueError, RecursionError) as error:
                if not self._is_cut(error) or not self._more():
                    raise self._error(str(error).splitlines()[0]) from None
                continue
            # A number at the end of a piece may go on.
            if end < len(self._text) or not self._more():
                self._at = end
                return value

    def _more(self) -> bool:
        """Reads as much again as is held; returns whether there was more."""
        if self._ended:
            return False
        piece = self._file.read(max(STEP, len(self._text) - self._at))
        self._ended = not piece
        # Bytes of a character that the piece before ended in.
        rest = len(self._decode.getstate()[0])
        if self._read == 0:
            self._read = len(BOM) if piece.startswith(BOM) else 0
            piece = piece.removeprefix(BOM)
        try:
            text = self._decode.decode(piece, final=self._ended)
        except UnicodeDecodeError as error:
            raise self._scan.not_utf8(self._read - rest + error.start, error) from None
        self._read += len(piece)
        self._text = self._text[self._at :] + text
        self._at = 0
        return not self._ended

    def _is_cut(self, error: Exception) -> bool:
        """Whether an error may come from the end of what was read, and not from the file."""
        if not isinstance(error, json.JSONDecodeError):
            return False
        near = error.pos > len(self._text) - NEAR_END
        return near or error.msg.startswith("Unterminated string")

    def _error(self, reason: str) -> MixwrightError:
        return MixwrightError(
            f"{self._scan.path}: not readable as json ({reason}); write one object a line"
        )
