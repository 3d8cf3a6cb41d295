"""Attention of all members at once, and the turning of queries and keys by position."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

from mixwright.learners import EXPLICIT_BELOW, THETA

# Queries at a time of explicit causal attention: keys after the last of them are left out.
ROWS = 64


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool, kernel: str = "auto") -> Tensor:
    """Returns attention (n, h, T, d) of queries, keys and values of that size.

    Args:
        q, k, v: (n, h, T, d) each.
        causal: whether a place sees only those up to itself.
        kernel: `explicit`, `fused`, or `auto` for the one that is likely to be faster.
    """
    explicit = kernel == "explicit"
    if kernel == "auto":
        explicit = _wants_explicit(q)
    if not explicit:
        return scaled_dot_product_attention(q, k, v, is_causal=causal)
    attended: Tensor = Explicit.apply(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), causal)
    return attended.view(v.shape)


def _wants_explicit(q: Tensor) -> bool:
    """Whether plain products are faster than torch's fused kernel for q (n, h, T, d)."""
    return q.device.type == "cpu" and q.shape[2] < EXPLICIT_BELOW


class Explicit(Function):
    """Attention of q, k, v (n, T, d) by plain products, which keeps the probabilities.

    On a CPU exponentials cost more than memory. With s = 1 / sqrt(d), and M minus infinity where
    a place must not look and 0 elsewhere (Vaswani et al., arXiv 1706.03762, equation 1):

        forward   P = softmax(s Q K^T + M)     O = P V
        backward  dP = dO V^T                  dS = P * (dP - rowsum(dP * P))
                  dQ = s dS K                  dK = s dS^T Q               dV = P^T dO

    Causal attention goes through a few queries at a time, and leaves out the keys after them.
    """

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        scale = q.shape[-1] ** -0.5
        outputs = []
        probabilities = []
        for rows, keys in _blocks(q.shape[1], causal):
            mask = _mask(rows.stop - rows.start, keys, causal, q.dtype, q.device)
            block = _probabilities(q[:, rows], k[:, :keys], mask, scale).to(v.dtype)
            outputs.append(torch.bmm(block, v[:, :keys]))
            probabilities.append(block)
        ctx.save_for_backward(q, k, v, *probabilities)
        ctx.causal = causal
        return _joined(outputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *probabilities = ctx.saved_tensors
        scale = q.shape[-1] ** -0.5
        grad_q = []
        grad_k = torch.zeros_like(k)
        grad_v = torch.zeros_like(v)
        blocks = _blocks(q.shape[1], ctx.causal)
        for (rows, keys), block in zip(blocks, probabilities, strict=True):
            grad_rows = grad[:, rows]
            grad_scores = _grad_scores(grad_rows, v[:, :keys], block)
            grad_v[:, :keys].baddbmm_(block.mT, grad_rows)
            grad_k[:, :keys].baddbmm_(grad_scores.mT, q[:, rows], alpha=scale)
            grad_q.append(torch.bmm(grad_scores, k[:, :keys]))
        return _joined(grad_q).mul_(scale), grad_k, grad_v, None


def _probabilities(q: Tensor, k: Tensor, mask: Tensor, scale: float) -> Tensor:
    """Returns softmax(scale q k^T + mask), (n, rows, keys)."""
    scores = torch.baddbmm(mask.expand(len(q), -1, -1), q, k.mT, alpha=scale)
    return torch.softmax(scores, -1)


def _grad_scores(grad: Tensor, v: Tensor, probabilities: Tensor) -> Tensor:
    """Returns dS (n, rows, keys) of dO (n, rows, d)."""
    grad_probabilities = torch.bmm(grad, v.mT)
    return torch._softmax_backward_data(grad_probabilities, probabilities, -1, probabilities.dtype)


def _joined(blocks: list[Tensor]) -> Tensor:
    """Returns blocks of rows (n, rows, d) as one tensor (n, T, d)."""
    if len(blocks) == 1:
        return blocks[0]
    return torch.cat(blocks, 1)


def _blocks(length: int, causal: bool) -> Iterator[tuple[slice, int]]:
    """Yields rows of queries, and how many keys they see at most."""
    size = ROWS if causal else length
    for start in range(0, length, size):
        end = min(start + size, length)
        yield slice(start, end), end


@lru_cache(maxsize=64)
def _mask(rows: int, keys: int, causal: bool, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Returns (rows, keys), minus infinity where the last `rows` of `keys` places must not look."""
    hidden = -math.inf if causal else 0.0
    square = torch.full((rows, keys), hidden, dtype=dtype, device=device)
    return square.triu(keys - rows + 1)


class Heads(Function):
    """Queries, keys and values (n, h, T, d) of mixed (n, T, 3, h, d), the first two turned.

    Rotary embedding (RoFormer, Su et al., arXiv 2104.09864, section 3.2.2) turns each pair of
    adjacent dimensions, read as a complex number z = a + i b, by an angle that grows with the
    place t:

        forward   z' = z exp(i t theta_j),  theta_j = theta ** (-2 j / r)
        backward  dz = dz' exp(-i t theta_j)

    `rotation` (T, r / 2, 2) holds cosines and sines for the first r dimensions of a head. The
    dimensions after them, and the values, are only laid out anew.
    """

    @staticmethod
    def forward(ctx: Any, mixed: Tensor, rotation: Tensor) -> tuple[Tensor, ...]:
        n, length, _, heads, size = mixed.shape
        by_head = torch.empty(3, n, heads, length, size, dtype=mixed.dtype, device=mixed.device)
        _turn(mixed[:, :, :2], rotation, by_head[:2].permute(1, 3, 0, 2, 4))
        by_head[2].copy_(mixed[:, :, 2].transpose(1, 2))
        ctx.save_for_backward(rotation)
        return tuple(by_head.unbind(0))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (rotation,) = ctx.saved_tensors
        # (n, T, 1, h, d) each
        q, k, v = (grad.transpose(1, 2).unsqueeze(2) for grad in grads)
        mixed = torch.empty(*v.shape[:2], 3, *v.shape[3:], dtype=v.dtype, device=v.device)
        # Made of tensors of the device: with a number from the host no CUDA graph could record it.
        back = torch.stack([rotation[..., 0], -rotation[..., 1]], -1)
        _turn(q, back, mixed[:, :, 0:1])
        _turn(k, back, mixed[:, :, 1:2])
        mixed[:, :, 2:].copy_(v)
        return mixed, None


def _turn(x: Tensor, rotation: Tensor, out: Tensor) -> None:
    """Writes x (n, T, s, h, d), its first r dimensions turned, to `out` of that size."""
    size = 2 * rotation.shape[1]
    if x.stride(-1) != 1:
        # A kernel of attention may lay a gradient so, and complex numbers need pairs side by side.
        x = x.contiguous()
    pairs, rest = x.tensor_split([size], -1)
    out_pairs, out_rest = out.tensor_split([size], -1)
    if rest.shape[-1]:
        out_rest.copy_(rest)
    if not size:
        return
    # (T, 1, 1, r / 2, 2), the same for sequences, slots and heads
    angles = rotation.view(len(rotation), 1, 1, -1, 2)
    if torch.compiler.is_compiling():
        # The compiler knows no complex numbers.
        a, b = _pairs(pairs.float()).unbind(-1)
        cosine, sine = angles.unbind(-1)
        turned = torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1)
        out_pairs.copy_(turned.flatten(-2))
    elif x.dtype == torch.float32:
        torch.mul(_complex(pairs), torch.view_as_complex(angles), out=_complex(out_pairs))
    else:
        product = _complex(pairs.float()) * torch.view_as_complex(angles)
        out_pairs.copy_(torch.view_as_real(product).flatten(-2))


def _complex(x: Tensor) -> Tensor:
    """Returns x (..., r) as complex numbers (..., r / 2), in the same memory."""
    return torch.view_as_complex(_pairs(x))


def _pairs(x: Tensor) -> Tensor:
    """Returns x (..., r) as (..., r / 2, 2)."""
    return x.unflatten(-1, (-1, 2))


@lru_cache(maxsize=64)
def turns(length: int, size: int, device: torch.device, theta: float = THETA) -> Tensor:
    """Returns cosines and sines (T, size / 2, 2) by which places turn a head's first dimensions."""
    frequencies = theta ** -(torch.arange(0, size, 2, device=device).float() / size)
    angles = torch.outer(torch.arange(length, device=device).float(), frequencies)
    return torch.stack([angles.cos(), angles.sin()], -1)


def apart(rows: Tensor, heads: int, turned: int | None = None) -> Tensor:
    """Returns rows (W, ...) of queries or keys in transformers' order.

    There the two dimensions of a pair are half of a head's turned dimensions apart; here they
    stand side by side.

    Args:
        rows: (W, ...), head by head.
        heads: h.
        turned: a head's dimensions that are turned, its first ones; by default all.
    """
    by_head = rows.unflatten(0, (heads, -1))
    size = turned or by_head.shape[1]
    pairs, rest = by_head.tensor_split([size], 1)
    halves = pairs.unflatten(1, (-1, 2)).transpose(1, 2).flatten(1, 2)
    return torch.cat([halves, rest], 1).flatten(0, 1)


def together(rows: Tensor, heads: int, turned: int | None = None) -> Tensor:
    """Returns rows (W, ...) of queries or keys in the order of this trainer, from transformers'.

    It is the inverse of `apart`, with the same arguments.
    """
    by_head = rows.unflatten(0, (heads, -1))
    size = turned or by_head.shape[1]
    halves, rest = by_head.tensor_split([size], 1)
    pairs = halves.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)
    return torch.cat([pairs, rest], 1).flatten(0, 1)
