"""What a training job asks of the scheduler: memory and time from the model's shape, the tokens and the members in one process."""

from collections.abc import Mapping
from typing import Any

BASE_MB = 1_500  # torch, transformers and the memory-mapped shards' hot pages
FLOPS_PER_MINUTE = {"cpu": 60 * 5e9, "cuda": 60 * 2e13}  # cautious: half of what small shapes reached
START_MINUTES = 10
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


def memory_mb(study: Mapping[str, Any], part: str) -> int:
    """Megabytes for `part` (proxy or final): weights, gradients, two moments, activations and one batch of logits a member."""
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
