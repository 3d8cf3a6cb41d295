"""Scores texts under stacked models, and under a model of transformers in the same windows.

Windows of about one length are read together, and the output head is computed only where a token
counts. On a GPU a pass takes a bounded share of the memory, beside what training holds: batches
follow from the shape and the device, and only the members of a pass from how much is free. So a
full device changes no batch.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixwright.corpus.shards import Examples, Ints
from mixwright.proxies.device import out_of_memory
from mixwright.proxies.footprint import activation_mb
from mixwright.proxies.models.fused_head import loglikelihoods
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import head, hidden_states
from mixwright.proxies.readout import Readout
from mixwright.proxies.windows import Window, causal_windows, masked_windows

if TYPE_CHECKING:
    from transformers import PreTrainedModel

# tokens of a batch that one member reads; more leave the cache of a CPU
BATCH_TOKENS = 1024
BATCH_TOKENS_ON_DEVICE = 65_536
# share of a GPU's memory that a pass may take, its logits not counted
SHARE = 0.05
# Bytes of an exam's batches, and of its sums, that stay on a GPU. Others are sent for each time.
HELD_BYTES = 128 << 20
# of tokens, places, labels, columns and sums
NUMBER_BYTES = 8

# log-likelihoods (members, scored) of a batch under some members
Terms = Callable[["ExamBatch", slice], Tensor]


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
        batch_tokens: int | None = None,
    ) -> "Exam":
        """Cuts texts into windows (see `proxies.windows`) and batches.

        With `mask` a window is read once for every set of tokens that are masked together: every
        seventh token, so that each token is masked once, or one token at a time if `alone`
        (pseudo-log-likelihood, arXiv 1910.14659). Windows of one batch are then exactly equally
        long, for a masked model would see the padding.

        Args:
            targets: Target -> texts.
            context: Tokens that a model reads at most.
            device: Where the batches are held.
            by_token: Whether every scored token counts as an example.
            mask: The mask token of a masked model.
            alone: Whether every token is masked on its own.
            batch_tokens: Tokens of a batch at most, if it has several windows; None for what fits
                packed models.
        """
        if mask is None:
            windows = causal_windows(targets, context, by_token)
        else:
            windows = masked_windows(targets, context, by_token, alone)
        by_length = sorted(windows, key=lambda window: len(window.tokens))
        if batch_tokens is None:
            batch_tokens = BATCH_TOKENS if device == "cpu" else BATCH_TOKENS_ON_DEVICE
        chunks = tuple(_chunks(by_length, batch_tokens, equal=mask is not None))
        return cls(targets, chunks, device, by_token, mask, alone)

    @property
    def batches(self) -> Iterable[ExamBatch]:
        """The batches on the device: held there, or made each time where they are too many."""
        if self.alone or (self.device != "cpu" and self.nbytes > HELD_BYTES):
            return self._made_batches()
        return self._held_batches

    @property
    def nbytes(self) -> int:
        """Bytes of all batches."""
        numbers = 0
        for windows in self.chunks:
            numbers += len(windows) * len(windows[-1].tokens)
            # places, labels and columns
            numbers += 3 * sum(len(window.labels) for window in windows)
        return numbers * NUMBER_BYTES

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
        device = parameters["embedding"].device.type

        def terms(batch: ExamBatch, members: slice) -> Tensor:
            chosen = {name: tensor[members] for name, tensor in parameters.items()}
            with products_in(precision, device):
                states = hidden_states(chosen, batch.tokens.unsqueeze(0), shape)
                # The same name: the states of all tokens are freed before the head is computed.
                states, matrix = head(chosen, states[:, batch.places], shape)
            return loglikelihoods(states, matrix, batch.labels, precision)

        room = room_bytes(device)
        return self._summed(terms, len(parameters["embedding"]), room / token_bytes(shape))

    def loglikelihoods_of(self, model: "PreTrainedModel") -> dict[str, NDArray[np.float64]]:
        """Returns the same of one model of transformers, so that K is 1.

        It reads the very windows that packed models read, in the precision of its weights.

        Args:
            model: For causal or, with `mask`, masked language modeling; on the exam's device, and
                ready to evaluate.
        """
        readout: list[Readout] = []

        def terms(batch: ExamBatch, _: slice) -> Tensor:
            if not readout:
                readout.append(Readout.of(model, batch.tokens, masked=self.mask is not None))
            rows = readout[0].loglikelihoods(batch.tokens, batch.places, batch.labels)
            return rows.unsqueeze(0)

        return self._summed(terms, 1, math.inf)

    def _summed(self, terms: Terms, members: int, room: float) -> dict[str, NDArray[np.float64]]:
        """Sums the log-likelihoods (K, scored) of each batch by example, or by token.

        Args:
            terms: Scores a batch under some members.
            members: K.
            room: Tokens of a pass at most, of all its members.

        Raises:
            RuntimeError: Memory does not hold a pass of one member.
        """
        results: dict[str, NDArray[np.float64]] = {}
        if not self.targets:
            return results
        sizes = [self._columns_of(examples) for examples in self.targets.values()]
        held = members * sum(sizes) * NUMBER_BYTES <= HELD_BYTES
        place = self.device if held else "cpu"
        sums = torch.zeros(members, sum(sizes), dtype=torch.float64, device=place)
        most = members
        with torch.no_grad():
            for batch in self.batches:
                columns = batch.columns.to(place)
                fitting = max(1, int(min(room / batch.tokens.numel(), most)))
                start = 0
                while start < members:
                    part = slice(start, min(start + fitting, members))
                    values = _unless_full(terms, batch, part)
                    if values is None:
                        # for the batches after this one too
                        fitting = most = (part.stop - start + 1) // 2
                        continue
                    sums[part].index_add_(1, columns, values.double().to(place))
                    start = part.stop
        by_target = sums.cpu().split(sizes, dim=1)
        for target, part_of_sums in zip(self.targets, by_target, strict=True):
            results[target] = part_of_sums.numpy()
        return results

    def _columns_of(self, examples: Examples) -> int:
        if self.by_token:
            return int(examples.scored_tokens.sum())
        return len(examples)


def _unless_full(terms: Terms, batch: ExamBatch, members: slice) -> Tensor | None:
    """Scores a batch under some members; None where memory holds fewer of them alone.

    It returns before the others are tried, for the error holds on to what filled the memory.
    """
    try:
        return terms(batch, members)
    except (MemoryError, RuntimeError) as error:
        if members.stop - members.start < 2 or not out_of_memory(error):
            raise
    return None


def room_bytes(device: str) -> float:
    """Returns the bytes of activations that a pass of scoring may take; on a CPU no bound."""
    if device == "cpu":
        return math.inf
    gpu = torch.cuda.get_device_properties(torch.cuda.current_device())
    return float(SHARE * gpu.total_memory)


def token_bytes(shape: Shape) -> float:
    """Returns the bytes that a token of a pass takes: those of one layer, for none is kept."""
    layer_mb = activation_mb({**vars(shape), "layers": 1}, 1, shape.attention)
    return layer_mb * 2**20 / shape.context


def batch_tokens(shape: Shape, device: str) -> int:
    """Returns the tokens of a batch that packed models of a shape read on a device."""
    if device == "cpu":
        return BATCH_TOKENS
    fitting = int(room_bytes(device) / token_bytes(shape))
    return min(BATCH_TOKENS_ON_DEVICE, max(fitting, shape.context))


def products_in(precision: torch.dtype, device: str) -> AbstractContextManager[None]:
    """Computes products in bfloat16 if that is the `precision`.

    Weights, and what stands between products, stay float32.
    """
    return torch.autocast(device, torch.bfloat16, enabled=precision == torch.bfloat16)


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
        _sent(tokens, device),
        _joined(places, device),
        _joined(labels, device),
        _joined(columns, device),
    )


def _joined(arrays: list[Ints], device: str) -> Tensor:
    """Returns arrays end to end, as int64 on the device."""
    return _sent(np.concatenate(arrays, dtype=np.int64), device)


def _sent(array: Ints, device: str) -> Tensor:
    """Returns an array on the device; nothing waits for the copy."""
    tensor = torch.from_numpy(array)
    if device == "cpu":
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True)
