"""Files of token ids, read document by document through a memory map, without their end tokens.

A file is cut into units that can be counted without reading it: its documents where an index says
where they lie, else its tokens.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.files import reason
from mixwright.sources.files.opening import packing_of

Ids = NDArray[Any]
# Tokens that are searched for an end token at a time: at first, and at most.
BLOCK, MOST_BLOCK = 1 << 10, 1 << 20
# Tokens of a document that is still believed to be one.
LONGEST = 1 << 27
# Documents that show whether a file with an index has end tokens besides.
PEEK = 64
# Ids that show whether a file is read with too narrow a type.
FEWEST, MOST = 64, 4096


@dataclass(frozen=True)
class TokenDocument:
    """A document of a file of tokens."""

    # what messages say of it: `document 17`
    place: str
    # (tokens,) without the end token
    ids: Ids
    # on disk, its end token among them
    size: int


class Tokens(Protocol):
    """What is like an array of ids on disk: it has a length, a type, and slices."""

    @property
    def dtype(self) -> np.dtype[Any]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, where: slice, /) -> Ids: ...


class TokenFile(ABC):
    """A file of tokens; `low` and `high` are units, and ranges that meet share no document."""

    @property
    @abstractmethod
    def units(self) -> int:
        """Returns in how many units the file can be cut."""

    @abstractmethod
    def documents(self, low: int, high: int) -> Iterator[TokenDocument]:
        """Yields the documents that begin in units `low` to `high`, in their order."""

    @abstractmethod
    def size(self, low: int, high: int) -> int:
        """Returns the bytes of the documents of `low` to `high`."""

    @abstractmethod
    def count(self, low: int, high: int) -> int | None:
        """Returns the tokens that training makes of `low` to `high`, an end token each.

        None where that is not known before they are read.
        """


@dataclass(frozen=True)
class Laid(TokenFile):
    """Documents that lie one after another in one array of ids."""

    path: Path
    tokens: Tokens
    # id of the token that ends a document
    end: int

    @abstractmethod
    def start(self, unit: int) -> int:
        """Returns the token at which the first document begins that does so in `unit` or later."""

    def size(self, low: int, high: int) -> int:
        return (self.start(high) - self.start(low)) * self.tokens.dtype.itemsize

    def _document(self, place: str, start: int, stop: int) -> TokenDocument:
        """The document of so many tokens; an end token that closes it is left out."""
        ids = self.tokens[slice(start, stop)]
        return TokenDocument(place, without_end(ids, self.end), ids.nbytes)


@dataclass(frozen=True)
class Endless(Laid):
    """Documents one after another, each closed by an end token; the units are tokens."""

    @property
    def units(self) -> int:
        return len(self.tokens)

    def documents(self, low: int, high: int) -> Iterator[TokenDocument]:
        start = self.start(low)
        stop = self.start(high)
        while start < stop:
            after = self._after_end(start)
            yield self._document(f"the document at token {start}", start, after)
            start = after

    def start(self, unit: int) -> int:
        return 0 if unit <= 0 else self._after_end(unit - 1)

    def count(self, low: int, high: int) -> int:
        start, stop = self.start(low), self.start(high)
        # Only the last document of a file can lack its end.
        last = self.tokens[slice(max(stop - 1, start), stop)]
        missing = len(last) > 0 and last[-1] != self.end
        return stop - start + int(missing)

    def _after_end(self, start: int) -> int:
        """The token after the first end token from `start` on; the file's end where there is none.

        Raises:
            MixwrightError: there is none in more tokens than a document has.
        """
        place = start
        block = BLOCK
        while place < len(self.tokens):
            ends = np.flatnonzero(self.tokens[slice(place, place + block)] == self.end)
            if len(ends):
                return place + int(ends[0]) + 1
            place += block
            # Most documents are short, and few tokens are looked at twice.
            block = min(2 * block, MOST_BLOCK)
            if place - start > LONGEST:
                raise MixwrightError(
                    f"{self.path}: no end token {self.end} in the {LONGEST:,} tokens from token"
                    f" {start} on; set `end` to the id that ends a document there, or `dtype` to"
                    " the type of its ids"
                )
        return len(self.tokens)


@dataclass(frozen=True)
class Indexed(Laid):
    """Documents that lie where an index says; the units are documents."""

    # (documents + 1,) tokens before each document, and all of them
    starts: NDArray[Any]

    @property
    def units(self) -> int:
        return len(self.starts) - 1

    def start(self, unit: int) -> int:
        return int(self.starts[unit])

    def documents(self, low: int, high: int) -> Iterator[TokenDocument]:
        for number in range(low, high):
            start, stop = self.start(number), self.start(number + 1)
            if not 0 <= start <= stop <= len(self.tokens):
                raise MixwrightError(
                    f"{self.path}: its index places document {number} at tokens {start} to {stop}"
                    f" of {len(self.tokens)}; fetch the file and its index again"
                )
            yield self._document(f"document {number}", start, stop)

    def count(self, low: int, high: int) -> int:
        total = self.start(high) - self.start(low)
        if not self._ends_are_written:
            total += high - low
        return total

    @property
    def _ends_are_written(self) -> bool:
        """Whether documents close with an end token: one of a few that are looked at does.

        Whoever wrote the file closed all of its documents so, or none.
        """
        numbers = np.linspace(0, self.units, PEEK, endpoint=False).astype(np.int64)
        for number in np.unique(numbers[: self.units]):
            stop = self.start(int(number) + 1)
            last = self.tokens[slice(max(stop - 1, 0), stop)]
            if stop > self.start(int(number)) and len(last) and last[-1] == self.end:
                return True
        return False


def without_end(ids: Ids, end: int) -> Ids:
    """Returns the ids of a document; an end token that closes it is left out."""
    if len(ids) and ids[-1] == end:
        return ids[:-1]
    return ids


def mapped(path: Path, dtype: np.dtype[Any], offset: int = 0, remedy: str = "") -> Ids:
    """Returns the ids of a raw file, from byte `offset` on, as a memory map.

    Raises:
        MixwrightError: the file cannot be read, or holds no whole number of ids.
    """
    try:
        with path.open("rb") as file:
            # The small file of git-lfs or git-annex in its place is told.
            packing_of(path, file)
        size = path.stat().st_size - offset
        if size <= 0:
            return np.empty(0, dtype)
        if size % dtype.itemsize:
            remedy = remedy or "set `dtype` to the type of its ids, or fetch it again"
            raise MixwrightError(
                f"{path}: its {size} bytes are no whole number of ids of {dtype.itemsize} bytes"
                f" ({dtype.name}); {remedy}"
            )
        return np.memmap(path, dtype, mode="r", offset=offset)
    except OSError as error:
        raise MixwrightError(reason(error)) from None


def check_type(path: Path, tokens: Tokens) -> None:
    """Refuses a file whose every second id is 0: its ids are twice as wide, or more."""
    ids = tokens[slice(0, MOST)]
    if len(ids) >= FEWEST and ids[0::2].any() and not ids[1::2].any():
        raise MixwrightError(
            f"{path}: every second id is 0, read as {tokens.dtype.name}; set `dtype` to what the"
            " file was written with, such as uint32 or int32"
        )


def starts_of(ends: Sequence[int] | Ids) -> Ids:
    """Returns (documents + 1,) the tokens before each document, from where documents end."""
    return np.concatenate([np.zeros(1, np.int64), np.asarray(ends, np.int64)])
