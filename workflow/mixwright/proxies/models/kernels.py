"""The parts of a step whose gradient is written by hand: few passes over memory, and no number depends on how many members share it."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

EPSILON = 1e-5


class RMSNorm(Function):
    """x / rms(x) * weight for x (K, N, W) and weight (K, W), in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        scale = _inverse_rms(x)
        unit = x * scale
        ctx.save_for_backward(unit, scale, weight)
        return unit * weight.unsqueeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        unit, scale, weight = ctx.saved_tensors
        grad_weight = torch.stack(
            [part.sum(0) for part in grad * unit]
        )  # a member at a time: the sum's order must not depend on K
        return _before_rms(grad * weight.unsqueeze(1), unit, scale), grad_weight


class NormedProducts(Function):
    """x / rms(x) * weight times each of the matrices: (K, N, M) of x (K, N, W), weight (K, W), and (K, W, M), each of its own M.

    The norm's weight is multiplied into the matrices, which are small, and so its gradient comes from theirs.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, *matrices: Tensor) -> tuple[Tensor, ...]:
        dtype = product_dtype(x)
        scale = _inverse_rms(x)
        unit = x * scale
        read = unit.to(dtype)
        folded = [(matrix * weight.unsqueeze(2)).to(dtype) for matrix in matrices]
        ctx.save_for_backward(unit, read, scale, weight, *matrices, *folded)
        return tuple(torch.bmm(read, matrix) for matrix in folded)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, ...]:
        unit, read, scale, weight, *saved = ctx.saved_tensors
        matrices, folded = saved[: len(grads)], saved[len(grads) :]
        slope = torch.bmm(grads[0], folded[0].mT)
        for grad, matrix in zip(grads[1:], folded[1:], strict=True):
            slope = slope.baddbmm_(grad, matrix.mT)
        raw = [_laid_like(matrix, read, grad) for matrix, grad in zip(matrices, grads, strict=True)]
        grad_weight = torch.stack(
            [(own * matrix).sum(2) for own, matrix in zip(raw, matrices, strict=True)]
        ).sum(0)
        return (
            _before_rms(slope.float(), unit, scale),
            grad_weight,
            *(own.mul_(weight.unsqueeze(2)) for own in raw),
        )


def _inverse_rms(x: Tensor) -> Tensor:
    return (
        torch.linalg.vector_norm(x, dim=-1, keepdim=True)
        .square_()
        .div_(x.shape[-1])
        .add_(EPSILON)
        .rsqrt_()
    )


def _before_rms(grad: Tensor, unit: Tensor, scale: Tensor) -> Tensor:
    """The gradient of x from that of unit = x * scale, in place of it."""
    inner = torch.linalg.vecdot(grad, unit).div_(unit.shape[-1]).unsqueeze(-1)
    return grad.addcmul_(unit, inner, value=-1).mul_(scale)


def _laid_like(matrix: Tensor, read: Tensor, grad: Tensor) -> Tensor:
    """read^T grad in float32, in memory as the matrix is."""
    transposed = matrix.stride(-1) != 1
    return (torch.bmm(grad.mT, read).mT if transposed else torch.bmm(read.mT, grad)).float()


def product_dtype(x: Tensor) -> torch.dtype:
    """What products are computed in: a Function's backward is outside autocast, which therefore is asked in its forward."""
    device = x.device.type
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


class Gated(Function):
    """silu(gate) * up (SwiGLU, arXiv 2002.05202); the sigmoid is kept, for its exponential is most of the cost."""

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        share = torch.sigmoid(gate)
        opened = gate * share
        ctx.save_for_backward(share, opened, up)
        return opened * up

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        share, opened, up = ctx.saved_tensors
        slope = torch.addcmul(opened, opened, share, value=-1).add_(share)
        return slope.mul_(up).mul_(grad), grad * opened


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
        grad_weight = torch.stack(
            [
                torch.stack([(part * own).sum(0), part.sum(0)])
                for part, own in zip(grad, unit, strict=True)
            ]
        )
        inner = grad * weight[:, :1]
        along = (inner * unit).mean(-1, keepdim=True)
        return (
            (inner - inner.mean(-1, keepdim=True)).addcmul_(unit, along, value=-1).mul_(scale),
            grad_weight,
            None,
        )


class Shift(Function):
    """x (K, N, W) + bias (K, W); the bias's gradient is summed a member at a time."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias.unsqueeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, torch.stack([part.sum(0) for part in grad])
