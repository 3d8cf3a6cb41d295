"""Which long lines stood in a part before, in bounded memory."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
DIGEST_BYTES = 8
SMALLEST = 1 << 16
# Places of a table: 256 MiB. Two thirds of them are filled, with 22 million lines.
LARGEST = 1 << 25
MOST_FILLED = 2 / 3


def long_lines(text: str, min_line: int) -> list[bytes]:
    """Returns the hashes of a text's lines of at least `min_line` characters, in their order.

    White space at their ends does not count.
    """
    hashes = []
    for line in text.split("\n"):
        if len(line) < min_line:
            continue
        bare = line.strip()
        if len(bare) >= min_line:
            hashes.append(blake2b(bare.encode(), digest_size=DIGEST_BYTES).digest())
    return hashes


def without_lines(text: str, min_line: int, dropped: list[bool]) -> str:
    """Returns a text without some of its long lines, and without white space at its end.

    Args:
        text: a document.
        min_line: as for `long_lines`.
        dropped: for each long line whether it goes.
    """
    remaining = []
    place = 0
    for line in text.split("\n"):
        if len(line.strip()) >= min_line:
            place += 1
            if dropped[place - 1]:
                continue
        remaining.append(line)
    return "\n".join(remaining).strip("\n").rstrip()


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
                hashes = hashes[: max(0, int(MOST_FILLED * len(self._places)) - self._filled)]
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
