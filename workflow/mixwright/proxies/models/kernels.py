"""The parts of a training step whose gradient is written by hand.

They take few passes over memory. On a CPU no number depends on how many members share a step: sums
over rows are taken a member at a time. In the formulas dy is the gradient of the loss by y, * is
the product of elements, and mean is over the last dimension.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from mixwright.proxies.models import strategy


class RMSNorm(Function):
    """x / rms(x) * weight for x (K, N, W) and weight (K, W), in float32 (arXiv 1910.07467).

    forward   r = 1 / sqrt(mean(x ** 2) + epsilon)     u = r x     y = u * w
    backward  du = dy * w     dx = r (du - u mean(du * u))     dw = sum over rows of dy * u
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        scale = _inverse_rms(x, epsilon)
        unit = x * scale
        ctx.save_for_backward(unit, scale, weight)
        return unit * weight.unsqueeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        unit, scale, weight = ctx.saved_tensors
        grad_weight = _row_sums(grad * unit)
        return _before_rms(grad * weight.unsqueeze(1), unit, scale), grad_weight, None


class NormedProducts(Function):
    """x / rms(x) * weight times each of several matrices.

    The results are (K, N, M) of x (K, N, W), weight (K, W) and matrices (K, W, M), each with an M
    of its own. The norm's weight is multiplied into the matrices, which are small, and so its
    gradient comes from theirs. With r and u as in `RMSNorm`:

        forward   F_m = diag(w) A_m            y_m = u F_m
        backward  G_m = u^T dy_m               dA_m = diag(w) G_m
                  dw = sum over m and columns of G_m * A_m
                  du = sum over m of dy_m F_m^T                    dx = r (du - u mean(du * u))
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, epsilon: float, *matrices: Tensor
    ) -> tuple[Tensor, ...]:
        dtype = product_dtype(x)
        scale = _inverse_rms(x, epsilon)
        unit = x * scale
        factor = unit.to(dtype)
        folded = [(matrix * weight.unsqueeze(2)).to(dtype) for matrix in matrices]
        ctx.save_for_backward(unit, factor, scale, weight, *matrices, *folded)
        return tuple(torch.bmm(factor, matrix) for matrix in folded)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        unit, factor, scale, weight, *saved = ctx.saved_tensors
        matrices = saved[: len(grads)]
        folded = saved[len(grads) :]
        grad_unit = _summed_products(grads, folded)
        grad_folded = []
        grad_weights = []
        for matrix, grad in zip(matrices, grads, strict=True):
            product = _laid_like(matrix, factor, grad)
            grad_folded.append(product)
            grad_weights.append((product * matrix).sum(2))
        grad_x = _before_rms(grad_unit, unit, scale)
        grad_weight = torch.stack(grad_weights).sum(0)
        grad_matrices = [product.mul_(weight.unsqueeze(2)) for product in grad_folded]
        return grad_x, grad_weight, None, *grad_matrices


def _inverse_rms(x: Tensor, epsilon: float) -> Tensor:
    """Returns 1 / rms(x), (K, N, 1)."""
    norms = torch.linalg.vector_norm(x, dim=-1, keepdim=True)
    return norms.square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()


def _before_rms(grad: Tensor, unit: Tensor, scale: Tensor) -> Tensor:
    """Returns the gradient of x from that of unit = x * scale, in the memory of the latter."""
    inner = torch.linalg.vecdot(grad, unit).div_(unit.shape[-1]).unsqueeze(-1)
    return grad.addcmul_(unit, inner, value=-1).mul_(scale)


def _row_sums(x: Tensor) -> Tensor:
    """Returns the sums over rows (K, W) of x (K, N, W).

    On a CPU they are taken a member at a time: in one sum over all, the order of additions depends
    on K.
    """
    if strategy.as_one(x.device):
        return x.sum(1)
    return torch.stack([member.sum(0) for member in x])


def _summed_products(grads: Sequence[Tensor], matrices: Sequence[Tensor]) -> Tensor:
    """Returns the sum over m of grads[m] matrices[m]^T, (K, N, W) float32."""
    first = grads[0]
    if strategy.sums_in_float32(first.device, first.dtype):
        total = strategy.product(first, matrices[0].mT)
        for grad, matrix in zip(grads[1:], matrices[1:], strict=True):
            strategy.add_product(total, grad, matrix.mT, first=False)
        return total
    total = torch.bmm(first, matrices[0].mT)
    for grad, matrix in zip(grads[1:], matrices[1:], strict=True):
        total = total.baddbmm_(grad, matrix.mT)
    return total.float()


def _laid_like(matrix: Tensor, factor: Tensor, grad: Tensor) -> Tensor:
    """Returns factor^T grad in float32, laid in memory as the matrix is."""
    transposed = matrix.stride(-1) != 1
    if transposed:
        return strategy.product(grad.mT, factor).mT
    return strategy.product(factor.mT, grad)


def product_dtype(x: Tensor) -> torch.dtype:
    """Returns the precision that products of x are computed in.

    Autocast does not reach a Function's backward. So a Function asks for it in its forward.
    """
    device = x.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return x.dtype


class Gated(Function):
    """silu(gate) * up (SwiGLU, arXiv 2002.05202).

    The sigmoid is kept, for its exponential is most of the cost.

    forward   s = sigmoid(g)     o = g * s     y = o * u
    backward  dg = (s + o - o * s) * u * dy     du = o * dy
    """

    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        sigmoid = torch.sigmoid(gate)
        opened = gate * sigmoid
        ctx.save_for_backward(sigmoid, opened, up)
        return opened * up

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        sigmoid, opened, up = ctx.saved_tensors
        slope = torch.addcmul(opened, opened, sigmoid, value=-1).add_(sigmoid)
        return slope.mul_(up).mul_(grad), grad * opened


class LayerNorm(Function):
    """(x - mean) / deviation * scale + shift for x (K, N, W), in float32 (arXiv 1607.06450).

    The weight (K, 2, W) has slots scale a and shift b.

    forward   c = x - mean(x)     r = 1 / sqrt(mean(c ** 2) + epsilon)     u = r c
              y = u * a + b
    backward  du = dy * a     dx = r (du - mean(du) - u mean(du * u))
              da = sum over rows of dy * u     db = sum over rows of dy
    """

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
        grad_weight = _scale_and_shift_sums(grad, unit)
        grad_unit = grad * weight[:, :1]
        along = (grad_unit * unit).mean(-1, keepdim=True)
        centred = grad_unit - grad_unit.mean(-1, keepdim=True)
        grad_x = centred.addcmul_(unit, along, value=-1).mul_(scale)
        return grad_x, grad_weight, None


def _scale_and_shift_sums(grad: Tensor, unit: Tensor) -> Tensor:
    """Returns the sums over rows of grad * unit and of grad, (K, 2, W)."""
    if strategy.as_one(grad.device):
        return torch.stack([(grad * unit).sum(1), grad.sum(1)], 1)
    by_member = []
    for grad_member, unit_member in zip(grad, unit, strict=True):
        sums = (grad_member * unit_member).sum(0), grad_member.sum(0)
        by_member.append(torch.stack(sums))
    return torch.stack(by_member)


class Shift(Function):
    """x (K, N, W) + bias (K, W).

    forward   y = x + b
    backward  dx = dy     db = sum over rows of dy
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, bias: Tensor) -> Tensor:
        return x + bias.unsqueeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        return grad, _row_sums(grad)
