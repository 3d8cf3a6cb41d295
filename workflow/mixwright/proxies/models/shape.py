"""The sizes of a model, whatever its architecture, and the random numbers of its first weights."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mixwright.errors import MixwrightError
from mixwright.learners import HEAD_MULTIPLE, MASKED, table_rows

Parameters = dict[str, Tensor]
PACKED = ("llama", "gpt2", "neox", "bert")


@dataclass(frozen=True)
class Shape:
    """Sizes of a model without dropout. llama, neox: a head of their own, no grouped keys; gpt2, bert: learned positions, a tied head."""

    layers: int
    width: int
    heads: int
    hidden: int
    context: int
    vocabulary: int
    architecture: str = "llama"
    attention: str = (
        "auto"  # which kernel computes it: explicit, fused, or the one known to be faster
    )

    @classmethod
    def of(cls, shape: Mapping[str, Any], tokens: int, attention: str = "auto") -> "Shape":
        """From a resolved study's model shape and the tokens that its tokenizer knows."""
        if shape["architecture"] not in PACKED:
            raise MixwrightError(
                f"proxy.model: no packed trainer for {shape['architecture']}; choose a model of architecture {', '.join(PACKED)}"
            )
        if shape.get("key_value_heads", shape["heads"]) != shape["heads"]:
            raise MixwrightError(
                "proxy.model: the packed trainer has no grouped keys; give the shape as many key_value_heads as heads"
            )
        multiple = HEAD_MULTIPLE.get(shape["architecture"], 2)
        if shape["width"] % (multiple * shape["heads"]):
            raise MixwrightError(
                f"proxy.model: width {shape['width']} is no multiple of {multiple} times its {shape['heads']} heads; change one of them"
            )
        sizes = (shape[name] for name in ("layers", "width", "heads", "hidden", "context"))
        return cls(*sizes, table_rows("proxy", shape, tokens), shape["architecture"], attention)

    @property
    def masked(self) -> bool:
        """Whether a token is predicted from both sides."""
        return self.architecture in MASKED


class FirstWeights:
    """Draws of one member's first weights, a function of (shape, seed) alone; the order of the calls counts."""

    def __init__(self, seed: int) -> None:
        digest = hashlib.sha256(f"first weights {seed}".encode()).digest()
        self._generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little"))

    def normal(self, *size: int) -> Tensor:
        """(1, *size) of normal(0, 0.02)."""
        return torch.randn(1, *size, generator=self._generator) * 0.02
