"""The weights of trained members, in bfloat16, one safetensors file each."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from mixwright.files import written
from mixwright.progress import say
from mixwright.proxies.models.shape import Parameters, Shape

STORED = torch.bfloat16


def rounded(parameters: Parameters) -> Parameters:
    """Returns weights as they come back from the store: rounded to bfloat16, in their own type."""
    return {name: tensor.to(STORED).to(tensor.dtype) for name, tensor in parameters.items()}


def finite(parameters: Parameters, member: int) -> bool:
    """Returns whether all weights of one of the stacked members are finite."""
    weights = [tensor[member] for tensor in parameters.values()]
    return all(bool(tensor.isfinite().all()) for tensor in weights)


class Weights:
    """A folder of weights under the keys of their training."""

    def __init__(self, store: Path) -> None:
        self.folder = store / "weights"

    def __contains__(self, key: str) -> bool:
        return self.path(key).exists()

    def path(self, key: str) -> Path:
        """Returns where the weights of a training lie."""
        return self.folder / key[:2] / f"{key}.safetensors"

    def put(self, key: str, parameters: Parameters, member: int, shape: Shape) -> None:
        """Stores one of the stacked members, atomically.

        Args:
            key: Of its training.
            parameters: Each (K, ...).
            member: Which of the K.
            shape: The members' sizes.
        """
        tensors = {}
        for name, tensor in parameters.items():
            of_member = tensor[member].detach().to(STORED)
            tensors[name] = of_member.cpu().contiguous()
        metadata = {"format": "pt", "key": key, "shape": _sizes(shape)}
        with written(self.path(key)) as partial:
            save_file(tensors, partial, metadata)

    def get(self, key: str, shape: Shape, device: str = "cpu") -> Parameters | None:
        """Returns a member's weights in float32, each (1, ...), or None.

        A file that cannot be read, or holds another model, is removed with a message.
        """
        path = self.path(key)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="pt", device=device) as file:
                metadata = file.metadata()
                if metadata.get("shape") == _sizes(shape):
                    weights = {}
                    for name in list(file.keys()):
                        weights[name] = file.get_tensor(name).float()[None]
                    return weights
            fault = "another model"
        except (OSError, SafetensorError) as error:
            fault = error.__class__.__name__
        say(f"{path}: weights not readable ({fault}); the file is removed")
        path.unlink(missing_ok=True)
        return None

    def missing(self, keys: Sequence[str]) -> list[str]:
        """Returns the keys whose weights are not there."""
        return [key for key in keys if key not in self]


def _sizes(shape: Shape) -> str:
    """A shape as JSON; which kernel computes attention is none of its sizes."""
    sizes = asdict(shape)
    del sizes["attention"]
    return json.dumps(sizes, sort_keys=True)
