"""Training of finals of which every process holds a slice (FSDP2).

Only what accelerate and torch do not do by themselves.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch import Tensor, distributed, nn
from torch.distributed import DeviceMesh
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.distributed.tensor import DTensor
from transformers import Trainer

from mixwright.finals.muon import Muon, update_of
from mixwright.finals.spread import Round, rounds_of


class SlicedMuon(Muon):
    """Muon on sliced matrices, with the numbers that it has on whole ones.

    A slice's own orthogonal factor would be another update. So each matrix has a process that owns
    its update: it gets the slices of the direction from the others, orthogonalises the whole and
    sends every process its slice. In a round each process owns one matrix, and all slices of the
    round travel at once, in float32. Of each matrix, of N processes together, 2 (N - 1) slices
    travel; to gather it in all of them would take N (N - 1). The momentum stays in slices.
    """

    def _updates(self, numbers: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
        if not numbers:
            return
        first: Any = self.matrices[numbers[0]]
        mesh: DeviceMesh = first.device_mesh
        for owned in rounds_of(self, numbers, mesh.size()):
            yield from self._round(owned, mesh)

    def _round(self, owned: Round, mesh: DeviceMesh) -> Iterator[tuple[int, Tensor]]:
        """The updates of one round, as this process's slices."""
        group = mesh.get_group()
        directions: dict[int, DTensor] = {}
        # what this process sends to each owner
        slices = []
        for number in owned:
            if number is None:
                slices.append(torch.empty(0, device=mesh.device_type))
            else:
                direction = self._direction(number)
                assert isinstance(direction, DTensor)
                directions[number] = direction
                slices.append(direction.to_local())
        mine = owned[mesh.get_local_rank()]
        lengths = self._lengths(mine, mesh.size())
        gathered = _exchanged(slices, lengths, group)
        update = gathered
        if mine is not None:
            whole = gathered.view(self.matrices[mine].shape)
            update = update_of(whole, self.layouts[mine], self.dtype).reshape(-1)
        own_lengths = [part.numel() for part in slices]
        received = _exchanged(update.split(lengths), own_lengths, group)
        for number, part, old in zip(owned, received.split(own_lengths), slices, strict=True):
            if number is not None:
                yield number, _like(directions[number], part.view_as(old))

    def _lengths(self, number: int | None, size: int) -> list[int]:
        """Numbers in each process's slice of a matrix, as FSDP cuts it; none of no matrix."""
        if number is None:
            return [0] * size
        rows, columns = self.matrices[number].shape
        lengths = [len(part) * columns for part in torch.empty(rows, device="meta").chunk(size)]
        return lengths + [0] * (size - len(lengths))


def _like(matrix: DTensor, local: Tensor) -> DTensor:
    """The sliced matrix of the form of another, of which `local` is this process's slice."""
    return DTensor.from_local(
        local,
        matrix.device_mesh,
        matrix.placements,
        shape=matrix.shape,
        stride=matrix.stride(),
    )


def _exchanged(parts: Sequence[Tensor], lengths: Sequence[int], group: Any) -> Tensor:
    """Sends part r to process r, and returns what all sent to this one, in their order.

    Args:
        parts: one for each process; may be empty.
        lengths: numbers that come from each process.
        group: torch's, of all processes.
    """
    sent = torch.cat([part.reshape(-1) for part in parts])
    received = sent.new_empty(sum(lengths))
    sizes = [part.numel() for part in parts]
    distributed.all_to_all_single(received, sent, list(lengths), sizes, group=group)
    return received


def slice_on_cpu(trainer: Trainer) -> None:
    """Makes accelerate slice a model on CPUs too.

    It drops FSDP there without a word, though its code for it runs on gloo.
    """
    for state in (PartialState, AcceleratorState):
        state._shared_state["distributed_type"] = DistributedType.FSDP
    plugin = FullyShardedDataParallelPlugin(**trainer.args.fsdp_plugin_args)
    AcceleratorState._shared_state["fsdp_plugin"] = plugin
    trainer.is_fsdp_enabled = True


def reduced_in_float32(precision: str) -> MixedPrecisionPolicy | None:
    """Returns how slices are gathered and gradients summed; None: as they are, in float32.

    accelerate would sum gradients in bfloat16 too, and round a loss to it.
    """
    if precision != "bfloat16":
        return None
    return MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)


def gathered_weights(model: nn.Module) -> dict[str, Any]:
    """Gathers the slices of a model's weights; every process has to call it.

    Returns:
        The whole weights in the machine's memory, in the process that leads; nothing in the others.
    """
    options = StateDictOptions(full_state_dict=True, cpu_offload=True)
    return get_model_state_dict(model, options=options)
