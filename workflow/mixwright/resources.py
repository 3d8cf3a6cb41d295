"""What a training job asks of the scheduler: memory and time from the model's shape, the tokens and the members in one process."""

from collections.abc import Mapping
from typing import Any

from mixwright.learners import EXPLICIT_BELOW

BASE_MB = 1_500  # torch, transformers and the memory-mapped shards' hot pages
FLOPS_PER_MINUTE = {"cpu": 60 * 5e9, "cuda": 60 * 2e13}  # cautious: half of what small shapes reached
START_MINUTES = 10
LOGIT_ROWS = 256  # of the fused head, see learners.kernels
PIECE_MB = {"cpu": 512, "cuda": 4_096}  # activations of one packed member at a time
CPU_MB = 6_000  # of all members of a wave on a CPU
MOST = {"cpu": 4, "cuda": 64}  # members of a wave: more leave a CPU's caches
UNSIZED_MB, UNSIZED_MINUTES = 2_000, 1  # of trees: the rows of all domains, and one model
UNREAD_VOCABULARY = 131_072  # of a tokenizer folder, which nothing opens at parse time


def parameters(shape: Mapping[str, Any], vocabulary: int) -> int:
    """Parameters of a model of `shape`, keys not grouped, as transformers counts them."""
    width, hidden, architecture = shape["width"], shape["hidden"], shape.get("architecture", "llama")
    matrices, vectors = (3, 2 * width) if architecture == "llama" else (2, 9 * width + hidden)
    outer = {
        "llama": 2 * vocabulary * width + width,
        "neox": 2 * vocabulary * width + 2 * width,
        "gpt2": (vocabulary + shape["context"]) * width + 2 * width,
        "bert": (vocabulary + shape["context"] + width) * width + vocabulary + 5 * width,
    }
    return int(shape["layers"] * (4 * width**2 + matrices * width * hidden + vectors) + outer[architecture])


def activation_mb(shape: Mapping[str, Any], sequences: int) -> float:
    """Megabytes of what a packed member's forward pass keeps for the backward one, of so many sequences; without logits."""
    explicit = shape["heads"] * shape["context"] if shape["context"] < EXPLICIT_BELOW else 0
    floats = shape["layers"] * (24 * shape["width"] + 6 * shape["hidden"] + 2 * explicit) + 6 * shape["width"]
    return float(sequences * shape["context"] * 4 * floats / 2**20)


def member_mb(shape: Mapping[str, Any], vocabulary: int, sequences: int) -> float:
    """Megabytes of one packed member: weights, gradients, two moments and a copy, activations, and the logits of a few rows."""
    return 4 * (5 * parameters(shape, vocabulary) + 3 * LOGIT_ROWS * vocabulary) / 2**20 + activation_mb(shape, sequences)


def memory_mb(study: Mapping[str, Any], part: str) -> int:
    """Megabytes for `part` (proxy or final): weights, gradients, two moments, activations and one batch of logits a member."""
    if "wave" in study[part] and "shape" in study[part]:
        spec = study[part]
        members, sequences = (spec["wave"], spec["micro_batch"])
        sequences = spec["batch"] if sequences == "auto" else min(sequences, spec["batch"])
        own = member_mb(spec["shape"], _vocabulary(study, part), 0)
        own += min(activation_mb(spec["shape"], sequences), max(PIECE_MB[spec["device"]], activation_mb(spec["shape"], 1)))
        members = max(1, min(MOST[spec["device"]], int(CPU_MB // own))) if members == "auto" else members
        return int(BASE_MB + members * own)
    if "shape" not in study[part]:
        return UNSIZED_MB
    spec, vocabulary = study[part], _vocabulary(study, part)
    shape, members = spec["shape"], spec.get("wave", 1)
    tokens = spec["batch"] * shape["context"]
    activations = tokens * (
        3 * vocabulary + shape["layers"] * (16 * shape["width"] + 4 * shape["hidden"] + shape["heads"] * shape["context"])
    )
    return int(BASE_MB + members * 4 * (5 * parameters(shape, vocabulary) + activations) / 2**20)


def minutes(study: Mapping[str, Any], part: str, tokens: int) -> int:
    """Minutes to train on `tokens` in all and to evaluate about as much, twice over."""
    spec = study[part]
    if "shape" not in spec:
        return START_MINUTES + UNSIZED_MINUTES * tokens
    flops = 6 * parameters(spec["shape"], _vocabulary(study, part)) * tokens
    return int(START_MINUTES + 2 * 2 * flops / FLOPS_PER_MINUTE[spec["device"]])


def _vocabulary(study: Mapping[str, Any], part: str) -> int:
    tokens = UNREAD_VOCABULARY if study["tokenizer"]["folder"] else study["tokenizer"]["vocabulary"]
    return int(study[part]["shape"].get("vocabulary", tokens))
