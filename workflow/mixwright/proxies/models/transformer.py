"""One way to first weights, hidden states and logits for every architecture that is packed."""

from types import ModuleType

import torch
from torch import Tensor

from mixwright.proxies.models import gpt2_bert, llama, neox
from mixwright.proxies.models.shape import Parameters, Shape

_MODULES: dict[str, ModuleType] = {
    "llama": llama,
    "gpt2": gpt2_bert,
    "neox": neox,
    "bert": gpt2_bert,
}


def initial(shape: Shape, seed: int) -> Parameters:
    """One member's first weights, each with a leading 1: a function of (shape, seed) alone."""
    found: Parameters = _MODULES[shape.architecture].initial(shape, seed)
    return found


def stack(members: list[Parameters]) -> Parameters:
    """Members of one shape, side by side."""
    return {name: torch.cat([member[name] for member in members]) for name in members[0]}


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """(K, B T, W) final states; `tokens` is (K, B, T) int64, or (1, B, T) when all members read the same."""
    found: Tensor = _MODULES[shape.architecture].hidden_states(parameters, tokens, shape)
    return found


def head(parameters: Parameters, states: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """(K, N, H) and (K, H, V) whose product is the logits of states (K, N, W), few of all where few are scored."""
    return (
        (states, parameters["head"])
        if "head" in parameters
        else gpt2_bert.head(parameters, states, shape)
    )


def hf_state_dict(parameters: Parameters, member: int, shape: Shape) -> dict[str, Tensor]:
    """One member's weights under the names of transformers' model of this architecture."""
    own = {name: tensor[member].detach().cpu() for name, tensor in parameters.items()}
    found: dict[str, Tensor] = _MODULES[shape.architecture].hf_state_dict(own, shape)
    return {name: tensor.contiguous() for name, tensor in found.items()}
