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
        arrays = []
        offsets = []
        total = 0
        for shard in shards:
            arrays.append(np.asarray(shard.tokens))
            offsets.append(total)
            total += len(shard.tokens)
        if all(array.dtype == np.uint16 for array in arrays):
            # The same bits: torch computes little with uint16.
            flat = np.concatenate(arrays).view(np.int16)
        else:
            flat = np.concatenate(arrays, dtype=np.int32, casting="unsafe")
        tokens = torch.from_numpy(flat).to(device)
        return cls(tokens, np.array(offsets, np.int64), context)

    def starts(self, schedule: Schedule, positions: Ints) -> Ints:
        """Returns (n,) where the run's sequences at these positions begin among all tokens."""
        domains = schedule.domains[positions]
        blocks = schedule.blocks[positions]
        return self.offsets[domains] + blocks * self.context

    def read(self, starts: Tensor) -> Tensor:
        """Returns (..., context + 1) int64 tokens from (...) starts, on the device."""
        steps = torch.arange(self.context + 1, device=starts.device)
        positions = starts.unsqueeze(-1) + steps
        tokens = self.tokens[positions].long()
        if self.tokens.dtype == torch.int16:
            tokens = tokens & 0xFFFF
        return tokens


def resident(shards: Sequence[Shard], context: int, device: str) -> Resident | None:
    """Returns the shards on a GPU; None on a CPU, and where they take SHARE of its memory."""
    if device == "cpu":
        return None
    size = sum(shard.tokens.nbytes for shard in shards)
    memory = torch.cuda.get_device_properties(0).total_memory
    if size >= SHARE * memory:
        return None
    return Resident.of(shards, context, device)
