"""The loss that word frequencies alone reach: what a trained model must beat before its loss means anything."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.corpus.shards import Examples, Ints


def unigram_losses(
    weights: ArrayLike, counts: ArrayLike, examples: Examples
) -> NDArray[np.float64]:
    """(...) nats/token of the scored tokens under each mixture of `weights` (..., domains) of the domains' unigram models.

    `counts` is (domains, vocabulary). Probabilities are mixed by weight, then add-one smoothed as if counted on the domains' mean number of
    tokens (under the mixture), so that a token that no domain has costs a finite amount.
    """
    share, seen = np.asarray(weights, np.float64), np.asarray(counts, np.float64)
    totals = seen.sum(axis=1)
    mixed = share @ (seen / np.maximum(totals, 1)[:, None])
    size = (share @ totals)[..., None]
    logs = np.log((mixed * size + 1) / (size + seen.shape[1]))
    wanted = scored_counts(examples, seen.shape[1])
    return -(logs @ wanted) / max(wanted.sum(), 1)


def scored_counts(examples: Examples, vocabulary: int) -> Ints:
    """(vocabulary,) how often each token stands in the scored part of the examples."""
    return np.bincount(examples.tokens[scored_mask(examples)], minlength=vocabulary).astype(
        np.int64
    )


def scored_mask(examples: Examples) -> NDArray[np.bool_]:
    """(tokens,) whether each token's loss counts."""
    opens = np.repeat(examples.starts[:-1] + examples.scored_from, np.diff(examples.starts))
    return np.arange(len(examples.tokens)) >= opens
