"""Attention of all members at once, causal or from both sides, and the turning of queries and keys by position."""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import scaled_dot_product_attention

from mixwright.learners import EXPLICIT_BELOW

THETA = 10_000.0
ROWS = 64  # queries at a time of explicit causal attention: what comes after the last of them is left out


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool, kernel: str = "auto") -> Tensor:
    """(n, heads, T, d) from queries, keys and values of that size, by the kernel `explicit` or `fused`; auto: the likely faster."""
    explicit = _wants_explicit(q) if kernel == "auto" else kernel == "explicit"
    if not explicit:
        return scaled_dot_product_attention(q, k, v, is_causal=causal)
    seen: Tensor = Explicit.apply(q.flatten(0, 1), k.flatten(0, 1), v.flatten(0, 1), causal)
    return seen.view(v.shape)


def _wants_explicit(q: Tensor) -> bool:
    return q.device.type == "cpu" and q.shape[2] < EXPLICIT_BELOW


class Explicit(Function):
    """Attention of q, k, v (n, T, d) by plain products that keep the probabilities: on a CPU exponentials are dearer than memory."""

    @staticmethod
    def forward(ctx: Any, q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
        seen, kept, scale = [], [], q.shape[-1] ** -0.5
        for rows, until in _blocks(q.shape[1], causal):
            hidden = _hidden(rows.stop - rows.start, until, causal, q.dtype, q.device).expand(
                len(q), -1, -1
            )
            chances = torch.softmax(
                torch.baddbmm(hidden, q[:, rows], k[:, :until].mT, alpha=scale), -1
            ).to(v.dtype)
            seen.append(torch.bmm(chances, v[:, :until]))
            kept.append(chances)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.causal = causal
        return _joined(seen)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *kept = ctx.saved_tensors
        grad_q, grad_k, grad_v, scale = (
            [],
            torch.zeros_like(k),
            torch.zeros_like(v),
            q.shape[-1] ** -0.5,
        )
        for (rows, until), chances in zip(_blocks(q.shape[1], ctx.causal), kept, strict=True):
            own = grad[:, rows]
            slope = torch._softmax_backward_data(
                torch.bmm(own, v[:, :until].mT), chances, -1, chances.dtype
            )
            grad_v[:, :until].baddbmm_(chances.mT, own)
            grad_k[:, :until].baddbmm_(slope.mT, q[:, rows], alpha=scale)
            grad_q.append(torch.bmm(slope, k[:, :until]))
        return _joined(grad_q).mul_(scale), grad_k, grad_v, None


def _joined(blocks: list[Tensor]) -> Tensor:
    return blocks[0] if len(blocks) == 1 else torch.cat(blocks, 1)


def _blocks(length: int, causal: bool) -> Iterator[tuple[slice, int]]:
    """Queries, and how many keys they see at most."""
    size = ROWS if causal else length
    for start in range(0, length, size):
        end = min(start + size, length)
        yield slice(start, end), end


@lru_cache(maxsize=64)
def _hidden(
    rows: int, until: int, causal: bool, dtype: torch.dtype, device: torch.device
) -> Tensor:
    """(rows, until) minus infinity where the last `rows` queries of `until` places must not look."""
    return torch.full((rows, until), -math.inf if causal else 0.0, dtype=dtype, device=device).triu(
        until - rows + 1
    )


class Heads(Function):
    """Queries, keys and values (n, heads, T, d) from mixed (n, T, 3, heads, d), the first two turned by position.

    Rotary embedding (RoFormer, arXiv 2104.09864) of adjacent pairs, as products of complex numbers. `turns` is (T, r / 2, 2), cosines and
    sines for the first r dimensions of a head; what is beyond them is left as it is.
    """

    @staticmethod
    def forward(ctx: Any, mixed: Tensor, turns: Tensor) -> tuple[Tensor, ...]:
        n, length, _, heads, size = mixed.shape
        found = torch.empty(3, n, heads, length, size, dtype=mixed.dtype, device=mixed.device)
        _turn(mixed[:, :, :2], turns, found[:2].permute(1, 3, 0, 2, 4))
        found[2].copy_(mixed[:, :, 2].transpose(1, 2))
        ctx.save_for_backward(turns)
        return tuple(found.unbind(0))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (turns,) = ctx.saved_tensors
        q, k, v = (grad.transpose(1, 2).unsqueeze(2) for grad in grads)  # (n, T, 1, heads, d)
        mixed = torch.empty(*v.shape[:2], 3, *v.shape[3:], dtype=v.dtype, device=v.device)
        back = torch.stack(
            [turns[..., 0], -turns[..., 1]], -1
        )  # no number from the host, or it could not be recorded
        for slot, own in enumerate((q, k)):
            _turn(own, back, mixed[:, :, slot : slot + 1])
        mixed[:, :, 2:].copy_(v)
        return mixed, None


def _turn(x: Tensor, turns: Tensor, to: Tensor) -> None:
    """Writes x (n, T, s, heads, d), its first pairs turned, where `to` is."""
    size = 2 * turns.shape[1]
    (own, rest), (there, beyond) = x.tensor_split([size], -1), to.tensor_split([size], -1)
    if rest.shape[-1]:
        beyond.copy_(rest)
    if not size:
        return
    angles = turns.view(len(turns), 1, 1, -1, 2)
    if torch.compiler.is_compiling():  # which has no complex numbers
        (a, b), (cosine, sine) = _pairs(own.float()).unbind(-1), angles.unbind(-1)
        there.copy_(torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1).flatten(-2))
    elif x.dtype == torch.float32:
        torch.mul(
            torch.view_as_complex(_pairs(own)),
            torch.view_as_complex(angles),
            out=torch.view_as_complex(_pairs(there)),
        )
    else:
        turned = torch.view_as_complex(_pairs(own.float())) * torch.view_as_complex(angles)
        there.copy_(torch.view_as_real(turned).flatten(-2))


def _pairs(x: Tensor) -> Tensor:
    return x.unflatten(-1, (-1, 2))


@lru_cache(maxsize=64)
def turns(length: int, size: int, device: torch.device) -> Tensor:
    """(T, size / 2, 2) cosines and sines by which positions turn the first `size` dimensions of a head."""
    frequencies = THETA ** -(torch.arange(0, size, 2, device=device).float() / size)
    angles = torch.outer(torch.arange(length, device=device).float(), frequencies)
    return torch.stack([angles.cos(), angles.sin()], -1)


def apart(rows: Tensor, heads: int, turned: int | None = None) -> Tensor:
    """A head's first `turned` rows of (W, ...), pair beside pair, in transformers' order: a pair's halves lie half of them apart."""
    by_head = rows.unflatten(0, (heads, -1))
    own, rest = by_head.tensor_split([turned or by_head.shape[1]], 1)
    return torch.cat([own.unflatten(1, (-1, 2)).transpose(1, 2).flatten(1, 2), rest], 1).flatten(
        0, 1
    )
