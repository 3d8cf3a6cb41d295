"""Word n-grams as 64-bit hashes, to find training documents that repeat a target."""

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying is a bijection modulo 2^64


def ngrams(text: str, n: int) -> Hashes:
    """Hashes of the n-grams of lower-cased words between white space; a text under n words has none, nor has n = 0."""
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
    """The sorted distinct n-grams of all texts."""
    found = [ngrams(text, n) for text in texts]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.uint64)


def shares(text: str, known: Hashes, n: int) -> bool:
    """Whether one n-gram of `text` stands in the sorted set `known`."""
    if not len(known):
        return False
    own = ngrams(text, n)
    places = np.minimum(np.searchsorted(known, own), len(known) - 1)
    return bool((known[places] == own).any())


@lru_cache(maxsize=1 << 19)
def _word(word: str) -> int:
    return int.from_bytes(
        blake2b(word.encode(errors="surrogatepass"), digest_size=8).digest(), "little"
    )
