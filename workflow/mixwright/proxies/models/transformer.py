"""First weights, hidden states and logits of every architecture that is packed, by one interface.

Each architecture is a module with `initial`, `hidden_states`, `hf_state_dict` and
`from_state_dict`.
"""

from types import ModuleType

import torch
from torch import Tensor

from mixwright.proxies.models import gpt2_bert, llama, neox
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.states import State, checked

_MODULES: dict[str, ModuleType] = {
    "llama": llama,
    "gpt2": gpt2_bert,
    "neox": neox,
    "bert": gpt2_bert,
}


def initial(shape: Shape, seed: int) -> Parameters:
    """Returns one member's first weights, each with a leading 1.

    They are a function of the shape and the seed alone.
    """
    parameters: Parameters = _MODULES[shape.architecture].initial(shape, seed)
    return parameters


def stack(members: list[Parameters]) -> Parameters:
    """Puts members of one shape side by side: K tensors (1, ...) become one (K, ...)."""
    stacked = {}
    for name in members[0]:
        stacked[name] = torch.cat([member[name] for member in members])
    return stacked


def hidden_states(parameters: Parameters, tokens: Tensor, shape: Shape) -> Tensor:
    """Returns the states (K, B T, W) after the last layer.

    Args:
        parameters: K members.
        tokens: (K, B, T) int64, or (1, B, T) when all members read the same.
        shape: the members' sizes.
    """
    states: Tensor = _MODULES[shape.architecture].hidden_states(parameters, tokens, shape)
    return states


def head(parameters: Parameters, states: Tensor, shape: Shape) -> tuple[Tensor, Tensor]:
    """Returns the two factors of the logits: inputs (K, N, W') and matrix (K, W', V).

    W' is W, and more for bert, whose bias is a row of the matrix.

    Args:
        parameters: K members.
        states: (K, N, W), of all places or of those that are scored.
        shape: the members' sizes.
    """
    if "head" in parameters:
        return states, parameters["head"]
    return gpt2_bert.head(parameters, states, shape)


def hf_state_dict(parameters: Parameters, member: int, shape: Shape) -> dict[str, Tensor]:
    """Returns one member's weights under the names of transformers' model of its architecture."""
    weights = {}
    for name, tensor in parameters.items():
        weights[name] = tensor[member].detach().cpu()
    renamed: dict[str, Tensor] = _MODULES[shape.architecture].hf_state_dict(weights, shape)
    return {name: tensor.contiguous() for name, tensor in renamed.items()}


def from_state_dict(state: State, shape: Shape) -> Parameters:
    """Returns one member's weights from those of transformers' model of its architecture.

    It is the inverse of `hf_state_dict`. Weights that transformers ties may be left out.

    Args:
        state: tensors by transformers' names, as `model.state_dict()` has them, of any precision.
        shape: the model's sizes; its context may be shorter than the checkpoint's.

    Returns:
        Tensors of float32 with the names and sizes of `initial`, each with a leading 1.

    Raises:
        MixwrightError: weights are missing, unexpected or of another size.
    """
    architecture = _MODULES[shape.architecture]
    # Names and sizes alone: tensors of this device hold no numbers.
    with torch.device("meta"):
        sizes = {name: tensor[0] for name, tensor in initial(shape, seed=0).items()}
        expected: State = architecture.hf_state_dict(sizes, shape)
    weights = checked(state, expected, shape.architecture, tied="head" not in sizes)
    parameters: Parameters = architecture.from_state_dict(weights, shape)
    return {name: tensor.contiguous() for name, tensor in parameters.items()}
