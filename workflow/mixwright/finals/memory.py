"""How many sequences of a final are computed at a time, by the memory that they take.

Imports no torch, for jobs are sized when the workflow is parsed.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.learners import MASKED
from mixwright.proxies.footprint import FLOAT_BYTES, LOGIT_COPIES, LOGIT_ROWS

# megabytes of activations and logits of a process at a time, on a CPU
CPU_MB = 2_000
# of a GPU's memory that is planned with; the rest is for fragments and libraries
GPU_SHARE = 0.8
# bytes of a weight on a GPU: itself, its gradient and two moments, in float32
WEIGHT_BYTES = 16
# of a number that is kept for the backward pass on a GPU in bfloat16; some are float32
HALF_BYTES = 3
# copies of a vector of the model's width that a block keeps, and of its hidden one
WIDE_COPIES = 16
HIDDEN_COPIES = 4
# of the scores of an attention that is not fused
SCORE_COPIES = 3


def sequence_mb(final: Mapping[str, Any]) -> float:
    """Returns megabytes that one sequence keeps between its forward and its backward pass.

    Args:
        final: a study's section `final`, resolved.
    """
    shape = final["shape"]
    context = shape["context"]
    width = shape["width"]
    block = WIDE_COPIES * width + HIDDEN_COPIES * shape["hidden"]
    if _keeps_scores(final):
        block += SCORE_COPIES * shape["heads"] * context
    floats = shape["layers"] * block
    if final.get("activation_checkpointing"):
        # what enters each block, and one block whole
        floats = shape["layers"] * width + block
    floats += WIDE_COPIES * width
    size = FLOAT_BYTES
    if final["device"] == "cuda" and final["precision"] == "bfloat16":
        size = HALF_BYTES
    return float(context * floats * size / 2**20)


def logits_mb(vocabulary: int) -> float:
    """Returns megabytes of the logits that are held at a time, however many sequences there are."""
    return LOGIT_COPIES * LOGIT_ROWS * vocabulary * FLOAT_BYTES / 2**20


def micro_batch(
    final: Mapping[str, Any],
    vocabulary: int,
    processes: int = 1,
    memory_mb: float | None = None,
    weights: int = 0,
) -> int:
    """Returns the sequences that a process computes at a time, at least one.

    A number that the study gives is obeyed, up to the process's part of a batch.

    Args:
        final: a study's section `final`, resolved.
        vocabulary: rows of the model's embedding.
        processes: how many share a batch.
        memory_mb: megabytes of a GPU; None: a CPU.
        weights: parameters that the process holds, on a GPU.
    """
    most = -(-final["batch"] // processes)
    wanted = final.get("micro_batch", "auto")
    if wanted != "auto":
        return int(min(wanted, most))
    room = CPU_MB - logits_mb(vocabulary)
    if memory_mb is not None:
        held = weights * WEIGHT_BYTES / 2**20
        room = GPU_SHARE * memory_mb - held - logits_mb(vocabulary)
    fitting = int(room // sequence_mb(final))
    return max(1, min(fitting, most))


def _keeps_scores(final: Mapping[str, Any]) -> bool:
    """Whether the attention keeps a number for each pair of tokens."""
    attention = final.get("attention", "auto")
    if attention != "auto":
        return bool(attention == "eager")
    slow = final["device"] == "cpu" and final["precision"] == "bfloat16"
    return slow and final["shape"].get("architecture") not in MASKED
