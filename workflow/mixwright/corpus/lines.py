"""The long lines of texts, and which of them stood in a part before, in bounded memory."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.corpus.ngrams import BLOCK, is_space, points_of, span_hashes

Hashes = NDArray[np.uint64]
Places = NDArray[np.int64]
# The number of a text, where in it some whole lines of it start, and these.
Piece = tuple[int, int, str]
# A long line, as `Lines` has it.
ROW = np.dtype(
    [
        ("hash", np.uint64),
        ("number", np.int64),
        ("start", np.int64),
        ("end", np.int64),
    ]
)
DIGEST_BYTES = 8
SMALLEST = 1 << 16
# Places of a table: 256 MiB. Two thirds of them are filled, with 22 million lines.
LARGEST = 1 << 25
MOST_FILLED = 2 / 3


@dataclass(frozen=True)
class Lines:
    """The long lines of some texts, in their order: (lines,) of each."""

    # of what stands between the white space at their ends
    hashes: Hashes
    # the number of the text
    numbers: Places
    # in the text, the first character of the line, and its end
    starts: Places
    ends: Places


def long_lines(texts: Sequence[str], min_line: int) -> Lines:
    """Returns the lines of at least `min_line` characters; with 0 there are none.

    White space at their ends does not count.
    """
    parts = [_lines_of([], [], [], [])]
    plain: list[Piece] = []
    others: list[Piece] = []
    for piece in _pieces(texts):
        _, _, text = piece
        if min_line < 1:
            break
        if len(text) > BLOCK:
            parts += _of_one_line(piece, min_line)
        elif text.isascii():
            plain.append(piece)
        else:
            others.append(piece)
    for pieces in (plain, others):
        for block in _blocks(pieces):
            parts.append(_of_block(block, min_line))
    rows = np.concatenate(parts)
    order = np.lexsort((rows["start"], rows["number"]))
    rows = rows[order]
    return Lines(
        rows["hash"],
        rows["number"],
        rows["start"],
        rows["end"],
    )


def without_lines(text: str, starts: Sequence[int], ends: Sequence[int]) -> str:
    """Returns a text without some of its lines, and without white space at its end.

    Args:
        text: a document.
        starts: where the lines start that go, ascending.
        ends: and where they end.
    """
    remaining = []
    place = 0
    for start, end in zip(starts, ends, strict=True):
        remaining.append(text[place:start])
        place = end + 1
    remaining.append(text[place:])
    return "".join(remaining).lstrip("\n").rstrip()


def _pieces(texts: Sequence[str]) -> Iterator[Piece]:
    """The texts, long ones in whole lines of up to `BLOCK` characters; a longer line is by itself.

    White space does not make a line longer.
    """
    for number, text in enumerate(texts):
        start = 0
        while len(text) - start > BLOCK:
            end = text.rfind("\n", start, start + BLOCK) + 1
            if not end:
                end = text.find("\n", start + BLOCK) + 1 or len(text)
            yield number, start, text[start:end]
            start = end
        yield number, start, text[start:]


def _blocks(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces in lists of about `BLOCK` characters."""
    block: list[Piece] = []
    size = 0
    for piece in pieces:
        _, _, text = piece
        block.append(piece)
        size += len(text)
        if size >= BLOCK:
            yield block
            block = []
            size = 0
    if block:
        yield block


def _of_block(block: Sequence[Piece], min_line: int) -> NDArray[np.void]:
    """The long lines of some pieces."""
    numbers, firsts, texts = zip(*block, strict=True)
    whole = "\n".join([*texts, ""])
    points = points_of(whole)
    ends = np.flatnonzero(points == ord("\n"))
    starts = np.append(0, ends[:-1] + 1)
    long = ends - starts >= min_line
    starts = starts[long]
    ends = ends[long]
    # The end stands for what is not there.
    words = np.flatnonzero(~is_space(points))
    words = np.append(words, len(points))
    next_words = np.searchsorted(words, starts)
    last_words = np.searchsorted(words, ends) - 1
    bare_starts = words[next_words]
    bare_ends = words[np.maximum(last_words, 0)] + 1
    long = bare_ends - bare_starts >= min_line
    long &= bare_starts < ends
    starts = starts[long]
    hashes = span_hashes(points, bare_starts[long], bare_ends[long])
    ends = ends[long]
    sizes = [len(text) + 1 for text in texts]
    before = np.cumsum([0, *sizes])
    which = np.searchsorted(before, starts, "right") - 1
    # From places in the block to places in the texts.
    moved = np.array(firsts) - before[:-1]
    starts = starts + moved[which]
    ends = ends + moved[which]
    of_pieces = np.array(numbers)
    return _lines_of(hashes, of_pieces[which], starts, ends)


