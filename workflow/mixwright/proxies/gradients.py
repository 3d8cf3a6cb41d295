"""Computes losses and gradients of stacked members for one batch.

All members go through one pass, or on a CPU one compiled member after another. A batch may be read
a few sequences at a time, so that its activations fit in memory.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mixwright.proxies.models import strategy
from mixwright.proxies.models.fused_head import head_loss
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import head, hidden_states
from mixwright.proxies.scoring import products_in

# of torch.compile
BACKEND = "inductor"

# by parameter, of all members (K, ...) or one tensor a member
Gradients = dict[str, Tensor | list[Tensor]]


@dataclass(frozen=True)
class Execution:
    """How a step is computed.

    What of it changes numbers, by rounding, is part of the store's key.
    """

    device: str = "cpu"
    # of products; weights stay float32
    dtype: torch.dtype = torch.float32
    # sequences that a member reads at a time, their gradients summed; None is all of a step
    micro_batch: int | None = None
    # by torch.compile, on a CPU one member after another
    compiled: bool = False


@dataclass(frozen=True, eq=False)
class Batch:
    """What K members read in one step, and what they predict from it."""

    # (K, B, T) what the models see
    tokens: Tensor
    # (K, B, scored) the tokens that they predict
    labels: Tensor
    # (K, B, scored) positions among the T that predict; None where every position does
    places: Tensor | None = None

    def part(self, members: slice, rows: slice) -> "Batch":
        """Returns some sequences of some members."""
        places = None
        if self.places is not None:
            places = self.places[members, rows]
        return Batch(self.tokens[members, rows], self.labels[members, rows], places)


def gradients(
    parameters: Parameters, batch: Batch, shape: Shape, execution: Execution
) -> tuple[Tensor, Gradients]:
    """Returns (K,) mean losses in nats/token, and their gradients.

    On a CPU a member's numbers do not depend on how many members there are.
    """
    members = len(batch.tokens)
    if not execution.compiled or strategy.as_one(batch.tokens.device):
        losses, stacked = _of_members(parameters, batch, slice(0, members), shape, execution)
        return losses, {**stacked}
    by_member = []
    by_name: dict[str, list[Tensor]] = {name: [] for name in parameters}
    for member in range(members):
        chosen = slice(member, member + 1)
        losses, slopes = _of_members(parameters, batch, chosen, shape, execution)
        by_member.append(losses)
        for name, slope in slopes.items():
            by_name[name].append(slope[0])
    return torch.cat(by_member), {**by_name}


def _of_members(
    parameters: Parameters, batch: Batch, members: slice, shape: Shape, execution: Execution
) -> tuple[Tensor, dict[str, Tensor]]:
    """Returns (members,) losses of some members, and their gradients (members, ...)."""
    leaves = {}
    for name, tensor in parameters.items():
        leaves[name] = tensor.detach()[members].requires_grad_()
    losses = _step_loss(leaves, batch, members, shape, execution)
    slopes = {}
    for name, leaf in leaves.items():
        # mypy cannot know that every parameter takes part in the loss.
        assert leaf.grad is not None
        slopes[name] = leaf.grad
    return losses, slopes


def _step_loss(
    leaves: Parameters, batch: Batch, members: slice, shape: Shape, execution: Execution
) -> Tensor:
    """Returns (members,) losses of some members, and adds to the gradients of their `leaves`."""
    rows = batch.tokens.shape[1]
    size = execution.micro_batch or rows
    count = batch.labels[0].numel()

    def backward(start: int) -> Tensor:
        part = batch.part(members, slice(start, start + size))
        return _backward(leaves, part, shape, execution, count)

    total = backward(0)
    for start in range(size, rows, size):
        total = total + backward(start)
    return total


def _backward(
    leaves: Parameters, batch: Batch, shape: Shape, execution: Execution, count: int
) -> Tensor:
    """Returns (K,) nats divided by `count`, and adds to the gradients of `leaves`."""
    with products_in(execution.dtype, execution.device):
        states = _states(leaves, batch.tokens, shape, execution.compiled)
        if batch.places is not None:
            states = _states_at(states, batch.places, shape.context)
        states, matrix = head(leaves, states, shape)
    labels = batch.labels.flatten(1)
    losses, *slopes = head_loss(states.detach(), matrix.detach(), labels, execution.dtype, count)
    start = Start.apply(states, matrix, *slopes)
    start.backward()
    return losses


def _states(leaves: Parameters, tokens: Tensor, shape: Shape, compiled: bool) -> Tensor:
    """Returns (K, B T, W) final states."""
    if compiled:
        return _compiled(shape, strategy.as_one(tokens.device))(leaves, tokens)
    return hidden_states(leaves, tokens, shape)


class Start(Function):
    """Starts a backward pass from gradients that are known already.

    Handed to `backward` as arguments, they would make torch import sympy, which takes half a
    second in every job.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, matrix: Tensor, *slopes: Tensor) -> Tensor:
        ctx.save_for_backward(*slopes)
        return states.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor | None, ...]:
        return *ctx.saved_tensors, None, None


def _states_at(states: Tensor, places: Tensor, context: int) -> Tensor:
    """Returns (K, scored, W) of states (K, B T, W) at places (K, B, scored) of T."""
    device = places.device
    members, count, width = states.shape
    sequences = torch.arange(places.shape[1], device=device).view(-1, 1)
    rows = places + sequences * context
    # The states of all members, end to end: one index_select is enough.
    numbers = torch.arange(members, device=device).view(-1, 1)
    rows = rows.flatten(1) + numbers * count
    end_to_end = states.flatten(0, 1)
    chosen = end_to_end.index_select(0, rows.flatten())
    return chosen.view(members, -1, width)


@lru_cache(maxsize=4)
def _compiled(shape: Shape, as_one: bool) -> Callable[[Parameters, Tensor], Tensor]:
    """Returns the compiled body.

    On a CPU it is of one member, and serves every member of every wave. As one it is of all, and
    made anew for any number of members once that has changed.
    """
    torch.set_float32_matmul_precision("highest")

    def body(parameters: Parameters, tokens: Tensor) -> Tensor:
        return hidden_states(parameters, tokens, shape)

    dynamic = None if as_one else False
    return torch.compile(body, fullgraph=True, dynamic=dynamic, backend=BACKEND)
