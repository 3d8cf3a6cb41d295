"""Token shards on the device: sequences are looked up there, so that a step copies a few positions in place of its tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints, Shard

SHARE = 0.25  # of a device's memory that tokens may take


@dataclass(frozen=True, eq=False)
class Resident:
    """All shards end to end, in two bytes a token where the vocabulary allows it."""

    tokens: Tensor  # (all tokens,) int16, the bits of uint16, or int32
    offsets: Ints  # (shards,) where each begins
    context: int

    @classmethod
    def of(cls, shards: Sequence[Shard], context: int, device: str) -> "Resident":
        """In the order of a schedule's shards."""
        small = all(shard.tokens.dtype == np.uint16 for shard in shards)
        flat = np.concatenate(
            [np.asarray(shard.tokens).astype(np.uint16 if small else np.int32) for shard in shards]
        )
        offsets = np.cumsum([0] + [len(shard.tokens) for shard in shards[:-1]], dtype=np.int64)
        return cls(
            torch.from_numpy(flat.view(np.int16) if small else flat).to(device), offsets, context
        )

    def starts(self, schedule: Schedule, at: Ints) -> Ints:
        """(positions,) where the sequences of a run at these positions begin."""
        return self.offsets[schedule.domains[at]] + schedule.blocks[at] * self.context

    def read(self, starts: Tensor) -> Tensor:
        """(..., context + 1) int64 tokens from (...) starts, on the device."""
        found = self.tokens[
            starts.unsqueeze(-1) + torch.arange(self.context + 1, device=starts.device)
        ].long()
        return found & 0xFFFF if self.tokens.dtype == torch.int16 else found


def resident(shards: Sequence[Shard], context: int, device: str) -> Resident | None:
    """The shards on a GPU whose memory has room for them; on a CPU they are read where they lie."""
    if device == "cpu":
        return None
    room = SHARE * torch.cuda.get_device_properties(0).total_memory
    return (
        Resident.of(shards, context, device)
        if sum(shard.tokens.nbytes for shard in shards) < room
        else None
    )
