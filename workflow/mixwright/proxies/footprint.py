"""Estimates the memory of a packed member: weights, optimizer state, activations and logits.

Imports no torch, for jobs are sized when the workflow is parsed.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.learners import EXPLICIT_BELOW, MASKED

# rows of logits that the fused head holds at a time, see proxies/models/fused_head.py
LOGIT_ROWS = 256
# On a GPU, see proxies/models/stacked_head.py: rows of a member at a time, at least and at most,
# and logits of all members together. Each logit is held once, in the precision of the products.
DEVICE_LOGIT_ROWS = (2_048, 8_192)
DEVICE_LOGITS = 1 << 30
# by device: megabytes of activations of one packed member at a time
PIECE_MB = {"cpu": 512, "cuda": 4_096}
# megabytes of all members of a wave on a CPU
CPU_MB = 6_000
# by device: members of a wave at most; more do not fit in the caches of a CPU
MOST = {"cpu": 4, "cuda": 64}

# Matrices of an MLP, by architecture.
MATRICES = {"llama": 3, "gpt2": 2, "neox": 2, "bert": 2}
FLOAT_BYTES = 4
# copies of the parameters: weights, gradients, two moments of the optimizer, and a spare
COPIES = 5
# of each row of logits: logits, probabilities and their gradient
LOGIT_COPIES = 3


def parameters(shape: Mapping[str, Any], vocabulary: int) -> int:
    """Returns the number of parameters of a model of `shape`, as transformers counts them.

    Keys are not grouped. `shape` is a resolved study's model shape. Of an architecture that is
    not packed the weights' files say the number; without them it is counted as a llama's.
    """
    if "parameters" in shape:
        return int(shape["parameters"])
    width = shape["width"]
    hidden = shape["hidden"]
    context = shape["context"]
    table = vocabulary * width
    positions = shape.get("positions", context) * width
    architecture = shape.get("architecture", "llama")
    if architecture not in MATRICES:
        architecture = "llama"
    # Of one layer: matrices of (width, hidden), and numbers in norms and biases.
    matrices = MATRICES[architecture]
    vectors = 9 * width + hidden
    if architecture == "llama":
        vectors = 2 * width
    layer = 4 * width**2 + matrices * width * hidden + vectors
    # Outside the layers: embeddings, head and the last norm.
    tables = 1 if shape.get("tied") else 2
    outside = {
        "llama": tables * table + width,
        "neox": 2 * table + 2 * width,
        "gpt2": table + positions + 2 * width,
        "bert": table + positions + width**2 + vocabulary + 5 * width,
    }
    return int(shape["layers"] * layer + outside[architecture])


def activation_mb(shape: Mapping[str, Any], sequences: int, attention: str = "auto") -> float:
    """Returns megabytes that the forward pass of one member keeps for the backward pass.

    Args:
        shape: A resolved study's model shape.
        sequences: How many the member reads at a time.
        attention: Its kernel; auto is explicit at contexts below EXPLICIT_BELOW.

    Logits are not counted.
    """
    width = shape["width"]
    hidden = shape["hidden"]
    context = shape["context"]
    # Explicit attention keeps a probability for each pair of a query and a key.
    pairs = 0
    if context < EXPLICIT_BELOW:
        pairs = 2 * shape["heads"] * context
    elif attention == "explicit":
        # half of a causal model's, twice for the gradient: measured .7 of this at 1,024
        pairs = shape["heads"] * context
        if shape.get("architecture") in MASKED:
            pairs = 2 * pairs
    layer = 24 * width + 6 * hidden + pairs
    floats = shape["layers"] * layer + 6 * width
    tokens = sequences * context
    return float(tokens * FLOAT_BYTES * floats / 2**20)


def member_mb(
    shape: Mapping[str, Any], vocabulary: int, sequences: int, attention: str = "auto"
) -> float:
    """Returns megabytes of one packed member that reads so many `sequences` at a time."""
    weights = COPIES * parameters(shape, vocabulary)
    logits = LOGIT_COPIES * LOGIT_ROWS * vocabulary
    held_mb = FLOAT_BYTES * (weights + logits) / 2**20
    return held_mb + activation_mb(shape, sequences, attention)


def packed(
    proxy: Mapping[str, Any], vocabulary: int, memory_mb: float, attention: str
) -> tuple[int, int]:
    """Returns the sequences that a member reads at a time, and the members side by side.

    What the study fixes is obeyed. What a job asks for and what it then takes both follow from
    this.

    Args:
        proxy: The proxy section of a resolved study.
        vocabulary: Tokens that the tokenizer knows.
        memory_mb: Megabytes of the device for one process.
        attention: The kernel.
    """
    shape = proxy["shape"]
    device = proxy["device"]
    sequences = proxy.get("micro_batch", "auto")
    if sequences == "auto":
        sequence_mb = activation_mb(shape, 1, attention)
        sequences = int(PIECE_MB[device] // sequence_mb)
    sequences = min(sequences, proxy["batch"])
    sequences = max(sequences, 1)
    wave = proxy.get("wave", "auto")
    if wave == "auto":
        one_mb = member_mb(
            shape,
            vocabulary,
            sequences,
            attention,
        )
        wave = int(memory_mb // one_mb)
        wave = min(wave, MOST[device])
        wave = max(wave, 1)
    return sequences, wave
