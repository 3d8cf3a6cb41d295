"""From log-likelihoods of texts to rows of tables.LOSSES. Imports no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples, Shard
from mixwright.corpus.unigram import Unigrams, scored_counts
from mixwright.mixture import Mixture
from mixwright.proxies.questions import NO_QUESTIONS, Questions

Row = dict[str, Any]
Floats = NDArray[np.float64]


def losses(loglikelihoods: Floats, examples: Examples) -> tuple[Floats, Floats]:
    """Returns (K,) nats/token and (K,) bits/byte over all scored tokens of the examples.

    Args:
        loglikelihoods: (K, examples), in nats.
        examples: The texts that were scored.
    """
    nats = -loglikelihoods.sum(axis=1)
    scored_bytes = max(int(examples.scored_bytes.sum()), 1)
    per_token = nats / examples.scored_tokens.sum()
    return per_token, nats / (np.log(2) * scored_bytes)


@dataclass(frozen=True, eq=False)
class LossRows:
    """Makes the rows of one member at one step; knows what word frequencies alone reach."""

    targets: Mapping[str, Examples]
    # sorted by domain, as the mixtures' weights
    shards: Sequence[Shard]
    # whose answers tell accuracies, where they were scored
    questions: Questions = NO_QUESTIONS
    # mixture's weights as bytes -> target -> nats/token
    _references: dict[bytes, dict[str, float]] = field(default_factory=dict, repr=False)

    def of(
        self, mixture: Mixture, step: int, tokens: int, scored: Mapping[str, Floats]
    ) -> list[Row]:
        """Returns a row of tables.LOSSES, without the run, for each target.

        Args:
            mixture: What the member learns from.
            step: Steps that it has taken.
            tokens: Tokens that it has read.
            scored: Target -> (examples,) in nats, and answers of questions. A target that is
                missing, or whose loss is not finite, has diverged.
        """
        if not self.targets:
            return []
        references = self._references_of(mixture)
        answered = self.questions.columns(scored)
        rows = []
        for target, examples in self.targets.items():
            row: Row = {
                "target": target,
                "step": step,
                "tokens": tokens,
                "loss": None,
                "bits_per_byte": None,
                "scored_tokens": int(examples.scored_tokens.sum()),
                "unigram_loss": references[target],
                "status": "diverged",
            }
            if target in scored:
                nats, bits = losses(scored[target][None], examples)
                if np.isfinite(nats[0]):
                    row |= {"loss": float(nats[0]), "bits_per_byte": float(bits[0])}
                    row["status"] = "ok"
                    row |= answered.get(target, {})
            rows.append(row)
        return rows

    def _references_of(self, mixture: Mixture) -> dict[str, float]:
        """Target -> what word frequencies alone reach; computed once for each mixture."""
        name = mixture.weights.tobytes()
        if name not in self._references:
            # One mixture at a time: of several at once, rounding depends on their number.
            self._references[name] = self._unigrams.losses(mixture.weights, self._counts)
        return self._references[name]

    @cached_property
    def _unigrams(self) -> Unigrams:
        return Unigrams.of(np.stack([shard.unigram for shard in self.shards]))

    @cached_property
    def _counts(self) -> dict[str, Floats]:
        """Target -> (vocabulary,) how often each token is scored."""
        vocabulary = self.shards[0].vocabulary
        counts = {}
        for target, examples in self.targets.items():
            counts[target] = scored_counts(examples, vocabulary).astype(np.float64)
        return counts
