"""A Triton kernel: cross-entropy of logits, and its gradient in their place.

It is imported where Triton is installed: CUDA builds of torch bring it. One program goes through
a row twice. First it keeps a running maximum and a running sum of exponentials (Milakov and
Gimelshein, arXiv 1805.02867, algorithm 3); then it overwrites logits by their gradient.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

# Logits of a row that a program holds at once: 16 bytes a thread.
BLOCK = 8_192
# Few rows are on a device at a time this way, so that the second pass reads them from its cache.
MOST_WARPS = 32
LOGITS_A_WARP = 256
# Registers of a thread at most, so that two programs of MOST_WARPS are on a multiprocessor of
# NVIDIA's at once: one reads while the other sums.
REGISTERS = 32


@triton.jit
def _larger_and_total(x, largest, total):
    """Returns the maximum and the sum of exponentials once these logits are among them."""
    larger = tl.maximum(largest, tl.max(x, 0))
    return larger, total * tl.exp(largest - larger) + tl.sum(tl.exp(x - larger), 0)


@triton.jit
def _slopes(x, normaliser, is_label, scale):
    """Returns scale * (P - Y) of logits."""
    slopes = tl.exp(x - normaliser)
    return tl.where(is_label, slopes - 1.0, slopes) * scale


@triton.jit
def _rows(
    logits,
    labels,
    losses,
    vocabulary,
    scale,
    member_stride,
    row_stride,
    label_member_stride,
    label_stride,
    loss_member_stride,
    writes: tl.constexpr,
    block: tl.constexpr,
):
    """Computes the loss of one row of one member, and overwrites the row by its gradient."""
    row = tl.program_id(0).to(tl.int64)
    member = tl.program_id(1).to(tl.int64)
    logits += member * member_stride + row * row_stride
    label = tl.load(labels + member * label_member_stride + row * label_stride)
    at_label = tl.load(logits + label).to(tl.float32)
    columns = tl.arange(0, block)
    # Whole blocks need no mask, which would part their loads where V is no multiple of 16.
    whole = vocabulary // block * block
    inside = whole + columns < vocabulary
    largest = float("-inf")
    total = 0.0
    for start in range(0, whole, block):
        x = tl.load(logits + start + columns).to(tl.float32)
        largest, total = _larger_and_total(x, largest, total)
    if whole < vocabulary:
        x = tl.load(logits + whole + columns, mask=inside, other=float("-inf")).to(tl.float32)
        largest, total = _larger_and_total(x, largest, total)
    normaliser = largest + tl.log(total)
    tl.store(losses + member * loss_member_stride + row, normaliser - at_label)
    if writes:
        # The logit of the label has been read by every thread before any of them writes.
        tl.debug_barrier()
        for start in range(0, whole, block):
            at = logits + start + columns
            x = tl.load(at).to(tl.float32)
            slopes = _slopes(x, normaliser, start + columns == label, scale)
            tl.store(at, slopes.to(logits.dtype.element_ty))
        if whole < vocabulary:
            at = logits + whole + columns
            x = tl.load(at, mask=inside, other=float("-inf")).to(tl.float32)
            slopes = _slopes(x, normaliser, whole + columns == label, scale)
            tl.store(at, slopes.to(logits.dtype.element_ty), mask=inside)


def launched(vocabulary: int) -> dict[str, int]:
    """Returns what a program of so many logits a row is launched with."""
    block = min(BLOCK, triton.next_power_of_2(vocabulary))
    most = MOST_WARPS
    if torch.version.hip is not None:
        # AMD's data centre GPUs have 64 threads a warp, and 1,024 a program as NVIDIA's.
        most = MOST_WARPS // 2
    options = {"block": block, "num_warps": min(most, max(4, block // LOGITS_A_WARP))}
    if torch.version.cuda is not None:
        options["maxnreg"] = REGISTERS
    return options


def losses_in_place(logits: Tensor, labels: Tensor, scale: float | None) -> Tensor:
    """Returns -log softmax(logits) at the labels (k, n), float32.

    Args:
        logits: (k, n, V) of any float type, the last dimension side by side; overwritten by
            scale * (P - Y) unless `scale` is None.
        labels: (k, n) int64, of any strides.
        scale: what the gradient is multiplied by.
    """
    members, count, vocabulary = logits.shape
    losses = torch.empty(members, count, device=logits.device)
    _rows[(count, members)](
        logits,
        labels,
        losses,
        vocabulary,
        scale or 0.0,
        logits.stride(0),
        logits.stride(1),
        labels.stride(0),
        labels.stride(1),
        losses.stride(0),
        writes=scale is not None,
        **launched(vocabulary),
    )
    return losses
