"""Which tokens a masked language model has to predict, and what it sees in their place (BERT, arXiv 1810.04805, section 3.1)."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints, Shard
from mixwright.errors import MixwrightError

SHARE = 0.15
SETS = 7  # every seventh token masked at a time: the nearest to SHARE at which all are masked once
MASKED, RANDOM = 0.8, 0.1  # of the chosen tokens; the rest stay as they are


@dataclass(frozen=True)
class Masking:
    """The masks of one run: a function of its seed, the domain, and the how-manieth of the domain's sequences in the run one is."""

    seed: int
    mask: int
    end: int
    vocabulary: int

    @classmethod
    def of(cls, shard: Shard, seed: int) -> "Masking":
        return cls(seed, mask_token(shard), shard.end_token, shard.vocabulary)

    def read(self, schedule: Schedule, positions: Ints) -> tuple[Ints, Ints, Ints]:
        """Of the run's sequences at `positions`: (n, T) what is seen, (n, m) increasing places to predict, (n, m) what stands there."""
        tokens = schedule.read(positions)[:, :-1]
        pairs = zip(tokens, schedule.places(positions), strict=True)
        seen, places = zip(
            *(self.masked(row, domain, number) for row, (domain, number) in pairs), strict=True
        )
        at = np.stack(places)
        return np.stack(seen), at, np.take_along_axis(tokens, at, axis=1)

    def masked(self, tokens: Ints, domain: str, number: int) -> tuple[Ints, Ints]:
        """(T,) what is seen of `tokens`, and the increasing places chosen: as many in every sequence, end tokens only if no other is."""
        count = max(1, round(SHARE * len(tokens)))
        order, chance, token = self._draws(domain, number, len(tokens))
        chosen = np.sort(
            np.argsort(np.where(tokens == self.end, 1.0 + order, order), kind="stable")[:count]
        )
        other = (token[chosen] * self.vocabulary).astype(np.int64)
        seen = tokens.copy()
        seen[chosen] = np.select(
            [chance[chosen] < MASKED, chance[chosen] < MASKED + RANDOM],
            [np.int64(self.mask), other],
            tokens[chosen],
        )
        return seen, chosen

    def _draws(self, domain: str, number: int, length: int) -> NDArray[np.float64]:
        """(3, length) uniforms in [0, 1), of raw 64-bit draws, whose stream numpy keeps between versions."""
        name = hashlib.sha256(f"mask {self.seed}/{domain}/{number}".encode()).digest()
        raw = np.random.PCG64(int.from_bytes(name[:16], "little")).random_raw((3, length))
        return (raw >> np.uint64(11)) * 2.0**-53


def mask_token(shard: Shard) -> int:
    """The token that stands for what a masked model predicts."""
    if shard.mask_token is None:
        raise MixwrightError(
            f"{shard.domain}: its tokenizer has no mask token; name one as mask_token in tokenizer_config.json, or train one"
        )
    return shard.mask_token


def masked_sets(scored: Ints, alone: bool) -> Iterator[Ints]:
    """The sets of scored places that are masked together: every seventh, or one by one; each place is in one set."""
    sets = len(scored) if alone else min(SETS, len(scored))
    return (scored[first::sets] for first in range(sets))
