"""Attention of all members at once, causal or from both sides."""

import math

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mixwright.learners import EXPLICIT_BELOW


def attend(q: Tensor, k: Tensor, v: Tensor, causal: bool, kernel: str = "auto") -> Tensor:
    """(n, heads, T, d) from queries, keys and values of that size, by the kernel `explicit` or `fused`; auto: the likely faster."""
    explicit = _wants_explicit(q) if kernel == "auto" else kernel == "explicit"
    return _explicit(q, k, v, causal) if explicit else scaled_dot_product_attention(q, k, v, is_causal=causal)


def _wants_explicit(q: Tensor) -> bool:
    return q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.shape[2] < EXPLICIT_BELOW


def _explicit(q: Tensor, k: Tensor, v: Tensor, causal: bool) -> Tensor:
    """By plain products."""
    hidden = torch.full((q.shape[2], q.shape[2]), -math.inf if causal else 0.0, dtype=q.dtype, device=q.device).triu(1)
    heads = q.shape[1]
    q, k, v = (part.flatten(0, 1) for part in (q, k, v))
    scores = torch.baddbmm(hidden.expand(len(q), -1, -1), q, k.mT, alpha=q.shape[-1] ** -0.5)
    return torch.bmm(torch.softmax(scores, -1).to(v.dtype), v).unflatten(0, (-1, heads))
