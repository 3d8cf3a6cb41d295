"""N-grams as 64-bit hashes, to find training documents that repeat a target.

Texts are worked on as arrays of code points, many short ones at a time, and long ones in pieces.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.texts import ALL_SPACES_ALIKE

Hashes = NDArray[np.uint64]
Points = NDArray[np.uint8] | NDArray[np.uint32]
Places = NDArray[np.int64]
# The number of a text, code points of it, and their kinds (see `Block`).
Piece = tuple[int, Points, NDArray[np.uint8] | None]
# Odd, so that multiplying is a bijection modulo 2^64.
MULTIPLIER = 0x9E3779B97F4A7C15
FINAL = np.uint64(0xD6E8FEB86659FD93)
# Another start than that of words, so that letters are not taken for words.
LETTER_SALT = np.uint64(0xA0761D6478BD642F)
# Characters that count as words: Chinese, Japanese and Yi, with their marks.
CHARACTERS = (
    *((0x2E80, 0x2FDF), (0x3001, 0x312F), (0x31A0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)),
    *((0xA000, 0xA4CF), (0xF900, 0xFAFF), (0xFF01, 0xFFEF), (0x1B000, 0x1B16F)),
    (0x20000, 0x3FFFF),
)
# Letters of scripts without spaces whose words have several: Thai, Lao, Tibetan, Burmese, Khmer,
# Tai, Balinese, Javanese.
LETTERS = (
    *((0x0E01, 0x0EFF), (0x0F00, 0x0FFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF)),
    *((0x1A20, 0x1AAF), (0x1B00, 0x1B7F), (0xA980, 0xA9DF), (0xAA60, 0xAA7F)),
)
# What a page holds to break its lines, and nobody sees: soft hyphens, spaces without width.
UNSEEN = ((0xAD, 0xAD), (0x200B, 0x200F), (0x2060, 0x2060), (0xFEFF, 0xFEFF))
# The kinds of code points.
ORDINARY, SPACE, HIDDEN, CHARACTER, LETTER = range(5)
CODE_POINTS = 0x110000
LETTERS_A_WORD = 4
# Characters of which lower case depends on their neighbours, or is two characters.
TWO_IN_LOWER_CASE = "\u0130"
ODD_CAPITALS = ("\u03a3", TWO_IN_LOWER_CASE)
# Code points that are worked on at a time: their arrays stay near the processor. A longer text is
# taken in pieces, each of which repeats so much of the one before: n words have less.
BLOCK = 1 << 16
OVERLAP = 1 << 12
# A table of this many bits for each n-gram of the targets says quickly that most are not there.
BITS_FOR_EACH = 5
MOST_BITS = 25


@dataclass(frozen=True)
class Block:
    """The code points of some texts, lower case, a line end after each."""

    points: Points
    # the kind of each code point; None where all are of ASCII
    kinds: NDArray[np.uint8] | None
    # where each text starts, and where a further one would
    starts: Places
    # the number of each text
    numbers: Places


@dataclass(frozen=True)
class Grams:
    """The n-grams of a block; an n-gram that reaches from one text into the next is no n-gram."""

    hashes: Hashes
    # of the block's points, the first one and the one after the last
    starts: Places
    ends: Places


class Known:
    """The n-grams of the targets, ready to be looked for."""

    def __init__(self, hashes: Hashes, n: int) -> None:
        """Takes sorted distinct hashes of n-grams of `n` words."""
        self.hashes = hashes
        self.n = n
        bits = int(max(len(hashes), 1)).bit_length() + BITS_FOR_EACH
        self._shift = np.uint64(64 - min(bits, MOST_BITS))
        self._filter = np.zeros(1 << min(bits, MOST_BITS), bool)
        self._filter[hashes >> self._shift] = True

    def shared(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Returns for each text whether it has one of the n-grams."""
        result = np.zeros(len(texts), bool)
        if not len(self.hashes):
            return result
        for block in _blocks(texts):
            for grams in _grams(block, self.n):
                bins = grams.hashes >> self._shift
                maybe = np.flatnonzero(self._filter[bins])
                hashes = grams.hashes[maybe]
                places = np.searchsorted(self.hashes, hashes)
                places = np.minimum(places, len(self.hashes) - 1)
                same = self.hashes[places] == hashes
                hits = maybe[same]
                if len(hits):
                    first, last = _texts_of(grams, hits, block)
                    within = first[first == last]
                    result[block.numbers[within]] = True
        return result


