"""Training of finals of which every process holds a slice (FSDP2).

Only what accelerate and torch do not do by themselves.
"""

from typing import Any

import torch
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.distributed.tensor import DTensor
from transformers import Trainer

from mixwright.finals.muon import Layout, Muon, update_of


class GatheredMuon(Muon):
    """Muon on sliced matrices, with the numbers that it has on whole ones.

    A slice's own orthogonal factor would be another update. So every process gathers the whole
    direction, orthogonalises it and keeps its slice: one gathering for each matrix and step.
    The momentum stays in slices.
    """

    def _update(self, direction: Tensor, layout: Layout) -> Tensor:
        assert isinstance(direction, DTensor)
        update = update_of(direction.full_tensor(), layout, self._dtype)
        whole = DTensor.from_local(update.contiguous(), direction.device_mesh)
        return whole.redistribute(placements=direction.placements)


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
