"""Brings what the members of a wave read to the device, many steps at a time.

A copy for each step would make the host wait for the device, and the device for the host. A block
of steps is copied from pinned memory while the device computes the steps before.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

# inputs of some steps, each (K, steps, ...), and their learning rates (steps, 2, K), on the host
Read = tuple[list[Tensor], Tensor]

# Steps of a block on a GPU.
STEPS = 32
# Bytes of a block at most, unless one step takes more.
BLOCK_BYTES = 32 << 20


class Length(Protocol):
    """A member, of which the length alone counts here."""

    @property
    def steps(self) -> int:
        """Its number of steps."""


class Feed:
    """What the members of a wave read, step after step.

    On a CPU a block is one step: there is nothing to wait for, and little memory is faster.

    Args:
        device: Where the steps are computed.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        # steps of the next block; the first says how large a step is
        self._block = 1
        self._steps = range(0)
        self._inputs: list[Tensor] = []
        self._rates = torch.empty(0)

    def at(
        self, step: int, members: Sequence[Length], read: Callable[[range], Read]
    ) -> tuple[list[Tensor], Tensor]:
        """Returns the inputs of a step, each (K, ...), and its learning rates (2, K).

        Args:
            step: The number of the step.
            members: Of the wave; none has ended.
            read: Reads some steps on the host.
        """
        if step not in self._steps:
            # When the shortest member has ended, other members read.
            shortest = min(member.steps for member in members)
            end = min(step + self._block, shortest)
            self._fill(range(step, max(end, step + 1)), read)
        number = step - self._steps.start
        return [tensor[:, number] for tensor in self._inputs], self._rates[number]

    def forget(self) -> None:
        """Lets go of what was read, as the members change."""
        self._steps = range(0)
        self._inputs = []

    def _fill(self, steps: range, read: Callable[[range], Read]) -> None:
        inputs, rates = read(steps)
        size = sum(tensor.nbytes for tensor in inputs) // len(steps)
        self._block = self._steps_of(size)
        self._inputs = [self._on_device(tensor) for tensor in inputs]
        self._rates = self._on_device(rates)
        self._steps = steps

    def _steps_of(self, size: int) -> int:
        """The steps of a block, whose inputs have `size` bytes each."""
        if self._device == "cpu":
            return 1
        fitting = BLOCK_BYTES // max(size, 1)
        return max(1, min(fitting, STEPS))

    def _on_device(self, tensor: Tensor) -> Tensor:
        if self._device == "cpu":
            return tensor
        # torch's allocator reuses pinned memory only after its copies have ended.
        return tensor.pin_memory().to(self._device, non_blocking=True)