def ngrams(text: str, n: int) -> Hashes:
    """Returns the hashes of a text's n-grams.

    An n-gram is n words in a row: they are lower-cased and stand between white space. Each Chinese
    or Japanese character counts as a word. 4 n letters in a row of Thai, Lao, Burmese, Khmer,
    Tibetan and their kin are an n-gram too. A text under n words has none, and with n = 0 no text
    has one. Some n-grams of a text over `BLOCK` characters come twice.
    """
    hashes = [np.zeros(0, np.uint64)]
    if n > 0:
        for block in _blocks([text]):
            hashes += _within(block, n)
    return np.concatenate(hashes)


def ngram_set(texts: Iterable[str], n: int) -> Hashes:
    """Returns the sorted distinct n-grams of all texts."""
    hashes = [np.zeros(0, np.uint64)]
    for text in texts:
        hashes.append(ngrams(text, n))
    return np.unique(np.concatenate(hashes))


def shares(text: str, known: Hashes, n: int) -> bool:
    """Returns whether one n-gram of `text` stands in the sorted set `known`."""
    return bool(Known(known, n).shared([text])[0])


def _within(block: Block, n: int) -> Iterator[Hashes]:
    """The hashes of the n-grams that do not reach from one piece into the next."""
    for grams in _grams(block, n):
        every = np.arange(len(grams.hashes))
        first, last = _texts_of(grams, every, block)
        within = first == last
        yield grams.hashes[within]


def _texts_of(grams: Grams, some: Places, block: Block) -> tuple[Places, Places]:
    """The places in the block of the texts where some of the n-grams start and end."""
    starts = grams.starts[some]
    ends = grams.ends[some]
    first = np.searchsorted(block.starts, starts, "right") - 1
    last = np.searchsorted(block.starts, ends - 1, "right") - 1
    return first, last


def _blocks(texts: Sequence[str]) -> Iterator[Block]:
    """The texts in blocks: those of ASCII by themselves, and those of scripts without spaces."""
    plain: list[Piece] = []
    spaced: list[Piece] = []
    unspaced: list[Piece] = []
    for number, text in enumerate(texts):
        if text.isascii():
            for piece in _pieces(text):
                lowered = piece.encode().lower() + b"\n"
                plain.append((number, np.frombuffer(lowered, np.uint8), None))
            continue
        pieces: list[Piece] = []
        listed = spaced
        for piece in _pieces(text):
            points = _lowered(piece)
            kinds = _kinds()[points]
            pieces.append((number, points, kinds))
            # Of the whole text: hidden characters go where there is a character without spaces.
            if kinds.max() > HIDDEN:
                listed = unspaced
        listed += pieces
    yield from _joined(plain)
    yield from _joined(spaced)
    yield from _joined(unspaced)


def _pieces(text: str) -> Iterator[str]:
    """A text in pieces of at most `BLOCK` characters, which overlap and begin at a space."""
    start = 0
    while len(text) - start > BLOCK:
        yield text[start : start + BLOCK]
        last = start + BLOCK
        start = text.find(" ", last - OVERLAP, last)
        if start < 0:
            start = last - OVERLAP
    yield text[start:]


