"""What a packed member takes: parameters, and megabytes of weights, moments, activations and logits."""

from collections.abc import Mapping
from typing import Any

from mixwright.learners import EXPLICIT_BELOW

LOGIT_ROWS = 256  # of the fused head, see learners.fused_head


PIECE_MB = {"cpu": 512, "cuda": 4_096}  # activations of one packed member at a time


CPU_MB = 6_000  # of all members of a wave on a CPU


MOST = {"cpu": 4, "cuda": 64}  # members of a wave: more leave a CPU's caches


def parameters(shape: Mapping[str, Any], vocabulary: int) -> int:
    """Parameters of a model of `shape`, keys not grouped, as transformers counts them."""
    width, hidden, architecture = (
        shape["width"],
        shape["hidden"],
        shape.get("architecture", "llama"),
    )
    matrices, vectors = (3, 2 * width) if architecture == "llama" else (2, 9 * width + hidden)
    outer = {
        "llama": 2 * vocabulary * width + width,
        "neox": 2 * vocabulary * width + 2 * width,
        "gpt2": (vocabulary + shape["context"]) * width + 2 * width,
        "bert": (vocabulary + shape["context"] + width) * width + vocabulary + 5 * width,
    }
    return int(
        shape["layers"] * (4 * width**2 + matrices * width * hidden + vectors) + outer[architecture]
    )


def activation_mb(shape: Mapping[str, Any], sequences: int) -> float:
    """Megabytes of what a packed member's forward pass keeps for the backward one, of so many sequences; without logits."""
    explicit = shape["heads"] * shape["context"] if shape["context"] < EXPLICIT_BELOW else 0
    floats = (
        shape["layers"] * (24 * shape["width"] + 6 * shape["hidden"] + 2 * explicit)
        + 6 * shape["width"]
    )
    return float(sequences * shape["context"] * 4 * floats / 2**20)


def member_mb(shape: Mapping[str, Any], vocabulary: int, sequences: int) -> float:
    """Megabytes of one packed member: weights, gradients, two moments and a copy, activations, and the logits of a few rows."""
    return 4 * (
        5 * parameters(shape, vocabulary) + 3 * LOGIT_ROWS * vocabulary
    ) / 2**20 + activation_mb(shape, sequences)
