"""Documents in the order of their content hash, however many they are.

They lie in buckets, by the first byte of their hash: in memory while they are few, then in files of
a folder. A bucket's hashes are sorted in memory, and its texts are read one by one.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import numpy as np

BUCKETS = 256
# Bytes of documents that are held in memory before they go to files, with what an object takes.
MOST_HELD = 48_000_000
OBJECT_BYTES = 200
# Documents of a bucket whose hashes are sorted in memory; a larger one is cut into buckets.
MOST_SORTED = 100_000
# A hash, the bytes of the text, and those of the tokens and one more: 0 is a document without.
HEADER = Struct("<16sQQ")
HASH_BYTES = 16
# The first two bytes of a hash, of which the bytes of text are counted.
BINS = 1 << 16
# How much more than is needed is stored before the surplus goes.
SURPLUS = 1.25


class Entry(NamedTuple):
    """A document on its way through the buckets."""

    # content hash
    key: bytes
    # UTF-8
    text: bytes
    # ids of 32 bits, where the source has tokens
    tokens: bytes | None = None


class Buckets:
    """Takes documents in any order, and returns them ordered by hash, then by arrival."""

    def __init__(self, folder: Path, depth: int = 0) -> None:
        """Makes empty buckets.

        Args:
            folder: for their files; it is made when it is needed.
            depth: which byte of the hash chooses the bucket.
        """
        self._folder = folder
        self._depth = depth
        self._held: list[list[Entry]] = [[] for _ in range(BUCKETS)]
        self._held_bytes = 0
        self._counts = [0] * BUCKETS
        # The hash of a bucket of which every document has the same.
        self._only: list[bytes | None] = [None] * BUCKETS

    def add(self, entry: Entry) -> None:
        """Adds a document."""
        bucket = entry.key[self._depth]
        if not self._counts[bucket]:
            self._only[bucket] = entry.key
        elif self._only[bucket] != entry.key:
            self._only[bucket] = None
        self._counts[bucket] += 1
        self._held[bucket].append(entry)
        self._held_bytes += len(entry.text) + len(entry.tokens or b"") + OBJECT_BYTES
        if self._held_bytes > MOST_HELD:
            self._store()

    def drop_from(self, first: int) -> None:
        """Drops the buckets from this one on."""
        for bucket in range(first, BUCKETS):
            self._held[bucket].clear()
            self._counts[bucket] = 0
            self._file(bucket).unlink(missing_ok=True)

    def ordered(self) -> Iterator[Entry]:
        """Yields all documents; they are then no more in the buckets."""
        stored = self._folder.exists()
        if stored:
            self._store()
        for bucket in range(BUCKETS):
            if not stored:
                yield from sorted(self._held[bucket], key=_key)
                self._held[bucket].clear()
            elif self._counts[bucket]:
                yield from self._of_file(bucket)
                self._file(bucket).unlink()

    def _file(self, bucket: int) -> Path:
        return self._folder / f"{bucket:02x}"

    def _store(self) -> None:
        """Moves what is in memory to the files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for bucket, entries in enumerate(self._held):
            if not entries:
                continue
            pieces: list[bytes] = []
            for key, text, tokens in entries:
                marked = 0 if tokens is None else len(tokens) + 1
                pieces += (HEADER.pack(key, len(text), marked), text, tokens or b"")
            with self._file(bucket).open("ab") as file:
                file.writelines(pieces)
            entries.clear()
        self._held_bytes = 0

    def _of_file(self, bucket: int) -> Iterator[Entry]:
        """The documents of a bucket's file, in order."""
        path = self._file(bucket)
        if self._only[bucket] is not None or self._depth + 1 == HASH_BYTES:
            yield from _in_file(path)
        elif self._counts[bucket] <= MOST_SORTED:
            yield from _sorted_file(path)
        else:
            deeper = Buckets(self._folder / f"{bucket:02x}-", self._depth + 1)
            for entry in _in_file(path):
                deeper.add(entry)
            yield from deeper.ordered()


class Lowest:
    """Takes documents, and returns those of the lowest hashes, in order."""

    def __init__(self, folder: Path, most_bytes: float | None) -> None:
        """Makes an empty one.

        Args:
            folder: for files; it is made when it is needed.
            most_bytes: UTF-8 bytes of text that are returned at least, if there are as many, and
                somewhat more; None: all.
        """
        self._buckets = Buckets(folder)
        self._most = most_bytes
        self._sizes = [0] * BINS
        # Documents from this bin on are dropped.
        self._end = BINS
        self._stored = 0
        self._surplus = SURPLUS * (most_bytes or 0)
        self.rows = 0
        self.bytes = 0

    @property
    def is_all(self) -> bool:
        """Whether no document was dropped."""
        return self._end == BINS

    def add(self, entry: Entry) -> None:
        """Adds a document."""
        size = len(entry.text)
        self.rows += 1
        self.bytes += size
        place = _bin(entry.key)
        if place >= self._end:
            return
        self._sizes[place] += size
        self._stored += size
        self._buckets.add(entry)
        if self._most is not None and self._stored > self._surplus:
            self._lower(self._most)

    def ordered(self) -> Iterator[Entry]:
        """Yields the documents; this can be done once."""
        for entry in self._buckets.ordered():
            if _bin(entry.key) >= self._end:
                return
            yield entry

    def _lower(self, most: float) -> None:
        """Drops the highest bins that are not needed."""
        sizes = np.cumsum(self._sizes[: self._end])
        self._end = int(np.searchsorted(sizes, most)) + 1
        self._stored = int(sizes[self._end - 1])
        self._surplus = SURPLUS * self._stored
        self._buckets.drop_from((self._end - 1) // BUCKETS + 1)


def _key(entry: Entry) -> bytes:
    return entry.key


def _bin(key: bytes) -> int:
    return key[0] << 8 | key[1]


def _in_file(path: Path) -> Iterator[Entry]:
    """The documents of a file, as they were added."""
    with path.open("rb") as file:
        while header := file.read(HEADER.size):
            key, length, marked = HEADER.unpack(header)
            text = file.read(length)
            tokens = file.read(marked - 1) if marked else None
            yield Entry(key, text, tokens)


def _sorted_file(path: Path) -> Iterator[Entry]:
    """The documents of a file, ordered by hash; a text is read when it is its turn."""
    places = []
    with path.open("rb") as file:
        place = 0
        while header := file.read(HEADER.size):
            key, length, marked = HEADER.unpack(header)
            place += HEADER.size
            places.append((key, place, length, marked))
            place += length + max(marked - 1, 0)
            file.seek(place)
        # The place, which grows as they came, is compared where hashes are equal.
        places.sort()
        for key, place, length, marked in places:
            file.seek(place)
            text = file.read(length)
            tokens = file.read(marked - 1) if marked else None
            yield Entry(key, text, tokens)