def points_of(text: str) -> Points:
    """Returns the code points of a text; those of ASCII are bytes."""
    if text.isascii():
        return np.frombuffer(text.encode(), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


def is_space(points: Points) -> NDArray[np.bool_]:
    """Returns for each code point whether it is white space."""
    if points.dtype == np.uint8:
        alike = points.tobytes().translate(ALL_SPACES_ALIKE)
        return np.frombuffer(alike, np.uint8) == ord(" ")
    return _kinds()[points] == SPACE


def _lowered(text: str) -> NDArray[np.uint32]:
    """The code points of a text in lower case, and a line end."""
    text += "\n"
    if any(capital in text for capital in ODD_CAPITALS):
        text = text.lower()
    return _lower_case()[points_of(text)]


def _joined(listed: Sequence[Piece]) -> Iterator[Block]:
    """Numbered pieces in blocks of about `BLOCK` code points."""
    first = 0
    size = 0
    for place, (_, points, _) in enumerate(listed):
        size += len(points)
        if size >= BLOCK or place + 1 == len(listed):
            numbers, pieces, kinds = zip(*listed[first : place + 1], strict=True)
            joined = None if kinds[0] is None else np.concatenate(kinds)
            starts = np.cumsum([0, *map(len, pieces)])
            yield Block(np.concatenate(pieces), joined, starts, np.array(numbers))
            first = place + 1
            size = 0


def _grams(block: Block, n: int) -> Iterator[Grams]:
    """The n-grams of words of a block, and those of letters where it has any."""
    points = block.points
    kinds = block.kinds
    if kinds is None:
        spaces = np.flatnonzero(points <= ord(" "))
        spaces = spaces[_kinds()[points[spaces]] == SPACE]
        yield _word_grams(points, np.arange(0), spaces, n)
        return
    if kinds.max() <= HIDDEN:
        spaces = np.flatnonzero(kinds == SPACE)
        yield _word_grams(points, np.arange(0), spaces, n)
        return
    visible = np.flatnonzero(kinds != HIDDEN)
    points = points[visible]
    kinds = kinds[visible]
    characters = np.flatnonzero(kinds == CHARACTER)
    spaces = np.flatnonzero(kinds == SPACE)
    words = _word_grams(points, characters, spaces, n)
    yield Grams(words.hashes, visible[words.starts], visible[words.ends - 1] + 1)
    letters = np.flatnonzero(kinds == LETTER)
    salted = points[letters].astype(np.uint64) ^ LETTER_SALT
    places = visible[letters]
    yield _windows(_mixed(salted), places, places + 1, LETTERS_A_WORD * n)


def _word_grams(points: Points, characters: Places, spaces: Places, n: int) -> Grams:
    """The n-grams of words, which stand between `spaces`; `characters` are words by themselves."""
    size = len(points)
    before = np.concatenate([[-1], spaces])
    after = np.concatenate([spaces, [size]])
    if len(characters):
        # Left of a character something ends, right of it something starts.
        before = np.sort(np.concatenate([before, characters - 1, characters]))
        after = np.sort(np.concatenate([after, characters, characters + 1]))
    starts = before + 1
    words = after > starts
    starts = starts[words]
    ends = after[words]
    hashes = span_hashes(points, starts, ends)
    return _windows(hashes, starts, ends, n)


def span_hashes(points: Points, starts: Places, ends: Places) -> Hashes:
    """A hash of each span of code points: a polynomial in MULTIPLIER modulo 2^64, mixed."""
    size = len(points)
    powers, inverses = _powers(size + 1)
    sums = np.zeros(size + 1, np.uint64)
    np.cumsum(points * powers[:size], out=sums[1:])
    spans = sums[ends] - sums[starts]
    # Null characters add nothing to the sum.
    lengths = (ends - starts).astype(np.uint64)
    return _mixed(spans * inverses[starts] + lengths * FINAL)


def _windows(hashes: Hashes, starts: Places, ends: Places, n: int) -> Grams:
    """The hashes of n in a row, in their order: again a polynomial, of words."""
    windows = len(hashes) - n + 1
    if windows < 1:
        nothing = np.zeros(0, np.int64)
        return Grams(hashes[:0], nothing, nothing)
    size = len(hashes)
    powers, inverses = _powers(size + 1)
    sums = np.zeros(size + 1, np.uint64)
    np.cumsum(hashes * powers[:size], out=sums[1:])
    rolled = sums[n:] - sums[:windows]
    rolled *= inverses[:windows]
    return Grams(rolled, starts[:windows], ends[n - 1 :])


def _mixed(hashes: Hashes) -> Hashes:
    """Hashes of hashes, so that every bit depends on every other; one to one."""
    hashes = (hashes ^ (hashes >> np.uint64(32))) * FINAL
    hashes = (hashes ^ (hashes >> np.uint64(29))) * FINAL
    return hashes ^ (hashes >> np.uint64(32))


def _powers(count: int) -> tuple[Hashes, Hashes]:
    """The first powers of MULTIPLIER, and of its inverse, modulo 2^64."""
    # Few sizes, so that few are held.
    return _made_powers(max(2 * BLOCK, 1 << count.bit_length()))


@cache
def _made_powers(count: int) -> tuple[Hashes, Hashes]:
    tables = []
    for base in (MULTIPLIER, pow(MULTIPLIER, -1, 1 << 64)):
        factors = np.full(count, base, np.uint64)
        factors[0] = 1
        tables.append(np.cumprod(factors))
    return tables[0], tables[1]


@cache
def _kinds() -> NDArray[np.uint8]:
    """The kind of every code point."""
    kinds = np.zeros(CODE_POINTS, np.uint8)
    ranges = {HIDDEN: UNSEEN, CHARACTER: CHARACTERS, LETTER: LETTERS}
    for kind, listed in ranges.items():
        for first, last in listed:
            kinds[first : last + 1] = kind
    # No white space lies beyond.
    for point in range(0x3001):
        if chr(point).isspace():
            kinds[point] = SPACE
    return kinds


@cache
def _lower_case() -> NDArray[np.uint32]:
    """The lower case of every code point by itself, as one code point."""
    points = np.arange(CODE_POINTS, dtype=np.uint32)
    # The one whose lower case is two stays.
    points[ord(TWO_IN_LOWER_CASE)] = 0
    text = points.tobytes().decode("utf-32-le", "surrogatepass").lower()
    table = np.array(np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32))
    table[ord(TWO_IN_LOWER_CASE)] = ord(TWO_IN_LOWER_CASE)
    return table
