"""How the members of a pack are computed on a device: one after another, or as one."""

import torch
from torch import Tensor


def as_one(device: torch.device) -> bool:
    """Returns whether sums, logits and updates go over all members in one call.

    A CPU takes a member at a time: its caches are small, and no number then depends on how many
    members share a step. On a GPU each call costs a launch, and small ones leave it idle.
    """
    return device.type != "cpu"


def product(a: Tensor, b: Tensor) -> Tensor:
    """Returns the products a b (n, r, c) in float32, of a (n, r, k) and b (n, k, c)."""
    if sums_in_float32(a.device, a.dtype):
        return torch.bmm(a, b, out_dtype=torch.float32)
    return torch.bmm(a, b).float()


def add_product(total: Tensor, a: Tensor, b: Tensor, first: bool) -> None:
    """Adds a b to `total` in its memory, or overwrites it where this is the first.

    Args:
        total: (n, r, c) float32.
        a: (n, r, k).
        b: (n, k, c), of the type of a.
        first: whether what `total` holds does not count.
    """
    beta = 0 if first else 1
    if a.dtype == torch.float32:
        total.baddbmm_(a, b, beta=beta)
    elif sums_in_float32(a.device, a.dtype):
        torch.baddbmm(total, a, b, out_dtype=torch.float32, beta=beta, out=total)
    elif first:
        total.copy_(torch.bmm(a, b))
    else:
        total.add_(torch.bmm(a, b))


def sums_in_float32(device: torch.device, dtype: torch.dtype) -> bool:
    """Returns whether products of `dtype` can be handed over in float32, unrounded.

    torch has such products for CUDA alone. Inside a compiled body the compiler is left its own.
    """
    if device.type != "cuda" or torch.version.cuda is None or torch.compiler.is_compiling():
        return False
    return dtype in (torch.bfloat16, torch.float16)
