"""Training of finals of which every process holds a slice (FSDP2).

Only what accelerate and torch do not do by themselves.
"""

from collections.abc import Mapping
from typing import Any

import torch
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch import nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import MixedPrecisionPolicy
from torch.distributed.tensor import DTensor
from transformers import Trainer


class GatheredMuon(torch.optim.Muon):
    """Muon on sliced matrices, with the numbers that it has on whole ones.

    A slice's own orthogonal factor would be another update. So every process gathers the whole
    direction, orthogonalises it and keeps its slice: one gathering for each matrix and step.
    The momentum stays in slices.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Updates every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, parameter.grad, self.state[parameter], group)
        return None

    @staticmethod
    def _step(
        parameter: DTensor, gradient: DTensor, state: dict[str, Any], group: Mapping[str, Any]
    ) -> None:
        decay = group["momentum"]
        momentum = state.setdefault("momentum_buffer", torch.zeros_like(gradient))
        momentum.lerp_(gradient, 1 - decay)
        direction = gradient.lerp(momentum, decay)
        assert isinstance(direction, DTensor)

        # torch's own step on zeros, without momentum, turns the direction into the update
        update = torch.zeros(parameter.shape, device=gradient.device)
        update.grad = direction.full_tensor()
        torch.optim.Muon(
            [update], lr=group["lr"], weight_decay=0.0, momentum=0.0, nesterov=False
        ).step()

        whole = DTensor.from_local(update, parameter.device_mesh)
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(whole.redistribute(placements=parameter.placements))


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
