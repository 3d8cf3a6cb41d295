"""Scores each target's examples under a single-domain run, and splits them 80/20.

The larger part may *choose* a mixture, the other one *reports* how good it is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples
from mixwright.corpus.unigram import scored_mask
from mixwright.observations import split_of

# Recorded tokens for each example where tokens are recorded one by one, evenly spread over all
# examples: a row for every token of every text would be millions.
TOKENS_AN_EXAMPLE = 16

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class LikelihoodTexts:
    """The examples whose log-likelihoods are recorded, and the part that each belongs to."""

    # target -> what is scored
    examples: Mapping[str, Examples]
    # target -> choose or report for each example, by a hash of its tokens
    splits: Mapping[str, tuple[str, ...]]
    # whether tokens are recorded one by one
    by_token: bool

    @classmethod
    def of(cls, evaluation: Mapping[str, Any], texts: Mapping[str, Examples]) -> "LikelihoodTexts":
        """Takes the first examples of each target.

        Args:
            evaluation: A resolved study's evaluation. Its `likelihood` says what is scored: the
                sequence (context and answer), the answer given its context, or the answer's
                tokens one by one.
            texts: Target -> all its examples.
        """
        level = evaluation["likelihood"]
        examples = {}
        splits = {}
        for target, all_texts in texts.items():
            first = all_texts.first(None, evaluation["examples"])
            # Before texts are cut: equal texts fall in the same part at any length.
            splits[target] = tuple(map(split_of, _bytes(first)))
            cut = first.first(None, None, evaluation["example_tokens"])
            examples[target] = cut.whole() if level == "sequence" else cut
        return cls(examples, splits, level == "token")

    def rows(self, loglikelihoods: Mapping[str, NDArray[np.float64]]) -> list[Row]:
        """Returns rows of tables.LOGLIKELIHOODS without the run.

        Args:
            loglikelihoods: Target -> (examples,) or, if `by_token`, (scored tokens,) in nats.
        """
        rows: list[Row] = []
        for target, values in loglikelihoods.items():
            if self.by_token:
                rows += self._token_rows(target, values)
            else:
                rows += self._example_rows(target, values)
        return rows

    def _example_rows(self, target: str, values: NDArray[np.float64]) -> Iterator[Row]:
        examples = self.examples[target]
        tokens = examples.scored_tokens
        sizes = examples.scored_bytes
        for example in range(len(examples)):
            yield {
                "target": target,
                "example": example,
                "loglikelihood": float(values[example]),
                "scored_tokens": int(tokens[example]),
                "bytes": int(sizes[example]),
                "split": self.splits[target][example],
            }

    def _token_rows(self, target: str, values: NDArray[np.float64]) -> Iterator[Row]:
        """Yields a sample of the scored tokens; each is an example."""
        examples = self.examples[target]
        tokens = examples.scored_tokens
        sizes = examples.token_bytes[scored_mask(examples)]
        count = min(len(values), TOKENS_AN_EXAMPLE * len(examples))
        spread = np.linspace(0, len(values) - 1, count)
        sample = np.unique(spread.astype(np.int64))
        owners = np.repeat(np.arange(len(examples)), tokens)
        for number in sample.tolist():
            example = int(owners[number])
            yield {
                "target": target,
                "example": number,
                "loglikelihood": float(values[number]),
                "scored_tokens": 1,
                "bytes": int(sizes[number]),
                "split": self.splits[target][example],
            }


def _bytes(examples: Examples) -> Iterator[bytes]:
    """Yields the tokens of each example, context and answer, as bytes."""
    for start, end in pairwise(examples.starts):
        yield examples.tokens[start:end].tobytes()
