"""The last product and its loss for many members in one call, as a GPU computes them.

`fused_head` says what is computed. Here logits are stored in the precision of the products. Their
softmax is summed in float32, and their gradient overwrites them. No number of the host depends on
a number of the device, so that a CUDA graph can record it all.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from mixwright.progress import say_once
from mixwright.proxies.footprint import DEVICE_LOGIT_ROWS, DEVICE_LOGITS
from mixwright.proxies.models.strategy import add_product, product

# Rows of a member at once: fewer leave products slow, more only take memory.
LEAST_ROWS, MOST_ROWS = DEVICE_LOGIT_ROWS
# Logits that the plain path holds in float32, beside those of the products.
WORKING = 1 << 26
# Rows of so many numbers of 2 bytes begin at places that products and the kernel read fast.
ALIGNED = 16

# (logits (k, n, V), labels (k, n), scale or None) -> losses (k, n), float32.
# With a scale the logits become scale * (P - Y).
Losses = Callable[[Tensor, Tensor, float | None], Tensor]


@torch.no_grad()
def head_loss(
    states: Tensor,
    head: Tensor,
    labels: Tensor,
    dtype: torch.dtype,
    count: int,
    losses_of: Losses | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns what `fused_head.head_loss` returns, of the same arguments.

    Args:
        states: X, (K, N, W).
        head: H, (K, W, V).
        labels: (K, N) int64.
        dtype: precision of the products, and of the logits.
        count: tokens that the loss is a mean over.
        losses_of: how losses and slopes of logits are computed; by default what suits the device.
    """
    losses_of = losses_of or losses_on(states.device)
    losses = torch.empty(len(states), device=states.device)
    grad_states = torch.empty_like(states)
    grad_head = torch.empty_like(head, dtype=torch.float32)
    groups, chunks = _cut(states, head)
    buffer = _buffer(groups, chunks, head, dtype)
    for at in groups:
        matrix = _matrix(head[at], dtype)
        terms = []
        for rows in chunks:
            x = states[at, rows].to(dtype)
            slopes = _logits(x, matrix, buffer)
            terms.append(losses_of(slopes, labels[at, rows], 1 / count).sum(1))
            grad_states[at, rows] = product(slopes, matrix.mT)
            add_product(grad_head[at], x.mT, slopes, first=rows.start == 0)
        losses[at] = torch.stack(terms).sum(0)
    return losses / count, grad_states, grad_head


@torch.no_grad()
def loglikelihoods(
    states: Tensor,
    head: Tensor,
    labels: Tensor,
    dtype: torch.dtype,
    losses_of: Losses | None = None,
) -> Tensor:
    """Returns the natural log-likelihoods (K, N) of labels, float32.

    Args:
        states: (K, N, W).
        head: (K, W, V).
        labels: (N,) int64, the same for all members.
        dtype: precision of the product, and of the logits.
        losses_of: how losses of logits are computed; by default what suits the device.
    """
    losses_of = losses_of or losses_on(states.device)
    result = torch.empty(states.shape[:2], device=states.device)
    groups, chunks = _cut(states, head)
    buffer = _buffer(groups, chunks, head, dtype)
    for at in groups:
        matrix = _matrix(head[at], dtype)
        for rows in chunks:
            logits = _logits(states[at, rows].to(dtype), matrix, buffer)
            repeated = labels[rows].expand(len(logits), -1)
            result[at, rows] = -losses_of(logits, repeated, None)
    return result


def _cut(states: Tensor, head: Tensor) -> tuple[list[slice], list[slice]]:
    """Returns the members, and the rows of each, whose logits are held at once."""
    members, count = states.shape[:2]
    vocabulary = head.shape[2]
    least = max(1, min(LEAST_ROWS, count))
    groups = _even(members, DEVICE_LOGITS // (least * vocabulary))
    size = groups[0].stop
    rows = DEVICE_LOGITS // (size * vocabulary)
    return groups, _even(count, min(max(rows, least), MOST_ROWS))


def _even(total: int, most: int) -> list[slice]:
    """Returns slices of `total`, of about one size and no longer than `most`."""
    parts = max(1, -(-total // max(1, most)))
    size = max(1, -(-total // parts))
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]


def _buffer(groups: list[slice], chunks: list[slice], head: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns the memory (logits,) of any group's and any chunk's logits."""
    if not chunks:
        return torch.empty(0, dtype=dtype, device=head.device)
    size = groups[0].stop * chunks[0].stop * _aligned(head.shape[2])
    return torch.empty(size, dtype=dtype, device=head.device)


def _aligned(columns: int) -> int:
    """Returns the numbers from one row of so many columns to the next."""
    return -(-columns // ALIGNED) * ALIGNED


def _matrix(head: Tensor, dtype: torch.dtype) -> Tensor:
    """Returns the matrix (k, W, V) of the products, whose rows are aligned where it is a copy."""
    members, width, vocabulary = head.shape
    if head.dtype == dtype or head.stride(2) != 1:
        return head.to(dtype)
    rows = head.new_empty(members, width, _aligned(vocabulary), dtype=dtype)
    return rows[..., :vocabulary].copy_(head)


def _logits(x: Tensor, matrix: Tensor, buffer: Tensor) -> Tensor:
    """Returns the logits (k, n, V) of x (k, n, W) and the matrix (k, W, V), in the buffer."""
    vocabulary = matrix.shape[2]
    size = (len(x), x.shape[1], _aligned(vocabulary))
    rows = buffer[: size[0] * size[1] * size[2]].view(size)
    return torch.bmm(x, matrix, out=rows[..., :vocabulary])


def plain_losses(logits: Tensor, labels: Tensor, scale: float | None) -> Tensor:
    """Returns -log softmax(logits) at the labels (k, n), by torch's own functions.

    A few rows at a time are float32. The other arguments are those of `Losses`.
    """
    losses = torch.empty(labels.shape, device=logits.device)
    rows = _even(logits.shape[1], WORKING // (len(logits) * logits.shape[2]))
    for part in rows:
        losses[:, part] = _plain_part(logits[:, part], labels[:, part], scale)
    return losses


def _plain_part(logits: Tensor, labels: Tensor, scale: float | None) -> Tensor:
    """Returns the losses (k, n) of some rows, and overwrites these if there is a scale."""
    index = labels.unsqueeze(2)
    logs = torch.log_softmax(logits, -1, dtype=torch.float32)
    losses = -logs.gather(2, index)
    if scale is not None:
        slopes = logs.exp_()
        slopes.scatter_add_(2, index, torch.full_like(losses, -1.0))
        torch.mul(slopes, scale, out=logits)
    return losses.squeeze(2)


@lru_cache(maxsize=4)
def losses_on(device: torch.device) -> Losses:
    """Returns how losses are computed on a device, and says once which way a GPU takes."""
    if device.type != "cuda":
        return plain_losses
    try:
        from mixwright.proxies.models.triton_softmax import losses_in_place

        # The compiler may be missing, or too old for the device: a small trial tells.
        logits = torch.zeros(1, 1, 2, device=device)
        losses_in_place(logits, torch.zeros(1, 1, dtype=torch.int64, device=device), 1.0)
    # Whatever is wrong with a compiler, the plain way computes the same.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        say_once(f"the loss of the head is computed by torch, without Triton ({reason})")
        return plain_losses
    say_once("the loss of the head is computed by a Triton kernel")
    kernel: Losses = losses_in_place
    return kernel
