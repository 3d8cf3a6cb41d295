"""The documents of a file of text.

A small file is one document. A larger one is cut at its blank lines, or at its lines where it has
none. Where a document begins follows from the bytes around it alone, so that a file can be read in
ranges. Memory does not grow with the file, nor with its lines.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mixwright.sources.files.lines import BOM, PIECE, Line, Scan, beginning
from mixwright.sources.files.opening import Opened, opened_on_disk

# Most bytes of a file that is one document.
WHOLE = 64_000
# Paragraphs that begin in one block of so many bytes are one document.
BLOCK = 16_384
# Most bytes of a document: a longer paragraph or line is cut.
LONGEST = 1 << 20
# Most bytes of a line of white space that parts two paragraphs.
BLANK = 100
BLANK_LINE = re.compile(rb"\n[ \t\r\f\v]{0,98}\n")
WHITE = b" \t\r\n\f\v"

WHOLE_FILE, PARAGRAPHS, LINES = "one document", "paragraphs", "lines"


def text_rows(scan: Scan) -> Iterator[Line]:
    """Yields the documents of a file of text, each with the column `text`."""
    with opened_on_disk(scan.path) as content:
        how = WHOLE_FILE
        if content.packing or scan.span.size > WHOLE:
            how = layout(scan.path)
        if how == WHOLE_FILE:
            raw = content.file.read()
            scan.passed += scan.span.length
            yield from _lines(scan, [(0, raw)], unit="")
        elif content.packing:
            documents = _Documents(scan, content.file.readline, how == PARAGRAPHS)
            yield from _lines(scan, beginning(scan, content, documents.read(0, None)))
        else:
            for start, stop in scan.span.windows():
                yield from _lines(scan, _window(content, scan, start, stop, how))


def layout(path: Path) -> str:
    """Returns what the documents of a file of text are: one document, paragraphs or lines."""
    head = bytearray()
    with opened_on_disk(path) as content:
        try:
            while len(head) <= PIECE:
                piece = content.file.read(WHOLE)
                if not piece:
                    break
                head += piece
        except (OSError, EOFError, ValueError):
            # A packed file that is cut off: it is refused where it is read.
            pass
    if len(head) <= WHOLE:
        return WHOLE_FILE
    return PARAGRAPHS if BLANK_LINE.search(head) else LINES


def can_split_text(path: Path) -> bool:
    """Returns whether documents of a file of text can be read from any byte on."""
    with opened_on_disk(path) as content:
        if content.packing:
            return False
    return layout(path) != WHOLE_FILE


def _window(
    content: Opened, scan: Scan, start: int, stop: int, how: str
) -> Iterator[tuple[int, bytes]]:
    """The documents that begin in a range of an unpacked file, with the bytes where they do."""
    if how == PARAGRAPHS:
        # Documents begin where a block does.
        start = start // BLOCK * BLOCK
        if stop < scan.span.size:
            stop = stop // BLOCK * BLOCK
    file = content.file
    # A line that is blank, and so begins a paragraph, is no longer than BLANK.
    offset = max(0, start - BLANK - 1)
    file.seek(max(0, offset - 1))
    if offset:
        offset -= 1
        line = b""
        while not line.endswith(b"\n"):
            line = file.readline(PIECE)
            offset += len(line)
            if not line or offset >= stop:
                return
    documents = _Documents(scan, file.readline, how == PARAGRAPHS, offset)
    before = scan.unpacked
    yield from documents.read(start, stop)
    scan.passed += scan.unpacked - before


class _Documents:
    """Gathers the pieces of lines of a file into documents."""

    def __init__(
        self,
        scan: Scan,
        readline: Callable[[int], bytes],
        by_paragraph: bool,
        offset: int = 0,
    ) -> None:
        self._scan = scan
        self._readline = readline
        self._by_paragraph = by_paragraph
        # The byte of the file that is read next; a line begins there.
        self._offset = offset

    def read(self, first: int, stop: int | None) -> Iterator[tuple[int, bytes]]:
        """Yields (its first byte, content) of the documents that begin in a range of bytes."""
        held = bytearray()
        # Where the document that is gathered began, and where what is held of it does.
        begin = place = -1
        # Bytes of it, with what parts it from the next, that are not counted yet.
        size = 0
        goes_on = False
        after_blank = self._offset == 0
        while raw := self._readline(LONGEST):
            if not goes_on:
                blank = len(raw) <= BLANK and not raw.strip()
                if not blank and self._begins(after_blank, begin) and self._offset >= first:
                    self._scan.unpacked += size
                    size = 0
                    yield from _ended(place, held)
                    held.clear()
                    if stop is not None and self._offset >= stop:
                        return
                    begin = place = self._offset
                after_blank = blank
            goes_on = not raw.endswith(b"\n")
            self._offset += len(raw)
            if begin < 0:
                continue
            held += raw
            size += len(raw)
            while len(held) > LONGEST:
                end = _end(held)
                self._scan.unpacked += end
                size -= end
                yield place, bytes(held[:end])
                place += end
                del held[:end]
        self._scan.unpacked += size
        yield from _ended(place, held)

    def _begins(self, after_blank: bool, begin: int) -> bool:
        """Whether the line that begins at the offset begins a document."""
        if not self._by_paragraph:
            return True
        return after_blank and (begin < 0 or self._offset // BLOCK != begin // BLOCK)


def _ended(place: int, held: bytearray) -> Iterator[tuple[int, bytes]]:
    """The last piece of a document, without the ends of lines behind it."""
    last = len(held.rstrip(WHITE))
    if not last:
        return
    end = held.find(b"\n", last)
    if end < 0:
        end = len(held)
    elif held[end - 1 : end] == b"\r":
        end -= 1
    yield place, bytes(held[:end])


def _end(held: bytearray) -> int:
    """Where a document that is too long is cut: behind white space, or behind a character."""
    places = [held.rfind(mark, LONGEST // 2, LONGEST) for mark in (b" ", b"\n", b"\t")]
    end = max(places) + 1
    if end:
        return end
    end = LONGEST
    # Bytes of this kind go on with a character, which has four at most.
    while end > LONGEST - 4 and held[end] & 0xC0 == 0x80:
        end -= 1
    return end


def _lines(
    scan: Scan, documents: Iterator[tuple[int, bytes]] | list[tuple[int, bytes]], unit: str = "byte"
) -> Iterator[Line]:
    """The documents as rows; one that is not UTF-8 is a fault."""
    for offset, content in documents:
        mark = BOM if offset == 0 and content.startswith(BOM) else b""
        try:
            text = content[len(mark) :].decode()
        except UnicodeDecodeError as error:
            start = offset + len(mark) + error.start
            scan.faults.row(scan.not_utf8(start, error))
            continue
        if text and not text.isspace():
            yield Line({"text": text}, scan.path, unit, offset, ("text",))
