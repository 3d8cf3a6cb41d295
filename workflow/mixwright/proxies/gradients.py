"""Losses and gradients of stacked members for one batch: all at once, a few sequences at a time, or one compiled member after another."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mixwright.proxies.models.fused_head import head_loss
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import head, hidden_states
from mixwright.proxies.scoring import reduced

BACKEND = "inductor"  # of torch.compile
Gradients = dict[str, list[Tensor]]  # by parameter, one tensor a member


@dataclass(frozen=True)
class How:
    """How a step is computed: what of it changes numbers, by rounding, is part of the store's key."""

    device: str = "cpu"
    dtype: torch.dtype = torch.float32
    micro_batch: int | None = (
        None  # sequences of a member at a time, their gradients summed; none is all of a step
    )
    compiled: bool = False


@dataclass(frozen=True, eq=False)
class Batch:
    """(K, B, T) what is seen, (K, B, scored) what is predicted and, where not every state predicts, at which of the T places."""

    seen: Tensor
    labels: Tensor
    places: Tensor | None = None

    def part(self, members: slice, rows: slice) -> "Batch":
        """Some members' some sequences."""
        places = None if self.places is None else self.places[members, rows]
        return Batch(self.seen[members, rows], self.labels[members, rows], places)


def gradients(
    parameters: Parameters, batch: Batch, shape: Shape, how: How
) -> tuple[Tensor, Gradients]:
    """(K,) mean nats/token and its gradients; a member's do not depend on how many there are."""
    members, rows = batch.seen.shape[:2]
    size = how.micro_batch or rows
    groups = [slice(k, k + 1) for k in range(members)] if how.compiled else [slice(0, members)]
    found: Gradients = {name: [] for name in parameters}
    losses = []
    for at in groups:
        own = {name: tensor.detach()[at].requires_grad_() for name, tensor in parameters.items()}
        parts = [batch.part(at, slice(start, start + size)) for start in range(0, rows, size)]
        losses.append(
            sum(_backward(own, part, shape, how, batch.labels[0].numel()) for part in parts)
        )
        for name, tensor in own.items():
            found[name] += tensor.grad.unbind(0)  # type: ignore[union-attr]
    return torch.cat(losses), found


def _backward(own: Parameters, batch: Batch, shape: Shape, how: How, count: int) -> Tensor:
    """(K,) nats over `count`; adds to the gradients of `own`."""
    with reduced(how.dtype, how.device):
        states = (
            _compiled(shape)(own, batch.seen)
            if how.compiled
            else hidden_states(own, batch.seen, shape)
        )
        states, matrix = head(
            own,
            states if batch.places is None else _taken(states, batch.places, shape.context),
            shape,
        )
    losses, *slopes = head_loss(
        states.detach(), matrix.detach(), batch.labels.flatten(1), how.dtype, count
    )
    Start.apply(states, matrix, *slopes).backward()
    return losses


class Start(Function):
    """Where a backward pass begins whose first gradients are there already; handed over as such, torch would import sympy for them."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, matrix: Tensor, *slopes: Tensor) -> Tensor:
        ctx.save_for_backward(*slopes)
        return states.new_zeros(())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, _: Tensor) -> tuple[Tensor | None, ...]:
        return *ctx.saved_tensors, None, None


def _taken(states: Tensor, places: Tensor, context: int) -> Tensor:
    """(K, scored, W) of states (K, B T, W) at places (K, B, scored) of T."""
    members, count, width = states.shape
    rows = places + torch.arange(places.shape[1], device=places.device).view(-1, 1) * context
    rows = rows.flatten(1) + torch.arange(members, device=places.device).view(-1, 1) * count
    return states.flatten(0, 1).index_select(0, rows.flatten()).view(members, -1, width)


@lru_cache(maxsize=4)
def _compiled(shape: Shape) -> Callable[[Parameters, Tensor], Tensor]:
    """The body of one member by torch.compile: one graph serves every member of every wave, whatever their number."""
    torch.set_float32_matmul_precision("highest")
    compiled: Any = torch.compile(
        lambda own, seen: hidden_states(own, seen, shape),
        fullgraph=True,
        dynamic=False,
        backend=BACKEND,
    )
    return compiled  # type: ignore[no-any-return]
