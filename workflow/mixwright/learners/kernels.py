"""The parts of a step whose gradient is written by hand: few passes over memory, and no number depends on how many members share it."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

EPSILON = 1e-5
LOGITS = 1 << 19  # logits held at a time on CPU: 2 MB stay in cache
ROWS = 256  # but no fewer rows than these, or the products run at a third of their speed at a vocabulary of 50,000
LOGITS_ON_DEVICE = 1 << 27


class RMSNorm(Function):
    """x / rms(x) * weight for x (K, N, W) and weight (K, W), in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        scale = x.square().mean(-1, keepdim=True).add_(EPSILON).rsqrt_()
        ctx.save_for_backward(x, scale, weight)
        return (x * scale).mul_(weight.unsqueeze(1))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, scale, weight = ctx.saved_tensors
        unit = x * scale
        product = grad * unit
        grad_weight = torch.stack([part.sum(0) for part in product])  # a member at a time: the sum's order must not depend on K
        weight = weight.unsqueeze(1)
        inner = product.mul_(weight).mean(-1, keepdim=True)
        return (grad * weight).addcmul_(unit, inner, value=-1).mul_(scale), grad_weight


class LayerNorm(Function):
    """(x - mean) / deviation * scale + shift for x (K, N, W) and weight (K, 2, W), in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        unit = x - x.mean(-1, keepdim=True)
        scale = unit.square().mean(-1, keepdim=True).add_(epsilon).rsqrt_()
        unit.mul_(scale)
        ctx.save_for_backward(unit, scale, weight)
        return (unit * weight[:, :1]).add_(weight[:, 1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        unit, scale, weight = ctx.saved_tensors
        grad_weight = torch.stack([torch.stack([(part * own).sum(0), part.sum(0)]) for part, own in zip(grad, unit, strict=True)])
        inner = grad * weight[:, :1]
        along = (inner * unit).mean(-1, keepdim=True)
        return (inner - inner.mean(-1, keepdim=True)).addcmul_(unit, along, value=-1).mul_(scale), grad_weight, None


class Shift(Function):
    """x (K, N, W) + bias (K, W); the bias's gradient is summed a member at a time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias.unsqueeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, torch.stack([part.sum(0) for part in grad])


class Rotation(Function):
    """Rotary embedding of x (..., T, d): pairs half a head apart turn by their angles (T, d / 2); float32 contiguous out."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
        ctx.save_for_backward(cosine, sine)
        return _rotated(x, cosine, sine)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        cosine, sine = ctx.saved_tensors
        return _rotated(grad, cosine, -sine), None, None


def _rotated(x: Tensor, cosine: Tensor, sine: Tensor) -> Tensor:
    if torch.compiler.is_compiling():  # which joins what it is told to do by parts
        a, b = x.float().chunk(2, -1)
        return torch.cat([a * cosine - b * sine, b * cosine + a * sine], -1)
    out = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    (a, b), (out_a, out_b) = x.chunk(2, -1), out.chunk(2, -1)
    torch.mul(a, cosine, out=out_a)
    torch.mul(b, cosine, out=out_b)
    out_a.addcmul_(b, sine, value=-1)
    out_b.addcmul_(a, sine)
    return out


@torch.no_grad()
def head_loss(states: Tensor, head: Tensor, labels: Tensor, dtype: torch.dtype, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """(K,) nats of `labels` (K, N) under softmax(states (K, N, W) @ head (K, W, V)), over `count`, and the gradients of states and head.

    A few rows of logits at a time: they never leave the cache where the vocabulary is small, and never fill the memory where it is not.
    """
    losses, grad_states, grad_head = torch.zeros(len(states), device=states.device), torch.empty_like(states), torch.empty_like(head)
    for at in _groups(states):
        matrix, total = head[at].to(dtype), grad_head[at]
        for rows, (logits, chances) in _rooms(states[at], head.shape[2], dtype):
            x = states[at, rows].to(dtype)
            torch.bmm(x, matrix, out=logits)
            torch.softmax(logits if dtype == torch.float32 else logits.float(), -1, out=chances)
            wanted = labels[at, rows].unsqueeze(2)
            hit = chances.gather(2, wanted)
            losses[at] -= hit.clamp(min=torch.finfo(hit.dtype).tiny).log_().sum((1, 2))
            chances.scatter_(2, wanted, hit - 1)
            slope = chances if dtype == torch.float32 else logits.copy_(chances)
            grad_states[at, rows] = torch.bmm(slope, matrix.mT)
            _accumulate(total, x.mT, slope, 1 / count, first=rows.start == 0)
    return losses / count, grad_states.mul_(1 / count), grad_head


def _accumulate(total: Tensor, x: Tensor, slope: Tensor, scale: float, first: bool) -> None:
    """total += scale * x @ slope, or = where it is the first; sums stay float32."""
    if slope.dtype == total.dtype:
        total.baddbmm_(x, slope, beta=0 if first else 1, alpha=scale)
    elif first:
        torch.mul(torch.bmm(x, slope), scale, out=total)
    else:
        total.add_(torch.bmm(x, slope), alpha=scale)


def _rooms(states: Tensor, vocabulary: int, dtype: torch.dtype) -> Iterator[tuple[slice, tuple[Tensor, Tensor]]]:
    """Each chunk of rows and where its logits (in `dtype`) and probabilities (float32) go: the same memory again, fresh pages are dear."""
    chunks = _chunks(states, vocabulary)
    size = (len(states), min(chunks[0].stop, states.shape[1]), vocabulary)
    logits = torch.empty(size, dtype=dtype, device=states.device)
    chances = torch.empty(size, device=states.device)
    for rows in chunks:
        count = min(rows.stop, states.shape[1]) - rows.start
        yield rows, (logits[:, :count], chances[:, :count])


def loglikelihoods(states: Tensor, head: Tensor, labels: Tensor, dtype: torch.dtype) -> Tensor:
    """(K, N) natural log-likelihood of `labels` (N,), the same for all members; float32."""
    found = torch.empty(states.shape[:2], device=states.device)
    for at in _groups(states):
        matrix = head[at].to(dtype)
        for rows in _chunks(states[at], head.shape[2]):
            logs = torch.log_softmax(torch.bmm(states[at, rows].to(dtype), matrix).float(), -1)
            found[at, rows] = logs.gather(2, labels[rows].expand(len(logs), -1).unsqueeze(2)).squeeze(2)
    return found


def _groups(states: Tensor) -> list[slice]:
    """Members whose logits are computed together: one on CPU, for the cache's sake, all on an accelerator."""
    size = 1 if states.device.type == "cpu" else len(states)
    return [slice(start, start + size) for start in range(0, len(states), size)]


def _chunks(states: Tensor, vocabulary: int) -> list[slice]:
    budget = LOGITS if states.device.type == "cpu" else LOGITS_ON_DEVICE
    size = max(ROWS, budget // (vocabulary * len(states)))
    return [slice(start, start + size) for start in range(0, states.shape[1], size)]
