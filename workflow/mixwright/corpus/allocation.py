"""Which domain, and which of its blocks, feeds each sequence of a run: the same for proxies and finals, packed, resumed or sharded."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.corpus.shards import Shard
from mixwright.errors import MixwrightError

Ints = NDArray[np.int64]

TIE = 1e-9  # deficits closer than this are equal, so that rounding never decides


def allocate(weights: ArrayLike, sequences: int) -> Ints:
    """(sequences,) domain of each: the one whose count lags its weight most, ties to the lower index; every prefix is near the mixture."""
    share = np.asarray(
        weights, np.float64
    ).tolist()  # of a few domains, lists are twice as fast as arrays
    counts = [0] * len(share)
    chosen = []
    for position in range(1, sequences + 1):
        deficits = [weight * position - count for weight, count in zip(share, counts, strict=True)]
        least = max(deficits) - TIE
        domain = next(index for index, deficit in enumerate(deficits) if deficit >= least)
        chosen.append(domain)
        counts[domain] += 1
    return np.array(chosen, np.int64)


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
    available: Ints  # (shards,) blocks that each has, or may show
    _pieces: Sequence[Shard] = field(repr=False)
    context: int

    @classmethod
    def of(
        cls,
        weights: ArrayLike,
        shards: Sequence[Shard],
        context: int,
        sequences: int,
        seed: int,
        share: float = 1.0,
    ) -> "Schedule":
        """For `shards` in the weights' order (sorted by name); the blocks of each pass over a domain come in a fresh order.

        With a `share` under 1 each domain has only the first so many of its blocks, in the order of the first pass, and repeats these.
        """
        domains = allocate(weights, sequences)
        counts = np.bincount(domains, minlength=len(shards))
        whole = np.array([shard.sequences(context) for shard in shards])
        available = np.minimum(
            whole, np.maximum(1, np.rint(min(share, 1.0) * whole).astype(np.int64))
        )
        blocks = np.empty(sequences, np.int64)
        for index, shard in enumerate(shards):
            if counts[index]:
                blocks[domains == index] = _blocks(
                    shard, seed, int(counts[index]), int(whole[index]), int(available[index])
                )
        return cls(domains, blocks, counts, available, shards, context)

    def __len__(self) -> int:
        return len(self.domains)

    def read(self, positions: Any) -> Ints:
        """(positions, context + 1) tokens."""
        domains, blocks = self.domains[positions].tolist(), self.blocks[positions].tolist()
        tokens = np.empty((len(domains), self.context + 1), np.int64)
        for row, domain, block in zip(tokens, domains, blocks, strict=True):
            row[:] = self._pieces[domain].sequence(
                block, self.context
            )  # a copy a block is several times faster than one fancy index
        return tokens

    def places(self, positions: Any) -> list[tuple[str, int]]:
        """The domain of each of these sequences, and the how-manieth of the domain's in the run it is."""
        return [
            (self._pieces[index].domain, int(number))
            for index, number in zip(self.domains[positions], self._numbers[positions], strict=True)
        ]

    @cached_property
    def _numbers(self) -> Ints:
        return (
            (self.domains[:, None] == np.arange(len(self._pieces))).cumsum(0)[
                np.arange(len(self)), self.domains
            ]
            - 1
        ).astype(np.int64)

    @property
    def realised(self) -> Mapping[str, tuple[int, float]]:
        """Domain -> (training tokens, epochs), as taken."""
        epochs = self.counts / np.maximum(self.available, 1)
        names = (shard.domain for shard in self._pieces)
        return {
            name: (int(n) * self.context, float(e))
            for name, n, e in zip(names, self.counts, epochs, strict=True)
        }


def _blocks(shard: Shard, seed: int, count: int, whole: int, available: int) -> Ints:
    """(count,) blocks of one domain, pass after pass over the first `available` of the first pass's order."""
    if not available:
        raise MixwrightError(
            f"{shard.domain}: {len(shard.tokens)} tokens are under one sequence; give it more text or a shorter context"
        )
    passes = [
        block_order(seed, shard.domain, epoch, whole) for epoch in range(-(-count // available))
    ]
    if available < whole:
        kept = passes[0][:available]
        passes = [order[np.isin(order, kept)] for order in passes]
    return np.concatenate(passes)[:count]
