"""Which domain, and which of its blocks, feeds each sequence of a run: the same for proxies and finals, packed, resumed or sharded."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.corpus.shards import Shard
from mixwright.errors import MixwrightError

Ints = NDArray[np.int64]

TIE = 1e-9  # deficits closer than this are equal, so that rounding never decides


def allocate(weights: ArrayLike, sequences: int) -> Ints:
    """(sequences,) domain of each: the one whose count lags its weight most, ties to the lower index; every prefix is near the mixture."""
    share = np.asarray(weights, np.float64)
    counts = np.zeros(len(share))
    chosen = np.empty(sequences, np.int64)
    for position in range(sequences):
        deficit = share * (position + 1) - counts
        domain = int((deficit >= deficit.max() - TIE).argmax())
        chosen[position] = domain
        counts[domain] += 1
    return chosen


def block_order(seed: int, domain: str, epoch: int, blocks: int) -> Ints:
    """The permutation of a domain's blocks in one pass; sorted raw 64-bit draws, whose stream numpy keeps between versions."""
    name = hashlib.sha256(f"{seed}/{domain}/{epoch}".encode()).digest()
    draws = np.random.PCG64(int.from_bytes(name[:16], "little")).random_raw(blocks)
    return np.argsort(draws, kind="stable")


@dataclass(frozen=True, eq=False)
class Schedule:
    """The (domain, block) of each sequence of a run: a pure function of weights, seed and the domains' sizes."""

    domains: Ints  # (sequences,) index into the shards
    blocks: Ints  # (sequences,)
    counts: Ints  # (shards,) sequences taken from each
    available: Ints  # (shards,) blocks that each has
    _pieces: Sequence[Shard] = field(repr=False)
    context: int

    @classmethod
    def of(cls, weights: ArrayLike, shards: Sequence[Shard], context: int, sequences: int, seed: int) -> "Schedule":
        """For `shards` in the weights' order (sorted by name); the blocks of each pass over a domain come in a fresh order."""
        domains = allocate(weights, sequences)
        counts = np.bincount(domains, minlength=len(shards))
        available = np.array([shard.sequences(context) for shard in shards])
        blocks = np.empty(sequences, np.int64)
        for index, shard in enumerate(shards):
            if counts[index]:
                blocks[domains == index] = _blocks(shard, seed, int(counts[index]), int(available[index]))
        return cls(domains, blocks, counts, available, shards, context)

    def __len__(self) -> int:
        return len(self.domains)

    def read(self, positions: Any) -> Ints:
        """(positions, context + 1) tokens; one fancy index a domain."""
        domains, blocks = self.domains[positions], self.blocks[positions]
        tokens = np.empty((len(domains), self.context + 1), np.int64)
        for index in np.unique(domains):
            rows = domains == index
            tokens[rows] = self._pieces[index].sequence(blocks[rows], self.context)
        return tokens

    @property
    def realised(self) -> Mapping[str, tuple[int, float]]:
        """Domain -> (training tokens, epochs), as taken."""
        epochs = self.counts / np.maximum(self.available, 1)
        names = (shard.domain for shard in self._pieces)
        return {name: (int(n) * self.context, float(e)) for name, n, e in zip(names, self.counts, epochs, strict=True)}


def _blocks(shard: Shard, seed: int, count: int, available: int) -> Ints:
    """(count,) blocks of one domain, pass after pass."""
    if not available:
        raise MixwrightError(f"{shard.domain}: {len(shard.tokens)} tokens are under one sequence; give it more text or a shorter context")
    passes = -(-count // available)
    return np.concatenate([block_order(seed, shard.domain, epoch, available) for epoch in range(passes)])[:count]
