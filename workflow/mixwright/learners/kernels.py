"""The parts of a step whose gradient is written by hand: few passes over memory, and no number depends on how many members share it."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

EPSILON = 1e-5
LOGITS = 1 << 19  # logits held at a time on CPU: 2 MB stay in cache
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
    out = torch.empty(x.shape, dtype=torch.float32, device=x.device)
    (a, b), (out_a, out_b) = x.chunk(2, -1), out.chunk(2, -1)
    torch.mul(a, cosine, out=out_a)
    torch.mul(b, cosine, out=out_b)
    out_a.addcmul_(b, sine, value=-1)
    out_b.addcmul_(a, sine)
    return out


class HeadLoss(Function):
    """(K,) mean nats/token of `labels` (K, N) under softmax(states (K, N, W) @ head (K, W, V)).

    The gradient is computed in the forward pass, a few rows of logits at a time, so that they never leave the cache.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, head: Tensor, labels: Tensor, dtype: torch.dtype) -> Tensor:
        losses = torch.empty(len(states), device=states.device)
        grad_states, grad_head = torch.empty_like(states), torch.zeros_like(head)
        for at in _groups(states):
            matrix = head[at].to(dtype)
            total = torch.zeros(matrix.shape[0], device=states.device)
            for rows in _chunks(states[at], head.shape[2]):
                x = states[at, rows].to(dtype)
                chances = torch.softmax(torch.bmm(x, matrix).float(), -1)
                wanted = labels[at, rows].unsqueeze(2)
                hit = chances.gather(2, wanted)
                total -= hit.clamp(min=torch.finfo(hit.dtype).tiny).log_().sum((1, 2))
                slope = chances.scatter_(2, wanted, hit - 1).to(dtype)
                grad_states[at, rows] = torch.bmm(slope, matrix.mT)
                grad_head[at] += torch.bmm(x.mT, slope)
            losses[at] = total
        ctx.save_for_backward(grad_states, grad_head)
        return losses / labels.shape[1]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_states, grad_head = ctx.saved_tensors
        scale = (grad / grad_states.shape[1]).view(-1, 1, 1)
        return grad_states.mul_(scale), grad_head.mul_(scale), None, None


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
    size = max(16, budget // (vocabulary * len(states)))
    return [slice(start, start + size) for start in range(0, states.shape[1], size)]
