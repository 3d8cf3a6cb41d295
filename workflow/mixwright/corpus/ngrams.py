"""Word n-grams as 64-bit hashes, to find training documents that repeat a target."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
# Odd, so that multiplying is a bijection modulo 2^64.
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def ngrams(text: str, n: int) -> Hashes:
    """Returns the hashes of a text's n-grams, in their order.

    Words are lower-cased and stand between white space. A text under n words has no n-gram, and
    with n = 0 no text has one.
    """
    words = text.lower().split()
    if len(words) < n or n == 0:
        return np.zeros(0, np.uint64)
    hashes = np.array([_word(word) for word in words], np.uint64)
    windows = len(words) - n + 1
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
