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
DEVICE_LOGIT_BYTES = 2
# by device: megabytes of activations of one packed member at a time
PIECE_MB = {"cpu": 512, "cuda": 4_096}
# share of a GPU's memory that the token shards may take, see proxies/resident.py
TOKENS_SHARE = 0.2
# Share of a GPU's memory for libraries, for scoring beside a graph's pool, and for what lies
# between tensors.
LIBRARIES_SHARE = 0.2
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


def members_budget_mb(total_mb: float) -> int:
    """Returns the megabytes of a GPU that the members of a wave may take, head and all.

    What they leave is for libraries and for the token shards, however large these are.

    Args:
        total_mb: Megabytes of the GPU.
    """
    return int((1 - LIBRARIES_SHARE - TOKENS_SHARE) * total_mb)


def head_mb(vocabulary: int, members: int, device: str) -> float:
    """Returns megabytes of the logits of a wave of so many members, which live a chunk at a time.

    On a CPU each member is counted on its own, though its head is computed alone.
    """
    if device == "cpu":
        return members * FLOAT_BYTES * LOGIT_COPIES * LOGIT_ROWS * vocabulary / 2**20
    least, most = DEVICE_LOGIT_ROWS
    held = max(DEVICE_LOGITS, least * vocabulary)
    numbers = min(members * most * vocabulary, held)
    return DEVICE_LOGIT_BYTES * numbers / 2**20


def activation_mb(
    shape: Mapping[str, Any], sequences: int, attention: str = "auto", device: str = "cpu"
) -> float:
    """Returns megabytes that the forward pass of one member keeps for the backward pass.

    Args:
        shape: A resolved study's model shape.
        sequences: How many the member reads at a time.
        attention: Its kernel; auto is explicit on a CPU at contexts below EXPLICIT_BELOW.
        device: cpu or cuda.

    Logits are not counted.
    """
    width = shape["width"]
    hidden = shape["hidden"]
    context = shape["context"]
    layer = 24 * width + 6 * hidden + _pairs(shape, attention, device)
    floats = shape["layers"] * layer + 6 * width
    tokens = sequences * context
    return float(tokens * FLOAT_BYTES * floats / 2**20)


def _pairs(shape: Mapping[str, Any], attention: str, device: str) -> int:
    """The probabilities that explicit attention keeps of each token and layer; 0 of others.

    At short contexts a CPU counts them whatever the kernel: the sequences that a member reads at a
    time change its last digits, and must not follow from the kernel there.
    """
    context = shape["context"]
    short = context < EXPLICIT_BELOW
    if attention != "explicit" and not (short and device == "cpu"):
        return 0
    pairs = int(shape["heads"] * context)
    # half of a causal model's, twice for the gradient: measured .7 of this at 1,024
    if short or shape.get("architecture") in MASKED:
        pairs = 2 * pairs
    return pairs


def member_mb(
    shape: Mapping[str, Any],
    vocabulary: int,
    sequences: int,
    attention: str = "auto",
    device: str = "cpu",
) -> float:
    """Returns megabytes of one packed member that reads so many `sequences` at a time.

    On a GPU without its logits, which a wave shares (`head_mb`).
    """
    held_mb = FLOAT_BYTES * COPIES * parameters(shape, vocabulary) / 2**20
    if device == "cpu":
        held_mb += head_mb(vocabulary, 1, device)
    return held_mb + activation_mb(shape, sequences, attention, device)


def wave_mb(
    shape: Mapping[str, Any],
    vocabulary: int,
    sequences: int,
    members: int,
    attention: str = "auto",
    device: str = "cpu",
) -> float:
    """Returns megabytes of so many members side by side, with the head that they share."""
    one_mb = member_mb(shape, vocabulary, sequences, attention, device)
    if device == "cpu":
        return members * one_mb
    return members * one_mb + head_mb(vocabulary, members, device)


def members_in(
    shape: Mapping[str, Any],
    vocabulary: int,
    sequences: int,
    memory_mb: float,
    attention: str,
    device: str,
) -> int:
    """Returns how many members so much memory holds side by side: 1 to MOST of the device."""
    one_mb = member_mb(shape, vocabulary, sequences, attention, device)
    if device == "cpu":
        members = int(memory_mb // one_mb)
        return max(min(members, MOST[device]), 1)
    for members in range(MOST[device], 1, -1):
        if members * one_mb + head_mb(vocabulary, members, device) <= memory_mb:
            return members
    return 1


def packed(
    proxy: Mapping[str, Any], vocabulary: int, memory_mb: float, attention: str
) -> tuple[int, int]:
    """Returns the sequences that a member reads at a time, and the members side by side.

    What the study fixes is obeyed. What a job asks for and what it then takes both follow from
    this.

    Args:
        proxy: The proxy section of a resolved study.
        vocabulary: Tokens that the tokenizer knows.
        memory_mb: Megabytes of the device for one process's members.
        attention: The kernel.
    """
    shape = proxy["shape"]
    device = proxy["device"]
    sequences = proxy.get("micro_batch", "auto")
    if sequences == "auto":
        sequence_mb = activation_mb(shape, 1, attention, device)
        sequences = int(PIECE_MB[device] // sequence_mb)
    sequences = min(sequences, proxy["batch"])
    sequences = max(sequences, 1)
    wave = proxy.get("wave", "auto")
    if wave == "auto":
        wave = members_in(shape, vocabulary, sequences, memory_mb, attention, device)
    return sequences, wave
