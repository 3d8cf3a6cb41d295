"""Scores texts under stacked models: windows of the context's length, bucketed by length, the head computed only where a token counts."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixwright.corpus.shards import Examples, Ints
from mixwright.learners.kernels import loglikelihoods
from mixwright.learners.transformer import Parameters, Shape, hidden_states

BATCH_TOKENS = 1024  # of one member; more leave the cache of a CPU
BATCH_TOKENS_ON_DEVICE = 65_536


@dataclass(frozen=True, eq=False)
class Batch:
    """Windows of about one length, padded at the end: what is read, which rows of the flattened states count, and for which example."""

    tokens: Tensor  # (B, T)
    places: Tensor  # (scored,) positions in B T
    labels: Tensor  # (scored,)
    examples: Tensor  # (scored,) running number over all targets


@dataclass(frozen=True, eq=False)
class Exam:
    """All targets' texts as batches, made once and scored often."""

    targets: Mapping[str, Examples]
    batches: tuple[Batch, ...]
    by_token: bool = False  # every scored token counts as an example

    @classmethod
    def of(cls, targets: Mapping[str, Examples], context: int, device: str = "cpu", by_token: bool = False) -> "Exam":
        """Documents longer than `context` are read in windows that do not overlap; windows where nothing counts are left out."""
        windows = sorted(_windows(targets, context, by_token), key=lambda window: len(window[0]))
        size = BATCH_TOKENS if device == "cpu" else BATCH_TOKENS_ON_DEVICE
        return cls(targets, tuple(_padded(part, device, by_token) for part in _cut(windows, size)), by_token)

    def loglikelihoods(self, parameters: Parameters, shape: Shape, precision: torch.dtype) -> dict[str, NDArray[np.float64]]:
        """Target -> (K, examples) natural log-likelihoods of the scored texts, token terms float32, summed in float64; or by token."""
        members = len(parameters["head"])
        sizes = [int(examples.scored_tokens.sum()) if self.by_token else len(examples) for examples in self.targets.values()]
        found = torch.zeros(members, sum(sizes), dtype=torch.float64, device=parameters["head"].device)
        with torch.no_grad():
            for batch in self.batches:
                with reduced(precision, found.device.type):
                    states = hidden_states(parameters, batch.tokens.unsqueeze(0), shape)
                terms = loglikelihoods(states[:, batch.places], parameters["head"], batch.labels, precision)
                found.index_add_(1, batch.examples, terms.double())
        parts = found.cpu().split(sizes, dim=1)
        return {target: part.numpy() for target, part in zip(self.targets, parts, strict=bool(self.targets))}


def reduced(precision: torch.dtype, device: str) -> AbstractContextManager[None]:
    """Products in bfloat16 where that is asked; weights and what stands between products stay float32."""
    return torch.autocast(device, torch.bfloat16, enabled=precision == torch.bfloat16)


def losses(loglikelihoods: NDArray[np.float64], examples: Examples) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(K,) nats/token and bits/byte from (K, examples) log-likelihoods, over all scored tokens together."""
    nats = -loglikelihoods.sum(axis=1)
    return nats / examples.scored_tokens.sum(), nats / (np.log(2) * max(int(examples.scored_bytes.sum()), 1))


def _windows(targets: Mapping[str, Examples], context: int, by_token: bool) -> Iterator[tuple[Ints, int, int]]:
    """(tokens read and the one after them, first scored position, example, or number of the first scored token) of each window."""
    number = 0
    for examples in targets.values():
        for start, end, scored_from in zip(examples.starts, examples.starts[1:], examples.scored_from, strict=False):
            for at in range(start, end - 1, context):
                first = max(0, start + scored_from - 1 - at)
                if first < context:
                    window = examples.tokens[at : min(end, at + context + 1)]
                    yield window, first, number
                    number += max(0, len(window) - 1 - first) if by_token else 0
            number += 0 if by_token else 1


def _cut(windows: list[tuple[Ints, int, int]], size: int) -> Iterator[list[tuple[Ints, int, int]]]:
    """Consecutive windows, as many as `size` tokens hold when all are padded to the longest."""
    start = 0
    for end in range(1, len(windows) + 1):
        if end == len(windows) or (end + 1 - start) * (len(windows[end][0]) - 1) > size:
            yield windows[start:end]
            start = end


def _padded(windows: list[tuple[Ints, int, int]], device: str, by_token: bool) -> Batch:
    length = len(windows[-1][0]) - 1
    tokens = np.zeros((len(windows), length), np.int64)
    for row, (window, _, _) in enumerate(windows):
        tokens[row, : len(window) - 1] = window[:-1]
    places = [row * length + np.arange(first, len(window) - 1) for row, (window, first, _) in enumerate(windows)]
    labels = [window[first + 1 :] for window, first, _ in windows]
    sizes = [len(part) for part in labels]
    examples = np.repeat([number for _, _, number in windows], sizes)
    if by_token:
        examples = examples + np.concatenate([np.arange(size) for size in sizes])
    arrays = (tokens, np.concatenate(places), np.concatenate(labels), examples)
    return Batch(*(torch.from_numpy(np.ascontiguousarray(array, np.int64)).to(device) for array in arrays))
