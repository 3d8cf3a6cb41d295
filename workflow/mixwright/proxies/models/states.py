"""Weights under transformers' names: what a model must have, and what is taken out of them."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from mixwright.errors import MixwrightError

# Weights of one model by transformers' names.
State = Mapping[str, Tensor]
# Names of weights that are others, by architecture.
TIED = {
    "llama": {"lm_head.weight": "model.embed_tokens.weight"},
    "gpt2": {"lm_head.weight": "transformer.wte.weight"},
    "bert": {
        "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
}
# Tables that may have more rows than a shape: its first ones are taken.
LONGER = (
    "transformer.wpe.weight",
    "bert.embeddings.position_embeddings.weight",
    "bert.embeddings.token_type_embeddings.weight",
)


def checked(state: State, expected: State, architecture: str, tied: bool) -> State:
    """Returns the weights in float32, once each that is expected is there and no other.

    Weights that are tied to others may be left out.

    Args:
        state: a checkpoint's weights.
        expected: tensors of the names and sizes that the model's shape asks for.
        architecture: the model's.
        tied: whether its head is its embedding.

    Raises:
        MixwrightError: weights are missing, unexpected, of another size, or tied ones differ.
    """
    others = TIED[architecture] if tied else {}
    missing = expected.keys() - state.keys() - others.keys()
    unexpected = state.keys() - expected.keys()
    _refuse(architecture, "it lacks", missing)
    _refuse(architecture, "no such model has", unexpected)
    for name, tensor in state.items():
        _check_size(name, tensor, expected[name])
    for name, other in others.items():
        if name in state and not torch.equal(state[name], state[other]):
            raise MixwrightError(
                f"checkpoint: its {name} is not its {other}; a {architecture} model here has one"
                " matrix for both, so start from a checkpoint with tied weights"
            )
    weights = {}
    for name, tensor in state.items():
        weights[name] = tensor.detach().to("cpu", torch.float32)
    return weights


def _refuse(architecture: str, what: str, names: Iterable[str]) -> None:
    """Refuses a checkpoint for the weights of these names, if there are any."""
    ordered = sorted(names)
    if not ordered:
        return
    listed = ", ".join(ordered[:3])
    if len(ordered) > 3:
        listed += f" and {len(ordered) - 3} more"
    raise MixwrightError(
        f"checkpoint: {what} {listed}; start from a {architecture} model without changes of its"
        " layers, and give the shape as many layers"
    )


def _check_size(name: str, tensor: Tensor, expected: Tensor) -> None:
    """Refuses a weight of another size than the shape's."""
    size, wanted = list(tensor.shape), list(expected.shape)
    if name in LONGER and size[1:] == wanted[1:] and size[0] >= wanted[0]:
        return
    if size != wanted:
        raise MixwrightError(
            f"checkpoint: {name} has the size {size}, the shape asks for {wanted};"
            " give the shape the checkpoint's sizes"
        )


def module(state: State, name: str) -> tuple[Tensor, Tensor]:
    """Returns the weight and the bias of a module."""
    return state[f"{name}.weight"], state[f"{name}.bias"]


def scale_and_shift(state: State, name: str) -> Tensor:
    """Returns the scale and the shift (2, W) of a LayerNorm."""
    return torch.stack(module(state, name))
