"""Scores texts under stacked models.

Texts are read in windows of the context's length, windows of about one length together, and the
output head is computed only where a token counts.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixwright.corpus.shards import Examples, Ints
from mixwright.proxies.models.fused_head import loglikelihoods
from mixwright.proxies.models.masking import masked_sets
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import head, hidden_states

# tokens of a batch that one member reads; more leave the cache of a CPU
BATCH_TOKENS = 1024
BATCH_TOKENS_ON_DEVICE = 65_536


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
class ExamBatch:
    """Windows of about one length, padded at their ends, on the device."""

    # (B, T) what all members see
    tokens: Tensor
    # (scored,) rows of the flattened (B T) states that predict
    places: Tensor
    # (scored,) the tokens to predict
    labels: Tensor
    # (scored,) column of the result that each log-likelihood is added to
    columns: Tensor


@dataclass(frozen=True, eq=False)
class Exam:
    """The texts of all targets as batches, made once and scored often."""

    targets: Mapping[str, Examples]
    # windows of each batch
    chunks: tuple[list[Window], ...]
    device: str = "cpu"
    # whether every scored token gets a column of its own, not every example
    by_token: bool = False
    # token that stands for what a masked model predicts; None for a causal model
    mask: int | None = None
    # whether a masked model predicts one token of a window at a time
    alone: bool = False

    @classmethod
    def of(
        cls,
        targets: Mapping[str, Examples],
        context: int,
        device: str = "cpu",
        by_token: bool = False,
        mask: int | None = None,
        alone: bool = False,
    ) -> "Exam":
        """Cuts texts into windows and batches.

        Windows do not overlap. One in which no token counts is left out. With `mask` a window is
        read once for every set of tokens that are masked together: every seventh token, so that
        each token is masked once, or one token at a time if `alone` (pseudo-log-likelihood,
        arXiv 1910.14659). Windows of one document are then about equally long, and those of one
        batch exactly, for a masked model would see the padding.

        Args:
            targets: Target -> texts.
            context: Tokens that a model reads at most.
            device: Where the batches are held.
            by_token: Whether every scored token counts as an example.
            mask: The mask token of a masked model.
            alone: Whether every token is masked on its own.
        """
        windows = _causal_windows(targets, context, by_token)
        if mask is not None:
            windows = _masked_windows(targets, context, by_token, alone)
        by_length = sorted(windows, key=lambda window: len(window.tokens))
        size = BATCH_TOKENS if device == "cpu" else BATCH_TOKENS_ON_DEVICE
        chunks = tuple(_chunks(by_length, size, equal=mask is not None))
        return cls(targets, chunks, device, by_token, mask, alone)

    @property
    def batches(self) -> Iterable[ExamBatch]:
        """The batches, held on the device; if `alone` they are too many and made each time."""
        if self.alone:
            return self._made_batches()
        return self._held_batches

    def _made_batches(self) -> Iterator[ExamBatch]:
        for windows in self.chunks:
            yield _padded(windows, self.device, self.mask)

    @cached_property
    def _held_batches(self) -> tuple[ExamBatch, ...]:
        return tuple(self._made_batches())

    def loglikelihoods(
        self, parameters: Parameters, shape: Shape, precision: torch.dtype
    ) -> dict[str, NDArray[np.float64]]:
        """Returns target -> (K, examples) natural log-likelihoods of the scored tokens.

        With `by_token` it is (K, scored tokens). A token's term is float32; terms are summed in
        float64. `precision` is that of products.
        """
        results: dict[str, NDArray[np.float64]] = {}
        if not self.targets:
            return results
        sizes = [self._columns_of(examples) for examples in self.targets.values()]
        table = parameters["embedding"]
        device = table.device
        members = len(table)
        sums = torch.zeros(members, sum(sizes), dtype=torch.float64, device=device)
        with torch.no_grad():
            for batch in self.batches:
                tokens = batch.tokens.unsqueeze(0)
                with products_in(precision, device.type):
                    states = hidden_states(parameters, tokens, shape)
                    # The same name: the states of all tokens are freed before the head is computed.
                    states, matrix = head(parameters, states[:, batch.places], shape)
                terms = loglikelihoods(states, matrix, batch.labels, precision)
                sums.index_add_(1, batch.columns, terms.double())
        by_target = sums.cpu().split(sizes, dim=1)
        for target, part in zip(self.targets, by_target, strict=True):
            results[target] = part.numpy()
        return results

    def _columns_of(self, examples: Examples) -> int:
        if self.by_token:
            return int(examples.scored_tokens.sum())
        return len(examples)


def products_in(precision: torch.dtype, device: str) -> AbstractContextManager[None]:
    """Computes products in bfloat16 if that is the `precision`.

    Weights, and what stands between products, stay float32.
    """
    return torch.autocast(device, torch.bfloat16, enabled=precision == torch.bfloat16)


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


def _causal_windows(
    targets: Mapping[str, Examples], context: int, by_token: bool
) -> Iterator[Window]:
    """Yields windows in which every token is predicted from those before it."""
    for text in _texts(targets, by_token):
        for start in range(text.start, text.end - 1, context):
            # One more than the context: the last token is predicted and not read.
            tokens = text.tokens[start : min(text.end, start + context + 1)]
            first = max(0, text.scored - 1 - start)
            places = np.arange(first, len(tokens) - 1)
            if len(places):
                columns = text.columns(start + 1 + places)
                yield Window(tokens[:-1], places, tokens[places + 1], columns)


def _masked_windows(
    targets: Mapping[str, Examples], context: int, by_token: bool, alone: bool
) -> Iterator[Window]:
    """Yields each window once for every set of its tokens that are masked together."""
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


def _chunks(windows: list[Window], size: int, equal: bool) -> Iterator[list[Window]]:
    """Cuts windows, sorted by length, into batches.

    A batch holds at most `size` tokens once all its windows are padded to the longest; one window
    may be longer than that. If `equal`, all its windows are of one length.
    """
    chunk: list[Window] = []
    for window in windows:
        length = len(window.tokens)
        full = (len(chunk) + 1) * length > size
        unequal = equal and bool(chunk) and length > len(chunk[0].tokens)
        if chunk and (full or unequal):
            yield chunk
            chunk = []
        chunk.append(window)
    if chunk:
        yield chunk


def _padded(windows: list[Window], device: str, mask: int | None) -> ExamBatch:
    """Makes a batch; its last window is the longest."""
    length = len(windows[-1].tokens)
    tokens = np.zeros((len(windows), length), np.int64)
    places = []
    labels = []
    columns = []
    for row, window in enumerate(windows):
        tokens[row, : len(window.tokens)] = window.tokens
        places.append(row * length + window.places)
        labels.append(window.labels)
        columns.append(window.columns)
    if mask is not None:
        tokens.reshape(-1)[np.concatenate(places)] = mask
    return ExamBatch(
        torch.from_numpy(tokens).to(device),
        _joined(places, device),
        _joined(labels, device),
        _joined(columns, device),
    )


def _joined(arrays: list[Ints], device: str) -> Tensor:
    """Returns arrays end to end, as int64 on the device."""
    flat = np.concatenate(arrays, dtype=np.int64)
    return torch.from_numpy(flat).to(device)
