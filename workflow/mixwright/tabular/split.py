"""Which part a row belongs to: a pure function of its key, shared by all domains of a study, so that nothing leaks between them."""

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PARTS = ("train", "choose", "report")  # learn from, choose mixtures and settings by, report on
SHARES = (0.6, 0.2, 0.2)


def parts_of(keys: Sequence[str], seed: int = 0, shares: Sequence[float] = SHARES) -> NDArray[np.int8]:
    """(rows,) position in PARTS: the key's SHA-256 under `seed`, as a fraction of 1, cut at the cumulated shares."""
    cuts = np.cumsum(shares)[:-1]
    fractions = [int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8], "big") / 2**64 for key in keys]
    return np.searchsorted(cuts, fractions, side="right").astype(np.int8)
