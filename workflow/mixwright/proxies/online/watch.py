"""Measures what learners want to know of a step, on the weights before it is taken.

Each is a forward pass of its own, so that the step is computed as that of any other run.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mixwright.mixture import Array
from mixwright.proxies.gradients import Execution
from mixwright.proxies.models.fused_head import head_loss, loglikelihoods
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import head, hidden_states
from mixwright.proxies.online.schedule import OnlineSchedule
from mixwright.proxies.scoring import Exam, ExamBatch, products_in


class Watch(Protocol):
    """Measures one member's step."""

    def values(
        self, step: int, weights: Parameters, tokens: Tensor, schedule: OnlineSchedule
    ) -> Array | None:
        """Returns (domains,) what is to be known of a step; None where it is not looked at.

        Args:
            step: its number, from 0.
            weights: the member's before the step, each (1, ...).
            tokens: (B, T + 1) what it reads.
            schedule: knows the domain of each sequence.
        """
        ...


@dataclass(frozen=True, eq=False)
class Losses:
    """The mean loss of each domain, nats/token."""

    shape: Shape
    execution: Execution

    def values(
        self, step: int, weights: Parameters, tokens: Tensor, schedule: OnlineSchedule
    ) -> Array | None:
        """Returns (domains,) losses, NaN of a domain that the step does not read."""
        by_token = token_losses(weights, tokens, self.shape, self.execution)
        return by_domain(by_token, schedule)


@dataclass(frozen=True, eq=False)
class Excess:
    """The mean of each domain's excess over a reference, nats/token, each token's at least 0."""

    shape: Shape
    execution: Execution
    # weights of the trained reference, each (1, ...)
    reference: Parameters

    def values(
        self, step: int, weights: Parameters, tokens: Tensor, schedule: OnlineSchedule
    ) -> Array | None:
        """Returns (domains,) excess, NaN of a domain that the step does not read."""
        by_token = token_losses(weights, tokens, self.shape, self.execution)
        usual = token_losses(self.reference, tokens, self.shape, self.execution)
        return by_domain((by_token - usual).clamp(min=0), schedule)


@dataclass(eq=False)
class Alignment:
    """The inner product of each domain's gradient with the targets', both at the head alone.

    Each look reads some sequences of every domain, also of those that the step does not read, and
    a batch of each target's text, which come in turn.
    """

    shape: Shape
    execution: Execution
    # steps between two looks; there is none at the first step
    every: int
    # of each domain at a look
    sequences: int
    # target -> weight in the objective
    importance: Mapping[str, float]
    # target -> its text
    exams: Mapping[str, Exam]
    # target -> its batches, made at the first look
    _batches: dict[str, Sequence[ExamBatch]] = field(default_factory=dict)

    def values(
        self, step: int, weights: Parameters, tokens: Tensor, schedule: OnlineSchedule
    ) -> Array | None:
        """Returns (domains,) inner products, NaN of a domain without text."""
        if step == 0 or step % self.every:
            return None
        look = step // self.every - 1
        wanted = self._wanted(weights, look)
        domains = len(schedule.plan.shards)
        values = np.full(domains, np.nan)
        for index in np.flatnonzero(schedule.plan.available).tolist():
            read = self._sequences_of(schedule, index, look)
            slope = self._slope_of(weights, read.to(tokens.device))
            product = slope.double() * wanted
            values[index] = float(product.sum())
        return values

    def _sequences_of(self, schedule: OnlineSchedule, index: int, look: int) -> Tensor:
        """(sequences, T + 1) tokens of a domain that a look reads, on the host."""
        first = look * self.sequences
        blocks = schedule.plan._blocks_of(index, first, self.sequences)
        domains = np.full(len(blocks), index, np.int64)
        read = schedule.tokens_of(domains, blocks)
        return torch.from_numpy(read)

    def _wanted(self, weights: Parameters, look: int) -> Tensor:
        """(W, V) gradient of the weighted targets' loss, float64."""
        total: Tensor | None = None
        for target, exam in self.exams.items():
            if target not in self._batches:
                self._batches[target] = tuple(exam.batches)
            batches = self._batches[target]
            batch = batches[look % len(batches)]
            states, matrix = self._states(weights, batch.tokens)
            labels = batch.labels[None]
            scored = states[:, batch.places]
            slope = self._slope(scored, matrix, labels)
            weight = self.importance[target]
            part = weight * slope.double()
            total = part if total is None else total + part
        assert total is not None
        return total

    def _slope_of(self, weights: Parameters, tokens: Tensor) -> Tensor:
        """(W, V) gradient of the mean loss of sequences (B, T + 1)."""
        read, labels = tokens[:, :-1], tokens[:, 1:]
        states, matrix = self._states(weights, read)
        return self._slope(states, matrix, labels.reshape(1, -1))

    def _states(self, weights: Parameters, tokens: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad(), products_in(self.execution.dtype, self.execution.device):
            states = hidden_states(weights, tokens.unsqueeze(0), self.shape)
            return head(weights, states, self.shape)

    def _slope(self, states: Tensor, matrix: Tensor, labels: Tensor) -> Tensor:
        *_, slope = head_loss(states, matrix, labels, self.execution.dtype, labels.numel())
        return slope[0]


@torch.no_grad()
def token_losses(weights: Parameters, tokens: Tensor, shape: Shape, execution: Execution) -> Tensor:
    """Returns (B, T) losses in nats of sequences (B, T + 1) under one member (1, ...)."""
    rows = []
    for part in _parts(tokens, execution.micro_batch):
        read, labels = part[:, :-1], part[:, 1:]
        with products_in(execution.dtype, execution.device):
            states = hidden_states(weights, read.unsqueeze(0), shape)
            states, matrix = head(weights, states, shape)
        scored = loglikelihoods(states, matrix, labels.reshape(-1), execution.dtype)
        rows.append(-scored.view(labels.shape))
    return torch.cat(rows)


def _parts(tokens: Tensor, size: int | None) -> Iterator[Tensor]:
    yield from tokens.split(size or len(tokens))


def by_domain(values: Tensor, schedule: OnlineSchedule) -> Array:
    """Returns (domains,) the mean of values (B, T) over each domain's tokens, else NaN."""
    means = values.double().mean(1).cpu().numpy()
    number = len(schedule.plan.shards)
    sums = np.bincount(schedule.domains, weights=means, minlength=number)
    counts = np.bincount(schedule.domains, minlength=number)
    by_index = np.full(number, np.nan)
    read = counts > 0
    by_index[read] = sums[read] / counts[read]
    return by_index
