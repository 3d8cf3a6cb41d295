"""The loss that word frequencies alone reach.

A trained model must beat it before its loss means anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.corpus.shards import Examples, Ints


@dataclass(frozen=True, eq=False)
class Unigrams:
    """The domains' unigram models, of which mixtures are made.

    Probabilities are mixed by weight, then add-one smoothed as if counted on the domains' mean
    number of tokens (under the mixture), so that a token that no domain has costs a finite amount:
    p(token) = (mixed * size + 1) / (size + vocabulary).
    """

    # (domains, vocabulary) probabilities of each domain's own model
    models: NDArray[np.float64]
    # (domains,) tokens that each was counted on
    totals: NDArray[np.float64]

    @classmethod
    def of(cls, counts: ArrayLike) -> "Unigrams":
        """Returns the models of (domains, vocabulary) counts of tokens."""
        frequencies = np.array(counts, np.float64)
        totals = frequencies.sum(axis=1)
        frequencies /= np.maximum(totals, 1)[:, None]
        return cls(frequencies, totals)

    def logs(self, weights: ArrayLike) -> NDArray[np.float64]:
        """Returns (..., vocabulary): the tokens' log probabilities under (..., domains) weights."""
        share = np.asarray(weights, np.float64)
        mixed = share @ self.models
        size = (share @ self.totals)[..., None]
        mixed *= size
        mixed += 1
        mixed /= size + self.models.shape[1]
        return np.log(mixed, out=mixed)

    def losses(
        self, weights: ArrayLike, scored: Mapping[str, NDArray[np.float64]]
    ) -> dict[str, float]:
        """Returns the loss of one mixture on each target.

        Args:
            weights: (domains,).
            scored: target -> (vocabulary,), how often each token is scored.

        Returns:
            Target -> nats/token.
        """
        logs = self.logs(weights)
        return {target: float(_loss(logs, counts)) for target, counts in scored.items()}


def unigram_losses(
    weights: ArrayLike, counts: ArrayLike, examples: Examples
) -> NDArray[np.float64]:
    """Returns the loss of mixtures of the domains' unigram models, see `Unigrams`.

    Args:
        weights: (..., domains), mixtures.
        counts: (domains, vocabulary), how often each token stands in a domain.
        examples: what is scored.

    Returns:
        (...) nats/token of the scored tokens.
    """
    unigrams = Unigrams.of(counts)
    scored = scored_counts(examples, unigrams.models.shape[1])
    return _loss(unigrams.logs(weights), scored.astype(np.float64))


def _loss(logs: NDArray[np.float64], scored: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...) nats/token of (vocabulary,) scored tokens under (..., vocabulary) logs."""
    return np.asarray(-(logs @ scored) / max(scored.sum(), 1))


def scored_counts(examples: Examples, vocabulary: int) -> Ints:
    """Returns (vocabulary,): how often each token stands in the scored part of the examples."""
    scored = examples.tokens[scored_mask(examples)]
    return np.bincount(scored, minlength=vocabulary).astype(np.int64)


def scored_mask(examples: Examples) -> NDArray[np.bool_]:
    """Returns (tokens,): whether each token's loss counts."""
    opens = examples.starts[:-1] + examples.scored_from
    lengths = np.diff(examples.starts)
    return np.arange(len(examples.tokens)) >= np.repeat(opens, lengths)
