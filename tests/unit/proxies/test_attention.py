"""Explicit attention and turned heads against torch's own, with their gradients.

Also: memory that a step frees is there for the next one.
"""

import subprocess
import sys

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from mixwright.proxies.models.attention import ROWS, Heads, apart, attend, turns

FAULTS = """
import resource, sys, torch
from mixwright.proxies.device import keep_memory
if "keep" in sys.argv:
    keep_memory()
def faults(step):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    # A little larger each time: glibc learns from freed blocks, and would keep the next of
    # their size.
    blocks = [torch.ones((4 << 20) + (step << 12)) for _ in range(10)]
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
print([faults(step) for step in range(5)][-1])
"""


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("length", [5, ROWS, 2 * ROWS + 7])
def test_explicit_attention_and_its_gradients_are_torchs(length, causal):
    torch.manual_seed(0)
    inputs = [
        torch.randn(2, 3, length, 8, dtype=torch.float64, requires_grad=True) for _ in range(3)
    ]
    slope = torch.randn(2, 3, length, 8, dtype=torch.float64)
    sides = (
        attend(*inputs, causal=causal, kernel="explicit"),
        scaled_dot_product_attention(*inputs, is_causal=causal),
    )
    ours, theirs = ([side, *torch.autograd.grad(side, inputs, slope)] for side in sides)
    for result, expected in zip(ours, theirs, strict=True):
        assert torch.allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("turned", [0, 4, 8])
def test_heads_are_turned_as_rotary_embedding_says_and_the_rest_is_left(turned):
    torch.manual_seed(0)
    mixed = torch.randn(2, 6, 3, 2, 8, requires_grad=True)
    slopes = torch.randn(3, 2, 2, 6, 8)
    result = torch.stack(Heads.apply(mixed, turns(6, turned, mixed.device)))
    by_hand = mixed.permute(2, 0, 3, 1, 4)
    cosine, sine = turns(6, turned, mixed.device).unbind(-1)
    pairs, rest = by_hand.tensor_split([turned], -1)
    a, b = pairs[..., ::2], pairs[..., 1::2]
    turned_pairs = torch.stack([a * cosine - b * sine, a * sine + b * cosine], -1).flatten(-2)
    expected = torch.cat([torch.cat([turned_pairs, rest], -1)[:2], by_hand[2:]])
    assert torch.allclose(result, expected, atol=1e-6)
    (gradient,) = torch.autograd.grad(result, mixed, slopes)
    (expected_gradient,) = torch.autograd.grad(expected, mixed, slopes)
    assert torch.allclose(gradient, expected_gradient, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_of_heads_may_be_laid_in_any_way(dtype):
    """Some kernels of attention hand over gradients whose last dimension is not side by side."""
    mixed = torch.zeros(2, 6, 3, 4, 8, dtype=dtype, requires_grad=True)
    slopes = torch.randn(3, 2, 4, 6, 8, generator=torch.Generator().manual_seed(0)).to(dtype)
    gradients = []
    for grads in (slopes, slopes.mT.contiguous().mT):
        heads = Heads.apply(mixed, turns(6, 8, mixed.device))
        gradients += torch.autograd.grad(heads, mixed, grads.unbind(0))
    assert torch.equal(*gradients)


def test_rows_of_pairs_are_laid_apart_within_a_head():
    assert apart(torch.arange(12), 2).tolist() == [0, 2, 4, 1, 3, 5, 6, 8, 10, 7, 9, 11]
    assert apart(torch.arange(12), 2, 4).tolist() == [0, 2, 1, 3, 4, 5, 6, 8, 7, 9, 10, 11]


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is glibc's")
def test_what_a_step_frees_is_there_for_the_next_one():
    """Page faults of the fifth step, beside those of a process that hands its memory back."""
    assert page_faults("keep") < page_faults("") / 20


def page_faults(memory: str) -> int:
    command = [sys.executable, "-c", FAULTS, memory]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
