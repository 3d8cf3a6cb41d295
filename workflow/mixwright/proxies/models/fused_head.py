"""The last product of a model and its loss in one.

Logits live for a few rows at a time: they never leave the cache where the vocabulary is small,
and never fill the memory where it is not. The gradient is made where the logits are.

This is how a CPU computes them, a member at a time. Where members are computed as one, as on a GPU,
`stacked_head` does.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from mixwright.proxies.models import stacked_head, strategy

# Logits held at a time: 2 MB stay in the cache.
LOGITS = 1 << 19
# No fewer rows than these, or products run at a third of their speed at a vocabulary of 50,000.
ROWS = 256


@torch.no_grad()
def head_loss(
    states: Tensor, head: Tensor, labels: Tensor, dtype: torch.dtype, count: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the losses of K members, and the gradients of their states and heads.

    With one-hot labels Y and scale c = 1 / count:

        forward   P = softmax(X H)     loss = -c sum over rows of log P[row, label]
        backward  dX = c (P - Y) H^T     dH = c X^T (P - Y)

    Args:
        states: X, (K, N, W).
        head: H, (K, W, V).
        labels: (K, N) int64.
        dtype: precision of the products.
        count: tokens that the loss is a mean over; more than N where a batch comes in parts.

    Returns:
        losses (K,) in nats/token, gradient of states (K, N, W), gradient of head (K, W, V).
    """
    if strategy.as_one(states.device):
        return stacked_head.head_loss(states, head, labels, dtype, count)
    losses = torch.zeros(len(states), device=states.device)
    grad_states = torch.empty_like(states)
    grad_head = torch.empty_like(head, dtype=torch.float32)
    for at in _single_members(states):
        matrix = head[at].to(dtype)
        buffers = _buffers(states[at], head.shape[2], dtype)
        for rows, logits, probabilities in buffers:
            x = states[at, rows].to(dtype)
            torch.bmm(x, matrix, out=logits)
            _softmax(logits, probabilities)
            losses[at] -= _subtract_labels(probabilities, labels[at, rows])
            slope = probabilities if dtype == torch.float32 else logits.copy_(probabilities)
            grad_states[at, rows] = torch.bmm(slope, matrix.mT)
            _accumulate(grad_head[at], x.mT, slope, 1 / count, first=rows.start == 0)
    return losses / count, grad_states.mul_(1 / count), grad_head


def _softmax(logits: Tensor, out: Tensor) -> None:
    """Writes the softmax of logits to `out`, float32."""
    if logits.dtype != torch.float32:
        logits = logits.float()
    torch.softmax(logits, -1, out=out)


def _subtract_labels(probabilities: Tensor, labels: Tensor) -> Tensor:
    """Turns probabilities P into P - Y in place; returns the sums (k,) of log P at the labels."""
    index = labels.unsqueeze(2)
    at_labels = probabilities.gather(2, index)
    # A probability that float32 rounds to 0 has no logarithm.
    logs = at_labels.clamp(min=torch.finfo(at_labels.dtype).tiny).log_()
    probabilities.scatter_(2, index, at_labels - 1)
    return logs.sum((1, 2))


def _accumulate(total: Tensor, x: Tensor, slope: Tensor, scale: float, first: bool) -> None:
    """Adds scale * x @ slope to `total`, or overwrites it where it is the first; in float32."""
    if slope.dtype == total.dtype:
        total.baddbmm_(x, slope, beta=0 if first else 1, alpha=scale)
    elif first:
        torch.mul(torch.bmm(x, slope), scale, out=total)
    else:
        total.add_(torch.bmm(x, slope), alpha=scale)


def _buffers(
    states: Tensor, vocabulary: int, dtype: torch.dtype
) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Yields chunks of rows, and where their logits (`dtype`) and probabilities (float32) go.

    It is the same memory each time, for fresh pages cost time.
    """
    count = states.shape[1]
    chunks = _chunks(states, vocabulary)
    size = (len(states), min(chunks[0].stop, count), vocabulary)
    logits = torch.empty(size, dtype=dtype, device=states.device)
    probabilities = torch.empty(size, device=states.device)
    for rows in chunks:
        used = min(rows.stop, count) - rows.start
        yield rows, logits[:, :used], probabilities[:, :used]


def loglikelihoods(states: Tensor, head: Tensor, labels: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns the natural log-likelihoods (K, N) of labels, float32.

    Args:
        states: (K, N, W).
        head: (K, W, V).
        labels: (N,) int64, the same for all members.
        dtype: precision of the product.
    """
    if strategy.as_one(states.device):
        return stacked_head.loglikelihoods(states, head, labels, dtype)
    result = torch.empty(states.shape[:2], device=states.device)
    for at in _single_members(states):
        matrix = head[at].to(dtype)
        for rows in _chunks(states[at], head.shape[2]):
            x = states[at, rows].to(dtype)
            result[at, rows] = _chunk_loglikelihoods(x, matrix, labels[rows])
    return result


def _chunk_loglikelihoods(x: Tensor, matrix: Tensor, labels: Tensor) -> Tensor:
    """Returns the log-likelihoods (k, n) of labels (n,) whose logits are held at once."""
    logits = torch.bmm(x, matrix).float()
    logs = torch.log_softmax(logits, -1)
    index = labels.expand(len(logs), -1).unsqueeze(2)
    return logs.gather(2, index).squeeze(2)


def _single_members(states: Tensor) -> list[slice]:
    """Returns one slice a member: the logits of one stay in the cache."""
    return [slice(member, member + 1) for member in range(len(states))]


def _chunks(states: Tensor, vocabulary: int) -> list[slice]:
    """Returns rows whose logits are held at once."""
    size = max(ROWS, LOGITS // (vocabulary * len(states)))
    return [slice(start, start + size) for start in range(0, states.shape[1], size)]
