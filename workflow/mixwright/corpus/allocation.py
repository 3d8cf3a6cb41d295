"""Which domain, and which of its blocks, feeds each sequence of a run.

The answer is the same for proxies and finals, packed, resumed or sharded.
"""

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

# Deficits closer than this are equal, so that rounding never decides.
TIE = 1e-9


def allocate(weights: ArrayLike, sequences: int) -> Ints:
    """Returns the domain of each sequence: the one whose count lags its weight most.

    Ties go to the lower index. Every prefix is near the mixture.

    Args:
        weights: (domains,).
        sequences: number of sequences.

    Returns:
        (sequences,) indices of domains.
    """
    # Of a few domains, lists are twice as fast as arrays.
    share = np.asarray(weights, np.float64).tolist()
    counts = [0] * len(share)
    chosen = []
    for position in range(1, sequences + 1):
        deficits = [weight * position - count for weight, count in zip(share, counts, strict=True)]
        limit = max(deficits) - TIE
        domain = next(index for index, deficit in enumerate(deficits) if deficit >= limit)
        chosen.append(domain)
        counts[domain] += 1
    return np.array(chosen, np.int64)


def block_order(seed: int, domain: str, epoch: int, blocks: int) -> Ints:
    """Returns (blocks,): the order of a domain's blocks in one pass.

    It sorts raw 64-bit draws, whose stream numpy keeps between versions.
    """
    name = hashlib.sha256(f"{seed}/{domain}/{epoch}".encode()).digest()
    stream = np.random.PCG64(int.from_bytes(name[:16], "little"))
    draws = stream.random_raw(blocks)
    return np.argsort(draws, kind="stable")


@dataclass(frozen=True, eq=False)
class Schedule:
    """The (domain, block) of each sequence of a run.

    It is a pure function of weights, seed and the domains' sizes.
    """

    # (sequences,) index into the shards
    domains: Ints
    # (sequences,)
    blocks: Ints
    # (shards,) sequences taken from each
    counts: Ints
    # (shards,) blocks that each has, or may show
    available: Ints
    _shards: Sequence[Shard] = field(repr=False)
    # tokens a sequence
    context: int

    @classmethod
    def of(
        cls,
        weights: ArrayLike,
        shards: Sequence[Shard],
        context: int,
        sequences: int,
        seed: int,
        share: ArrayLike = 1.0,
    ) -> "Schedule":
        """Returns the schedule of a run; the blocks of each pass come in a fresh order.

        Args:
            weights: (shards,).
            shards: the domains, in the weights' order (sorted by name).
            context: tokens a sequence.
            sequences: number of sequences of the run.
            seed: seed of the orders.
            share: part of each domain's blocks that the run may show, one for all or (shards,).
                Below 1 these are the first blocks in the order of the first pass, and the run
                repeats them.

        Raises:
            MixwrightError: a domain with weight has under one sequence of tokens.
        """
        domains = allocate(weights, sequences)
        counts = np.bincount(domains, minlength=len(shards))
        whole = np.array([shard.sequences(context) for shard in shards])
        shown = np.rint(np.minimum(share, 1.0) * whole).astype(np.int64)
        available = np.minimum(whole, np.maximum(1, shown))
        blocks = np.empty(sequences, np.int64)
        for index, shard in enumerate(shards):
            count = int(counts[index])
            if count == 0:
                continue
            places = domains == index
            blocks[places] = _blocks(
                shard,
                seed,
                count,
                whole=int(whole[index]),
                available=int(available[index]),
            )
        return cls(domains, blocks, counts, available, shards, context)

    def __len__(self) -> int:
        return len(self.domains)

    def read(self, positions: Any) -> Ints:
        """Returns (positions, context + 1) tokens."""
        domains = self.domains[positions].tolist()
        blocks = self.blocks[positions].tolist()
        tokens = np.empty((len(domains), self.context + 1), np.int64)
        for row, domain, block in zip(tokens, domains, blocks, strict=True):
            # A copy a block is several times faster than one fancy index.
            row[:] = self._shards[domain].sequence(block, self.context)
        return tokens

    def places(self, positions: Any) -> list[tuple[str, int]]:
        """Returns the domain of each sequence, and its number among the domain's in the run."""
        domains = self.domains[positions]
        numbers = self._numbers[positions]
        places = []
        for index, number in zip(domains, numbers, strict=True):
            name = self._shards[index].domain
            places.append((name, int(number)))
        return places

    @cached_property
    def _numbers(self) -> Ints:
        """(sequences,) how many of its domain's sequences came before each."""
        of_domain = self.domains[:, None] == np.arange(len(self._shards))
        counts = of_domain.cumsum(0)
        numbers = counts[np.arange(len(self)), self.domains] - 1
        return numbers.astype(np.int64)

    @property
    def realised(self) -> Mapping[str, tuple[int, float]]:
        """Returns domain -> (training tokens, epochs), as taken."""
        epochs = self.counts / np.maximum(self.available, 1)
        realised = {}
        for shard, count, passes in zip(self._shards, self.counts, epochs, strict=True):
            realised[shard.domain] = (int(count) * self.context, float(passes))
        return realised


def _blocks(shard: Shard, seed: int, count: int, whole: int, available: int) -> Ints:
    """(count,) blocks of a domain: pass after pass over the first `available` of the first."""
    if not available:
        raise MixwrightError(
            f"{shard.domain}: {len(shard.tokens)} tokens are under one sequence;"
            " give it more text or a shorter context"
        )
    epochs = -(-count // available)
    passes = [block_order(seed, shard.domain, epoch, whole) for epoch in range(epochs)]
    if available < whole:
        shown = passes[0][:available]
        passes = [order[np.isin(order, shown)] for order in passes]
    return np.concatenate(passes)[:count]
