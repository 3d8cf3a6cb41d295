"""Texts cut into windows that a model reads: each scored token is predicted in one of them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from mixwright.corpus.shards import Examples, Ints
from mixwright.proxies.models.masking import masked_sets

# The windows of a long text move on by a context over this. Half a context costs up to twice the
# tokens of windows that do not overlap, and no token has less than half a context before it: what
# is beyond that moves a loss little, what is missing at a window's start moves it much.
STRIDES = 2


@dataclass(frozen=True, eq=False)
class Window:
    """A piece of text that a model reads once: what it predicts, where, and for which example."""

    # (T,) what the model sees
    tokens: Ints
    # (scored,) positions that predict
    places: Ints
    # (scored,) the tokens to predict
    labels: Ints
    # (scored,) column of the result that each log-likelihood is added to
    columns: Ints


@dataclass(frozen=True, eq=False)
class _Text:
    """One example among the tokens of its target."""

    # all tokens of the target
    tokens: Ints
    # of the example: its first token, the end of its last, and its first scored token
    start: int
    end: int
    scored: int
    # the example's column, or that of its first scored token
    column: int
    by_token: bool

    def columns(self, positions: Ints) -> Ints:
        """Returns the column of each scored token, by its position among the target's tokens."""
        if self.by_token:
            return self.column + (positions - self.scored)
        return np.full(len(positions), self.column, np.int64)


def causal_windows(
    targets: Mapping[str, Examples], context: int, by_token: bool
) -> Iterator[Window]:
    """Yields windows in which every token is predicted from those before it.

    A text that fits is one window. Of a longer one each window goes on half a context after the
    one before and predicts what is new in it, so that every token has half a context before it.
    A short answer behind a long context stands at the end of one window.

    Args:
        targets: target -> texts.
        context: tokens that a model reads at most.
        by_token: whether every scored token has a column of its own.
    """
    for text in _texts(targets, by_token):
        scored = text.scored
        for start, end in causal_spans(text.start, text.end, scored, context):
            # The last token is predicted and not read.
            places = np.arange(scored - 1 - start, end - 1 - start)
            columns = text.columns(start + 1 + places)
            labels = text.tokens[scored:end]
            yield Window(text.tokens[start : end - 1], places, labels, columns)
            scored = end


def causal_spans(start: int, end: int, scored: int, context: int) -> Iterator[tuple[int, int]]:
    """Yields (first token read, end of the tokens predicted) of each window of a text.

    A window predicts from the end of the one before on, the first one from `scored` on.

    Args:
        start: the text's first token.
        end: after its last one.
        scored: its first token to predict, later than `start`.
        context: tokens of a window at most; it predicts one more than it reads.
    """
    stride = max(1, context // STRIDES)
    predicted = min(end, max(start + context + 1, scored + stride))
    yield max(start, predicted - 1 - context), predicted
    while predicted < end:
        first = predicted + stride - 1 - context
        predicted = min(end, predicted + stride)
        yield first, predicted


def masked_windows(
    targets: Mapping[str, Examples], context: int, by_token: bool, alone: bool
) -> Iterator[Window]:
    """Yields each window once for every set of its tokens that are masked together.

    The windows of a text are about equally long and do not overlap: a token at a window's start
    has what follows it. Other arguments are as for `causal_windows`; `alone` masks one token at a
    time.
    """
    for text in _texts(targets, by_token):
        count = math.ceil((text.end - text.start) / context)
        spread = np.linspace(text.start, text.end, count + 1)
        edges = spread.round().astype(np.int64)
        for start, end in pairwise(edges.tolist()):
            tokens = text.tokens[start:end]
            first = max(0, text.scored - start)
            scored = np.arange(first, len(tokens))
            for places in masked_sets(scored, alone):
                columns = text.columns(start + places)
                yield Window(tokens, places, tokens[places], columns)


def _texts(targets: Mapping[str, Examples], by_token: bool) -> Iterator[_Text]:
    """Yields the examples of all targets, in the order of their columns."""
    column = 0
    for examples in targets.values():
        edges = pairwise(examples.starts.tolist())
        for (start, end), scored_from in zip(edges, examples.scored_from.tolist(), strict=False):
            scored = start + scored_from
            yield _Text(examples.tokens, start, end, scored, column, by_token)
            if by_token:
                column += end - scored
            else:
                column += 1
