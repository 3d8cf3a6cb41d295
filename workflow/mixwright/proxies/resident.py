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
from mixwright.proxies.footprint import TOKENS_SHARE

# tokens that pass through the host's memory at once
PIECE = 1 << 25


@dataclass(frozen=True, eq=False)
class Resident:
    """All shards end to end on the device, two bytes a token where the vocabulary allows it."""

    # (all tokens,) int32, or int16 that holds the bits of uint16
    tokens: Tensor
    # (parts of all shards,) position of each part's first token
    offsets: Ints
    # (parts of all shards,) number of each part's first block, among the blocks of all shards
    blocks: Ints
    # (shards,) number of each shard's first block, among the blocks of all shards
    firsts: Ints
    # tokens of a sequence
    context: int

    @classmethod
    def of(cls, shards: Sequence[Shard], context: int, device: str) -> "Resident":
        """Copies the shards to `device`, in the order that schedules number them by."""
        parts = [part for shard in shards for part in shard.parts]
        # The same bits: torch computes little with uint16.
        narrow = is_narrow(shards)
        total = sum(len(part) for part in parts)
        tokens = torch.empty(total, dtype=torch.int16 if narrow else torch.int32, device=device)
        offsets = []
        end = 0
        for part in parts:
            offsets.append(end)
            for start in range(0, len(part), PIECE):
                piece = np.asarray(part[start : start + PIECE])
                copy = piece.view(np.int16).copy() if narrow else piece.astype(np.int32)
                tokens[end : end + len(copy)].copy_(torch.from_numpy(copy))
                end += len(copy)
        firsts = []
        blocks = []
        count = 0
        for shard in shards:
            firsts.append(count)
            numbers = shard.firsts(context)
            blocks += [count + number for number in numbers[:-1]]
            count += numbers[-1]
        return cls(tokens, np.array(offsets), np.array(blocks), np.array(firsts), context)

    def starts(self, schedule: Schedule, positions: Ints) -> Ints:
        """Returns (n,) where the run's sequences at these positions begin among all tokens."""
        domains, blocks, _ = schedule.at(positions)
        numbers = self.firsts[domains] + blocks
        # Of parts that share a number only the last has blocks.
        parts = np.searchsorted(self.blocks, numbers, side="right") - 1
        return np.asarray(self.offsets[parts] + (numbers - self.blocks[parts]) * self.context)

    def read(self, starts: Tensor) -> Tensor:
        """Returns (..., context + 1) int64 tokens from (...) starts, on the device."""
        steps = torch.arange(self.context + 1, device=starts.device)
        positions = starts.unsqueeze(-1) + steps
        tokens = self.tokens[positions].long()
        if self.tokens.dtype == torch.int16:
            tokens = tokens & 0xFFFF
        return tokens


def is_narrow(shards: Sequence[Shard]) -> bool:
    """Returns whether every token of the shards takes two bytes."""
    return all(part.dtype == np.uint16 for shard in shards for part in shard.parts)


def resident_bytes(shards: Sequence[Shard]) -> int:
    """Returns the bytes that the shards take on a device: one tensor, and no second copy."""
    total = sum(shard.size for shard in shards)
    return total * (2 if is_narrow(shards) else 4)


def resident(shards: Sequence[Shard], context: int, device: str) -> Resident | None:
    """Returns the shards on a GPU; None on a CPU, and where they take over TOKENS_SHARE of it."""
    if device == "cpu":
        return None
    memory = torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory
    if resident_bytes(shards) > TOKENS_SHARE * memory:
        return None
    return Resident.of(shards, context, device)
