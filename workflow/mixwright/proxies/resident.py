"""Holds token shards on the device, and looks sequences up there.

A step then copies a few positions to the device in place of its tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints, Shard

# share of a device's memory that tokens may take
SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Resident:
    """All shards end to end on the device, two bytes a token where the vocabulary allows it."""

    # (all tokens,) int32, or int16 that holds the bits of uint16
    tokens: Tensor
    # (shards,) position of each shard's first token
    offsets: Ints
    # tokens of a sequence
    context: int

    @classmethod
    def of(cls, shards: Sequence[Shard], context: int, device: str) -> "Resident":
        """Copies the shards to `device`, in the order that schedules number them by."""
        two_bytes = all(shard.tokens.dtype == np.uint16 for shard in shards)
        dtype = np.uint16 if two_bytes else np.int32
        flat = np.concatenate([np.asarray(shard.tokens).astype(dtype) for shard in shards])
        if two_bytes:
            # torch computes little with uint16.
            flat = flat.view(np.int16)
        lengths = [len(shard.tokens) for shard in shards]
        offsets = np.cumsum([0, *lengths[:-1]], dtype=np.int64)
        return cls(torch.from_numpy(flat).to(device), offsets, context)

    def starts(self, schedule: Schedule, positions: Ints) -> Ints:
        """Returns (n,) where the run's sequences at these positions begin among all tokens."""
        blocks = schedule.blocks[positions]
        return self.offsets[schedule.domains[positions]] + blocks * self.context

    def read(self, starts: Tensor) -> Tensor:
        """Returns (..., context + 1) int64 tokens from (...) starts, on the device."""
        steps = torch.arange(self.context + 1, device=starts.device)
        tokens = self.tokens[starts.unsqueeze(-1) + steps].long()
        if self.tokens.dtype == torch.int16:
            tokens = tokens & 0xFFFF
        return tokens


def resident(shards: Sequence[Shard], context: int, device: str) -> Resident | None:
    """Returns the shards on a GPU; None on a CPU, and where they take SHARE of its memory."""
    if device == "cpu":
        return None
    size = sum(shard.tokens.nbytes for shard in shards)
    if size >= SHARE * torch.cuda.get_device_properties(0).total_memory:
        return None
    return Resident.of(shards, context, device)