def _of_one_line(piece: Piece, min_line: int) -> list[NDArray[np.void]]:
    """A line over `BLOCK` characters, if it is a long one."""
    number, start, text = piece
    bare = text.strip()
    if len(bare) < min_line:
        return []
    end = start + len(text)
    if text.endswith("\n"):
        end -= 1
    return [_lines_of(_hash(bare), number, start, end)]


def _hash(bare: str) -> Hashes:
    """The hash of a line, which is that of a block's line where a block could hold it."""
    if len(bare) <= BLOCK:
        points = points_of(bare)
        start = np.zeros(1, np.int64)
        return span_hashes(points, start, start + len(points))
    hashed = blake2b(digest_size=DIGEST_BYTES)
    for first in range(0, len(bare), BLOCK):
        piece = bare[first : first + BLOCK]
        hashed.update(piece.encode())
    return np.frombuffer(hashed.digest(), np.uint64)


def _lines_of(
    hashes: ArrayLike, numbers: ArrayLike, starts: ArrayLike, ends: ArrayLike
) -> NDArray[np.void]:
    """Rows of long lines."""
    rows = np.empty(np.shape(hashes), ROW)
    rows["hash"] = hashes
    rows["number"] = numbers
    rows["start"] = starts
    rows["end"] = ends
    return rows


class LineTable:
    """A set of 64-bit hashes of lines: a table in which a line has the first free place.

    It doubles where it is two thirds full, until it has `LARGEST` places; further lines are not
    remembered.
    """

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        # 0: a free place
        self._places = np.zeros(min(SMALLEST, largest), np.uint64)
        self._filled = 0

    def has(self, hashes: Hashes) -> NDArray[np.bool_]:
        """Returns for each line whether it is in the set."""
        hashes = np.maximum(hashes, 1)
        result = np.zeros(len(hashes), bool)
        left = np.arange(len(hashes))
        places = self._first_places(hashes)
        while len(left):
            content = self._places[places]
            same = content == hashes[left]
            result[left[same]] = True
            further = (content != 0) & ~same
            left = left[further]
            places = self._next_places(places[further])
        return result

    def add(self, hashes: Hashes) -> None:
        """Adds lines that are not in the set; each stands there once."""
        hashes = np.maximum(hashes, 1)
        while self._filled + len(hashes) > MOST_FILLED * len(self._places):
            if len(self._places) >= self._largest:
                room = int(MOST_FILLED * len(self._places)) - self._filled
                hashes = hashes[: max(0, room)]
                break
            self._double()
        self._put(hashes)

    def _double(self) -> None:
        before = self._places
        self._places = np.zeros(2 * len(before), np.uint64)
        self._filled = 0
        for first in range(0, len(before), SMALLEST):
            some = before[first : first + SMALLEST]
            self._put(some[some != 0])

    def _put(self, hashes: Hashes) -> None:
        self._filled += len(hashes)
        places = self._first_places(hashes)
        while len(hashes):
            free = self._places[places] == 0
            # Of several that want one place, the last has it.
            self._places[places[free]] = hashes[free]
            further = self._places[places] != hashes
            hashes = hashes[further]
            places = self._next_places(places[further])

    def _first_places(self, hashes: Hashes) -> NDArray[np.int64]:
        return (hashes & np.uint64(len(self._places) - 1)).astype(np.int64)

    def _next_places(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return (places + 1) & (len(self._places) - 1)
