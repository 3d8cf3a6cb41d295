"""Finals of which every process holds a slice (FSDP2): what their training needs beyond accelerate and torch."""

from collections.abc import Mapping
from typing import Any

import torch
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.tensor import DTensor
from transformers import Trainer


class GatheredMuon(torch.optim.Muon):
    """Every process gathers the whole direction, orthogonalises it and keeps its slice: a slice's own factor would be another update.

    One gathering a matrix and a step, and the numbers of whole matrices. Momentum stays in slices.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._step(parameter, self.state[parameter], group)

    @staticmethod
    def _step(parameter: DTensor, state: dict[str, Any], group: Mapping[str, Any]) -> None:
        gradient, kept = parameter.grad, group["momentum"]
        momentum = state.setdefault("momentum_buffer", torch.zeros_like(gradient))
        momentum.lerp_(gradient, 1 - kept)
        moved = torch.zeros(parameter.shape, device=gradient.device)
        moved.grad = gradient.lerp(momentum, kept).full_tensor()
        torch.optim.Muon(
            [moved], lr=group["lr"], weight_decay=0.0, momentum=0.0, nesterov=False
        ).step()
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(
            DTensor.from_local(moved, parameter.device_mesh).redistribute(
                placements=parameter.placements
            )
        )


def slice_on_cpu(trainer: Trainer) -> None:
    """Makes accelerate slice a model on CPUs too: it lays FSDP aside there without a word, though its code for it runs on gloo."""
    for state in (PartialState, AcceleratorState):
        state._shared_state["distributed_type"] = DistributedType.FSDP
    AcceleratorState._shared_state["fsdp_plugin"] = FullyShardedDataParallelPlugin(
        **trainer.args.fsdp_plugin_args
    )
    trainer.is_fsdp_enabled = True


def whole(model: nn.Module) -> dict[str, Tensor]:
    """The weights put together, in the memory of the process that leads; empty in the others. All must ask."""
    return get_model_state_dict(
        model, options=StateDictOptions(full_state_dict=True, cpu_offload=True)
    )
