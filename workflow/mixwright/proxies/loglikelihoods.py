"""What a vertex run records of each target's examples: the log-likelihoods of what, and which of them may choose a mixture."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples
from mixwright.observations import split_of

TOKENS_AN_EXAMPLE = 16  # recorded of the tokens, evenly spread over all examples: a row a token of every text would be millions

Row = dict[str, Any]


@dataclass(frozen=True, eq=False)
class LikelihoodTexts:
    """Examples of each target, and the part of them, choose or report, that the hash of their tokens puts them in."""

    examples: Mapping[str, Examples]
    splits: Mapping[str, tuple[str, ...]]
    by_token: bool

    @classmethod
    def of(cls, evaluation: Mapping[str, Any], texts: Mapping[str, Examples]) -> "LikelihoodTexts":
        """`evaluation.likelihood`: of the sequence (context and answer), of the answer given its context, or of the answer's tokens."""
        first = {name: given.first(None, evaluation["examples"]) for name, given in texts.items()}
        splits = {name: tuple(map(split_of, _bytes(given))) for name, given in first.items()}
        cut = {
            name: given.first(None, None, evaluation["example_tokens"])
            for name, given in first.items()
        }
        level = evaluation["likelihood"]
        return cls(
            {name: given.whole() if level == "sequence" else given for name, given in cut.items()},
            splits,
            level == "token",
        )

    def rows(self, loglikelihoods: Mapping[str, NDArray[np.float64]]) -> list[Row]:
        """Rows of tables.LOGLIKELIHOODS without the run."""
        return [
            row for target, values in loglikelihoods.items() for row in self._rows(target, values)
        ]

    def _rows(self, target: str, values: NDArray[np.float64]) -> Iterator[Row]:
        given = self.examples[target]
        counts, sizes = given.scored_tokens, given.scored_bytes
        of = np.arange(len(given))
        chosen = of
        if self.by_token:
            chosen = np.unique(
                np.linspace(
                    0, len(values) - 1, min(len(values), TOKENS_AN_EXAMPLE * len(given))
                ).astype(np.int64)
            )
            of = np.repeat(of, counts)[chosen]
            sizes, counts = (
                np.rint(sizes / np.maximum(counts, 1)).astype(np.int64),
                np.ones_like(counts),
            )
        for number, example in zip(chosen.tolist(), of.tolist(), strict=True):
            yield {
                "target": target,
                "example": number,
                "loglikelihood": float(values[number]),
                "scored_tokens": int(counts[example]),
                "bytes": int(sizes[example]),
                "split": self.splits[target][example],
            }


def _bytes(examples: Examples) -> Iterator[bytes]:
    """Each example's tokens, context and all: equal texts fall in the same part."""
    for start, end in zip(examples.starts, examples.starts[1:], strict=False):
        yield examples.tokens[start:end].tobytes()
