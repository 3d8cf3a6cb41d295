"""Gradients of a pack: their layout, and the norms by which they are clipped."""

from collections.abc import Sequence

import torch
from torch import Tensor

# gradients of a parameter: of all members (K, ...), or one tensor a member
Slopes = Tensor | Sequence[Tensor]


def excess(gradients: Sequence[Sequence[Tensor]], limit: float) -> Tensor:
    """Returns (members,) divisors, 1 or more, that clip gradients to a joint norm of `limit`.

    Norms are taken one member at a time, as a CPU takes them: over a dimension, the order of a sum
    depends on how many members there are.

    Args:
        gradients: By member, one tensor a parameter.
        limit: The largest norm of a member's gradients together.
    """
    norms = []
    for tensors in gradients:
        by_parameter = torch.stack(torch._foreach_norm(list(tensors)))
        norms.append(by_parameter.norm())
    divisors = (torch.stack(norms) + 1e-6) / limit
    return divisors.clamp_(min=1.0)


def excess_as_one(gradients: Sequence[Tensor], limit: float) -> Tensor:
    """Returns the divisors (K,) of `excess`, of all members' norms at once.

    Args:
        gradients: By parameter, (K, ...).
        limit: The largest norm of a member's gradients together.
    """
    norms = []
    for gradient in gradients:
        norms.append(torch.linalg.vector_norm(gradient.flatten(1), dim=1))
    joint = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    return ((joint + 1e-6) / limit).clamp_(min=1.0)


def stacked(slopes: Slopes) -> Tensor:
    """Returns the gradients of all members (K, ...), copied only where they come one by one."""
    if isinstance(slopes, Tensor):
        return slopes
    return torch.stack(list(slopes))


def by_member(values: Tensor, like: Tensor) -> Tensor:
    """Returns (K,) values as (K, 1, ...), with as many dimensions as `like`."""
    ones = [1] * (like.dim() - 1)
    return values.view(-1, *ones)
