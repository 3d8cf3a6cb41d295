"""Scores texts under stacked models: windows of the context's length, bucketed by length, the head computed only where a token counts."""

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

BATCH_TOKENS = 1024  # of one member; more leave the cache of a CPU
BATCH_TOKENS_ON_DEVICE = 65_536


@dataclass(frozen=True, eq=False)
class Window:
    """A text as it is read once: what is predicted, where, and for which example."""

    tokens: Ints  # (T,)
    places: Ints  # (scored,)
    labels: Ints  # (scored,)
    examples: (
        Ints  # (scored,) running number over all targets, of the example or of the scored token
    )


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows of about one length, padded at the end: what is read, which rows of the flattened states count, and for which example."""

    tokens: Tensor  # (B, T)
    places: Tensor  # (scored,) positions in B T
    labels: Tensor  # (scored,)
    examples: Tensor  # (scored,) running number over all targets


@dataclass(frozen=True, eq=False)
class Exam:
    """All targets' texts as batches, made once and scored often; masked one by one they are so many that they are made anew each time."""

    targets: Mapping[str, Examples]
    parts: tuple[list[Window], ...]
    device: str = "cpu"
    by_token: bool = False  # every scored token counts as an example
    mask: int | None = (
        None  # what stands for a token that is predicted from both sides; None: from what is before it
    )
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
        """Documents longer than `context` are read in windows that do not overlap; windows where nothing counts are left out.

        With `mask` a window is read once for every set of tokens masked together: every seventh, so that all are once, or each `alone`
        (pseudo-log-likelihood, arXiv 1910.14659); windows of one document are about equally long, those of one batch exactly.
        """
        read = (
            _windows(targets, context, by_token)
            if mask is None
            else _masked_windows(targets, context, by_token, alone)
        )
        windows = sorted(read, key=lambda window: len(window.tokens))
        size = BATCH_TOKENS if device == "cpu" else BATCH_TOKENS_ON_DEVICE
        return cls(
            targets, tuple(_cut(windows, size, mask is not None)), device, by_token, mask, alone
        )

    @property
    def batches(self) -> Iterable[Batch]:
        return (
            (_padded(part, self.device, self.mask) for part in self.parts)
            if self.alone
            else self._kept
        )

    @cached_property
    def _kept(self) -> tuple[Batch, ...]:
        return tuple(_padded(part, self.device, self.mask) for part in self.parts)

    def loglikelihoods(
        self, parameters: Parameters, shape: Shape, precision: torch.dtype
    ) -> dict[str, NDArray[np.float64]]:
        """Target -> (K, examples) natural log-likelihoods of the scored texts, token terms float32, summed in float64; or by token."""
        table = parameters["embedding"]
        sizes = [
            int(examples.scored_tokens.sum()) if self.by_token else len(examples)
            for examples in self.targets.values()
        ]
        found = torch.zeros(len(table), sum(sizes), dtype=torch.float64, device=table.device)
        with torch.no_grad():
            for batch in self.batches:
                with reduced(precision, found.device.type):
                    states = hidden_states(parameters, batch.tokens.unsqueeze(0), shape)
                    states, matrix = head(parameters, states[:, batch.places], shape)
                terms = loglikelihoods(states, matrix, batch.labels, precision)
                found.index_add_(1, batch.examples, terms.double())
        parts = found.cpu().split(sizes, dim=1)
        return {
            target: part.numpy()
            for target, part in zip(self.targets, parts, strict=bool(self.targets))
        }


def reduced(precision: torch.dtype, device: str) -> AbstractContextManager[None]:
    """Products in bfloat16 where that is asked; weights and what stands between products stay float32."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == torch.bfloat16)


def losses(
    loglikelihoods: NDArray[np.float64], examples: Examples
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(K,) nats/token and bits/byte from (K, examples) log-likelihoods, over all scored tokens together."""
    nats = -loglikelihoods.sum(axis=1)
    return nats / examples.scored_tokens.sum(), nats / (
        np.log(2) * max(int(examples.scored_bytes.sum()), 1)
    )


def _windows(targets: Mapping[str, Examples], context: int, by_token: bool) -> Iterator[Window]:
    """Every token predicted from those before it."""
    for examples, start, end, scored_from, number in _texts(targets, by_token):
        for at in range(start, end - 1, context):
            window = examples.tokens[at : min(end, at + context + 1)]
            places = np.arange(max(0, start + scored_from - 1 - at), len(window) - 1)
            if len(places):
                counted = number + (at + 1 + places - start - scored_from) * by_token
                yield Window(window[:-1], places, window[places + 1], counted)


def _masked_windows(
    targets: Mapping[str, Examples], context: int, by_token: bool, alone: bool
) -> Iterator[Window]:
    """Every token predicted from its window, as often as there are sets of them masked together."""
    for examples, start, end, scored_from, number in _texts(targets, by_token):
        edges = np.linspace(start, end, -(-(end - start) // context) + 1).round().astype(np.int64)
        for at, until in pairwise(edges.tolist()):
            window = examples.tokens[at:until]
            for places in masked_sets(
                np.arange(max(0, start + scored_from - at), until - at), alone
            ):
                counted = number + (at + places - start - scored_from) * by_token
                yield Window(window, places, window[places], counted)


def _texts(
    targets: Mapping[str, Examples], by_token: bool
) -> Iterator[tuple[Examples, int, int, int, int]]:
    """Of each example: start, end, first scored place, and its running number, or that of its first scored token."""
    number = 0
    for examples in targets.values():
        bounds = zip(
            examples.starts.tolist(),
            examples.starts[1:].tolist(),
            examples.scored_from.tolist(),
            strict=False,
        )
        for start, end, scored_from in bounds:
            yield examples, start, end, scored_from, number
            number += end - start - scored_from if by_token else 1


def _cut(windows: list[Window], size: int, equal: bool) -> Iterator[list[Window]]:
    """Consecutive windows, as many as `size` tokens hold when all are padded to the longest; of one length where padding would be seen."""
    start = 0
    for end in range(1, len(windows) + 1):
        whole = end == len(windows)
        if (
            whole
            or (end + 1 - start) * len(windows[end].tokens) > size
            or (equal and len(windows[end].tokens) > len(windows[start].tokens))
        ):
            yield windows[start:end]
            start = end


def _padded(windows: list[Window], device: str, mask: int | None) -> Batch:
    length = len(windows[-1].tokens)
    tokens = np.zeros((len(windows), length), np.int64)
    for row, window in enumerate(windows):
        tokens[row, : len(window.tokens)] = window.tokens
    places = np.concatenate([row * length + window.places for row, window in enumerate(windows)])
    if mask is not None:
        tokens.reshape(-1)[places] = mask
    arrays = (
        tokens,
        places,
        np.concatenate([w.labels for w in windows]),
        np.concatenate([w.examples for w in windows]),
    )
    return Batch(
        *(torch.from_numpy(np.ascontiguousarray(array, np.int64)).to(device) for array in arrays)
    )
