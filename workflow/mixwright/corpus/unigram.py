"""The loss that word frequencies alone reach.

A trained model must beat it before its loss means anything.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.corpus.shards import Examples, Ints


def unigram_losses(
    weights: ArrayLike, counts: ArrayLike, examples: Examples
) -> NDArray[np.float64]:
    """Returns the loss of mixtures of the domains' unigram models.

    Probabilities are mixed by weight, then add-one smoothed as if counted on the domains' mean
    number of tokens (under the mixture), so that a token that no domain has costs a finite amount:
    p(token) = (mixed * size + 1) / (size + vocabulary).

    Args:
        weights: (..., domains), mixtures.
        counts: (domains, vocabulary), how often each token stands in a domain.
        examples: what is scored.

    Returns:
        (...) nats/token of the scored tokens.
    """
    share = np.asarray(weights, np.float64)
    frequencies = np.asarray(counts, np.float64)
    vocabulary = frequencies.shape[1]
    totals = frequencies.sum(axis=1)
    # (domains, vocabulary) probabilities of each domain's own model
    models = frequencies / np.maximum(totals, 1)[:, None]
    mixed = share @ models
    size = (share @ totals)[..., None]
    logs = np.log((mixed * size + 1) / (size + vocabulary))
    scored = scored_counts(examples, vocabulary)
    return -(logs @ scored) / max(scored.sum(), 1)


def scored_counts(examples: Examples, vocabulary: int) -> Ints:
    """Returns (vocabulary,): how often each token stands in the scored part of the examples."""
    scored = examples.tokens[scored_mask(examples)]
    return np.bincount(scored, minlength=vocabulary).astype(np.int64)


def scored_mask(examples: Examples) -> NDArray[np.bool_]:
    """Returns (tokens,): whether each token's loss counts."""
    opens = examples.starts[:-1] + examples.scored_from
    lengths = np.diff(examples.starts)
    return np.arange(len(examples.tokens)) >= np.repeat(opens, lengths)
