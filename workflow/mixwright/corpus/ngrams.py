"""N-grams as 64-bit hashes, to find training documents that repeat a target."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
# Odd, so that multiplying is a bijection modulo 2^64.
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
# Characters that count as words: Chinese, Japanese and Yi, with their marks.
CHARACTERS = (
    r"\u2e80-\u2fdf\u3001-\u312f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf"
    r"\uf900-\ufaff\uff01-\uffef\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
WORD = re.compile(rf"[{CHARACTERS}]|[^\s{CHARACTERS}]+")
# Letters of scripts without spaces whose words have several: Thai, Lao, Tibetan, Burmese, Khmer,
# Tai, Balinese, Javanese.
LETTERS = (
    r"\u0e01-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf"
    r"\u1b00-\u1b7f\ua980-\ua9df\uaa60-\uaa7f"
)
# What a page holds to break its lines, and nobody sees: soft hyphens, spaces without width.
UNSEEN = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
LETTER = re.compile(f"[{LETTERS}]")
UNSPACED = re.compile(f"[{CHARACTERS}{LETTERS}]")
LETTERS_A_WORD = 4


def ngrams(text: str, n: int) -> Hashes:
    """Returns the hashes of a text's n-grams.

    An n-gram is n words in a row: they are lower-cased and stand between white space. Each Chinese
    or Japanese character counts as a word. 4 n letters in a row of Thai, Lao, Burmese, Khmer,
    Tibetan and their kin are an n-gram too. A text under n words has none, and with n = 0 no text
    has one.
    """
    if n == 0:
        return np.zeros(0, np.uint64)
    lowered = text.lower()
    if lowered.isascii() or not UNSPACED.search(lowered):
        return _windows(lowered.split(), n)
    lowered = UNSEEN.sub("", lowered)
    hashes = _windows(WORD.findall(lowered), n)
    letters = LETTER.findall(lowered)
    # Another start than that of words, so that letters are not taken for words.
    runs = _windows([f"letter {letter}" for letter in letters], LETTERS_A_WORD * n)
    return np.concatenate([hashes, runs])


def _windows(words: Sequence[str], n: int) -> Hashes:
    """The hashes of n words in a row, in their order."""
    windows = len(words) - n + 1
    if windows < 1:
        return np.zeros(0, np.uint64)
    hashes = np.array([_word(word) for word in words], np.uint64)
    rolled = np.zeros(windows, np.uint64)
    for offset in range(n):
        rolled = rolled * MULTIPLIER + hashes[offset : offset + windows]
    return rolled


def ngram_set(texts: Iterable[str], n: int) -> Hashes:
    """Returns the sorted distinct n-grams of all texts."""
    hashes = [ngrams(text, n) for text in texts]
    if not hashes:
        return np.zeros(0, np.uint64)
    return np.unique(np.concatenate(hashes))


def shares(text: str, known: Hashes, n: int) -> bool:
    """Returns whether one n-gram of `text` stands in the sorted set `known`."""
    if not len(known):
        return False
    hashes = ngrams(text, n)
    places = np.minimum(np.searchsorted(known, hashes), len(known) - 1)
    return bool((known[places] == hashes).any())


@lru_cache(maxsize=1 << 19)
def _word(word: str) -> int:
    code = blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(code, "little")
