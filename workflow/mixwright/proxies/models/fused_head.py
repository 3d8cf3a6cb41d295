"""The last product and its loss in one: logits live for a few rows at a time, and the gradient is made where they are."""

from collections.abc import Iterator

import torch
from torch import Tensor

LOGITS = 1 << 19  # logits held at a time on CPU: 2 MB stay in cache
ROWS = 256  # but no fewer rows than these, or the products run at a third of their speed at a vocabulary of 50,000
LOGITS_ON_DEVICE = 1 << 27


@torch.no_grad()
def head_loss(
    states: Tensor, head: Tensor, labels: Tensor, dtype: torch.dtype, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """(K,) nats of `labels` (K, N) under softmax(states (K, N, W) @ head (K, W, V)), over `count`, and the gradients of states and head.

    A few rows of logits at a time: they never leave the cache where the vocabulary is small, and never fill the memory where it is not.
    """
    losses, grad_states, grad_head = (
        torch.zeros(len(states), device=states.device),
        torch.empty_like(states),
        torch.empty_like(head),
    )
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


def _rooms(
    states: Tensor, vocabulary: int, dtype: torch.dtype
) -> Iterator[tuple[slice, tuple[Tensor, Tensor]]]:
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
            found[at, rows] = logs.gather(
                2, labels[rows].expand(len(logs), -1).unsqueeze(2)
            ).squeeze(2)
    return found


def _groups(states: Tensor) -> list[slice]:
    """Members whose logits are computed together: one on CPU, for the cache's sake, all on an accelerator."""
    size = 1 if states.device.type == "cpu" else len(states)
    return [slice(start, start + size) for start in range(0, len(states), size)]


def _chunks(states: Tensor, vocabulary: int) -> list[slice]:
    budget = LOGITS if states.device.type == "cpu" else LOGITS_ON_DEVICE
    size = max(ROWS, budget // (vocabulary * len(states)))
    return [slice(start, start + size) for start in range(0, states.shape[1], size)]
