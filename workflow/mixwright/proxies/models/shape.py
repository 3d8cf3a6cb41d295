"""The sizes of a model, whatever its architecture, and the random numbers of its first weights.

Letters in the shapes of this folder: K members, B sequences, T places, N = B T rows of states,
L layers, W width, H hidden width of the MLP, V vocabulary, h heads, d = W / h.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mixwright.errors import MixwrightError
from mixwright.learners import HEAD_MULTIPLE, MASKED, NORM_EPSILON, PACKED, THETA, table_rows

# Tensors by name, each with the members as its first dimension, or of one member without it.
Parameters = dict[str, Tensor]
DEVIATION = 0.02  # of first weights


@dataclass(frozen=True)
class Shape:
    """Sizes of a model without dropout.

    llama and neox have a head of their own, and as many keys as queries; a llama's head may be
    tied to the embedding. gpt2 and bert have learned positions, and a tied head.
    """

    layers: int
    width: int
    heads: int
    hidden: int  # width inside the MLP
    context: int  # tokens
    vocabulary: int  # rows of the embedding
    architecture: str = "llama"
    # Which kernel computes attention: explicit, fused, or auto for the one known to be faster.
    attention: str = "auto"
    # What norms add to a variance; None is what the architecture has by default.
    epsilon: float | None = None
    # Of rotary embedding.
    theta: float = THETA
    # Whether the head of a llama is its embedding.
    tied: bool = False
    # Rows of the table of learned positions; None is one a token of the context.
    positions: int | None = None

    @classmethod
    def of(cls, shape: Mapping[str, Any], tokens: int, attention: str = "auto") -> "Shape":
        """Reads the model shape of a resolved study.

        Args:
            shape: sizes by name, as in config/models.
            tokens: how many tokens the tokenizer knows.
            attention: the kernel of attention.

        Raises:
            MixwrightError: no packed model has this shape, or its vocabulary is too small.
        """
        architecture = shape["architecture"]
        heads = shape["heads"]
        if architecture not in PACKED:
            raise MixwrightError(
                f"proxy.model: no packed trainer for {architecture}; "
                f"choose a model of architecture {', '.join(PACKED)}"
            )
        if shape.get("key_value_heads", heads) != heads:
            raise MixwrightError(
                "proxy.model: the packed trainer has no grouped keys; "
                "give the shape as many key_value_heads as heads"
            )
        multiple = HEAD_MULTIPLE.get(architecture, 2)
        if shape["width"] % (multiple * heads):
            raise MixwrightError(
                f"proxy.model: width {shape['width']} is no multiple of {multiple} times "
                f"its {heads} heads; change one of them"
            )
        return cls(
            layers=shape["layers"],
            width=shape["width"],
            heads=heads,
            hidden=shape["hidden"],
            context=shape["context"],
            vocabulary=table_rows("proxy", shape, tokens),
            architecture=architecture,
            attention=attention,
            epsilon=shape.get("epsilon"),
            theta=shape.get("theta", THETA),
            tied=shape.get("tied", False),
            positions=shape.get("positions"),
        )

    @property
    def places(self) -> int:
        """Rows of the table of learned positions."""
        return self.positions or self.context

    @property
    def norm_epsilon(self) -> float:
        """What norms add to a variance."""
        if self.epsilon is None:
            return NORM_EPSILON[self.architecture]
        return self.epsilon

    @property
    def masked(self) -> bool:
        """Whether a token is predicted from both sides."""
        return self.architecture in MASKED

    @property
    def head_width(self) -> int:
        """Dimensions of one head of attention."""
        return self.width // self.heads


class FirstWeights:
    """Draws one member's first weights.

    They are a function of the seed and of the sizes that are drawn, in the order of the calls.
    """

    def __init__(self, seed: int) -> None:
        digest = hashlib.sha256(f"first weights {seed}".encode()).digest()
        number = int.from_bytes(digest[:8], "little")
        self._generator = torch.Generator().manual_seed(number)

    def normal(self, *size: int) -> Tensor:
        """Returns (1, *size) draws of normal(0, 0.02)."""
        return torch.randn(1, *size, generator=self._generator) * DEVIATION
