"""Schedules and unigram losses, written plainly: what the quick ones have to equal exactly."""

from collections.abc import Sequence

import numpy as np

from mixwright.corpus.orders import block_order
from mixwright.corpus.shards import Shard
from mixwright.corpus.unigram import scored_counts


def domains_of(weights: Sequence[float], sequences: int) -> list[int]:
    """The domain of each sequence."""
    share = [float(weight) for weight in weights]
    counts = [0] * len(share)
    chosen = []
    for position in range(1, sequences + 1):
        deficits = [weight * position - count for weight, count in zip(share, counts, strict=True)]
        limit = max(deficits) - 1e-9
        domain = next(index for index, deficit in enumerate(deficits) if deficit >= limit)
        chosen.append(domain)
        counts[domain] += 1
    return chosen


def blocks_of(shard: Shard, context: int, seed: int, count: int, share: float) -> np.ndarray:
    """The blocks of a domain's first `count` sequences of a run."""
    whole = shard.sequences(context)
    available = min(whole, max(1, round(min(share, 1.0) * whole)))
    passes = []
    for epoch in range(-(-count // available)):
        order = block_order(seed, shard.domain, epoch, whole)
        if available < whole:
            order = order[np.isin(order, block_order(seed, shard.domain, 0, whole)[:available])]
        passes.append(order)
    return np.concatenate(passes)[:count]


def schedule(
    weights: Sequence[float],
    shards: Sequence[Shard],
    context: int,
    sequences: int,
    seed: int,
    shares: Sequence[float],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(sequences,) domains, blocks, and numbers among the domain's sequences."""
    domains = np.array(domains_of(weights, sequences))
    blocks = np.zeros(sequences, int)
    numbers = np.zeros(sequences, int)
    for index, shard in enumerate(shards):
        places = np.flatnonzero(domains == index)
        numbers[places] = np.arange(len(places))
        if len(places):
            blocks[places] = blocks_of(shard, context, seed, len(places), shares[index])
    return domains, blocks, numbers


def unigram_losses(weights, counts, examples) -> np.ndarray:
    """The loss of mixtures, from the counts on for every target."""
    share = np.asarray(weights, np.float64)
    frequencies = np.asarray(counts, np.float64)
    vocabulary = frequencies.shape[1]
    totals = frequencies.sum(axis=1)
    models = frequencies / np.maximum(totals, 1)[:, None]
    mixed = share @ models
    size = (share @ totals)[..., None]
    logs = np.log((mixed * size + 1) / (size + vocabulary))
    scored = scored_counts(examples, vocabulary)
    return -(logs @ scored) / max(scored.sum(), 1)
