"""Operations of a training token and of a scored token.

A multiplication and its addition are two operations. Training takes three passes of the forward
pass's products: forward, gradient of the inputs, gradient of the weights (Kaplan et al., arXiv
2001.08361, section 2.1). So a token takes

    6 (layers (4 width^2 + m width hidden) + head) + 6 layers context width

m is 3 in a llama and 2 elsewhere. The embedding is looked up, and counts nothing. The head counts
width x vocabulary, tied or not. The last term is attention: a token of a causal model sees half of
its context on average; a masked model sees all of it, which doubles the term.
"""

from collections.abc import Mapping
from typing import Any

from mixwright.jobs.resources import MASKED_PASSES
from mixwright.learners import MASKED
from mixwright.proxies.footprint import MATRICES

TRAINING = 6  # operations for each weight and token
SCORING = 2  # the forward pass alone


def training_flops(shape: Mapping[str, Any], vocabulary: int) -> float:
    """Returns operations for each training token of a model.

    Args:
        shape: a resolved study's model shape.
        vocabulary: rows of the embedding.
    """
    return TRAINING * _products(shape, vocabulary)


def scoring_flops(shape: Mapping[str, Any], vocabulary: int) -> float:
    """Returns operations for each token that is scored.

    A masked model reads the text seven times.
    """
    flops = SCORING * _products(shape, vocabulary)
    if _is_masked(shape):
        flops *= MASKED_PASSES
    return flops


def _products(shape: Mapping[str, Any], vocabulary: int) -> float:
    """Multiplications for each token of the forward pass."""
    width = shape["width"]
    attention = shape["context"] * width
    head = float(width * vocabulary)
    if _is_masked(shape):
        attention = 2 * attention
        # a dense layer stands before the head
        head = (width**2 + head) / MASKED_PASSES
    architecture = shape.get("architecture", "llama")
    # others are counted as a llama
    matrices = MATRICES.get(architecture, MATRICES["llama"])
    mlp = matrices * width * shape["hidden"]
    layer = 4 * width**2 + mlp + attention
    return float(shape["layers"] * layer + head)


def _is_masked(shape: Mapping[str, Any]) -> bool:
    return shape.get("architecture") in MASKED
