"""Logits of many members at once, as a GPU computes them, against those of one after another."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mixwright.proxies.models import fused_head, stacked_head
from mixwright.proxies.models.stacked_head import losses_on, plain_losses

MEMBERS, COUNT, WIDTH, VOCABULARY = 5, 11, 8, 13
# the relative error of one rounding to bfloat16
ROUNDING = 2.0**-9


def drawn(scale: float = 1.0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    states = scale * torch.randn(MEMBERS, COUNT, WIDTH, generator=draw)
    head = torch.randn(MEMBERS, WIDTH, VOCABULARY, generator=draw)
    labels = torch.randint(VOCABULARY, (MEMBERS, COUNT), generator=draw)
    return states, head, labels


def truth(states, head, labels) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Logits, losses and both gradients in float64 of factors rounded to bfloat16."""
    states, head = (factor.bfloat16().double().requires_grad_() for factor in (states, head))
    logits = states @ head
    losses = -torch.log_softmax(logits, -1).gather(2, labels.unsqueeze(2)).mean((1, 2))
    losses.sum().backward()
    return logits.detach(), losses.detach(), states.grad, head.grad


CUTS = {
    "all at once": (64, 64, 1 << 20),
    "rows": (3, 3, 1 << 20),
    "members": (64, 64, 2 * COUNT * VOCABULARY),
    "both": (2, 4, 3 * 2 * VOCABULARY),
    "no room for one": (4, 4, 1),
}


@pytest.fixture(params=CUTS, ids=lambda name: name)
def cut(request, monkeypatch):
    least, most, logits = CUTS[request.param]
    monkeypatch.setattr(stacked_head, "LEAST_ROWS", least)
    monkeypatch.setattr(stacked_head, "MOST_ROWS", most)
    monkeypatch.setattr(stacked_head, "DEVICE_LOGITS", logits)
    monkeypatch.setattr(stacked_head, "WORKING", 3 * VOCABULARY)


def test_in_float32_all_are_those_of_the_members_one_by_one(cut):
    states, head, labels = drawn()
    one_by_one = fused_head.head_loss(states, head, labels, torch.float32, COUNT)
    as_one = stacked_head.head_loss(states, head, labels, torch.float32, COUNT)
    for one, other in zip(one_by_one, as_one, strict=True):
        assert one.shape == other.shape and one.dtype == other.dtype
        assert (one - other).abs().max() < 1e-6
    plain = fused_head.loglikelihoods(states, head, labels[0], torch.float32)
    logs = stacked_head.loglikelihoods(states, head, labels[0], torch.float32)
    assert (plain - logs).abs().max() < 2e-6


def test_a_head_laid_the_other_way_gets_a_gradient_laid_so(cut):
    """A tied head is the embedding, transposed."""
    states, head, labels = drawn()
    tied = head.mT.contiguous().mT
    plain = stacked_head.head_loss(states, head, labels, torch.float32, COUNT)[2]
    transposed = stacked_head.head_loss(states, tied, labels, torch.float32, COUNT)[2]
    assert transposed.stride() == tied.stride()
    assert (plain - transposed).abs().max() < 1e-6


def test_in_bfloat16_no_number_is_further_off_than_rounded_logits_and_slopes(cut):
    states, head, labels = drawn()
    logits, losses, of_states, of_head = truth(states, head, labels)
    ours = stacked_head.head_loss(states, head, labels, torch.bfloat16, COUNT)
    # A loss moves by the logit of its label, and by the mean of all others.
    off = ROUNDING * logits.abs().max()
    assert (ours[0] - losses).abs().max() < 2 * off
    for mine, exact in zip(ours[1:], (of_states, of_head), strict=True):
        assert mine.dtype == torch.float32
        # Slopes move by 2 * off, and are rounded once; their products on a CPU once more.
        assert (mine - exact).norm() / exact.norm() < 2 * off + 2 * ROUNDING


def test_a_loss_is_no_logarithm_of_a_rounded_probability():
    """Whole numbers are exact in bfloat16: all that is left is the error of float32."""
    logits = torch.tensor([[[100.0, 0.0, -100.0], [8.0, 0.0, -8.0], [0.0, 0.0, 0.0]]])
    for label in range(3):
        labels = torch.full((1, 3), label)
        exact = -torch.log_softmax(logits.double(), -1)[..., label]
        ours = plain_losses(logits.bfloat16(), labels, None)
        assert torch.allclose(ours.double(), exact, rtol=1e-6, atol=1e-6)


def test_without_a_scale_logits_stay_as_they_are():
    _, _, labels = drawn()
    for dtype in (torch.float32, torch.bfloat16):
        logits = torch.randn(MEMBERS, COUNT, VOCABULARY).to(dtype)
        before = logits.clone()
        plain_losses(logits, labels, None)
        assert torch.equal(logits, before)
        plain_losses(logits, labels, 0.5)
        assert not torch.equal(logits, before)


def test_a_member_that_diverged_has_no_finite_loss_and_touches_no_other():
    states, head, labels = drawn()
    sound = stacked_head.head_loss(states, head, labels, torch.float32, COUNT)
    states[1, 2, 3] = float("nan")
    broken = stacked_head.head_loss(states, head, labels, torch.float32, COUNT)
    assert broken[0].isfinite().tolist() == [True, False, True, True, True]
    for one, other in zip(sound, broken, strict=True):
        assert torch.equal(one[2:], other[2:])


def test_at_the_budget_rows_of_a_member_are_2048_and_more():
    """Sixty-four members of RegMix's vocabulary: groups of ten, and no small products."""
    states = torch.empty(64, 16_384, 1, device="meta")
    head = torch.empty(64, 1, 50_432, device="meta")
    groups, chunks = stacked_head._cut(states, head)
    assert {group.stop - group.start for group in groups} == {10, 4}
    assert all(2_048 <= rows.stop - rows.start <= 8_192 for rows in chunks)
    alone = stacked_head._cut(states[:1], head[:1])[1]
    assert {rows.stop - rows.start for rows in alone} == {8_192}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_of_logits_and_of_the_matrix_are_aligned_for_any_vocabulary(dtype):
    states, head, _ = drawn()
    matrix = stacked_head._matrix(head, dtype)
    groups, chunks = stacked_head._cut(states, head)
    buffer = stacked_head._buffer(groups, chunks, head, dtype)
    logits = stacked_head._logits(states.to(dtype), matrix, buffer)
    assert torch.equal(logits, torch.bmm(states.to(dtype), head.to(dtype)))
    assert logits.data_ptr() == buffer.data_ptr() and logits.stride()[1:] == (16, 1)
    if dtype == torch.bfloat16:
        assert matrix.stride() == (WIDTH * 16, 16, 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, where it would not fail")
def test_where_the_kernel_cannot_run_torch_computes_and_one_line_says_why(capsys):
    assert losses_on(torch.device("cpu")) is plain_losses
    assert losses_on.__wrapped__(torch.device("cuda")) is plain_losses
    assert "without Triton (" in capsys.readouterr().err


KERNEL = """
import sys
import torch
from mixwright.proxies.models import triton_softmax
from mixwright.proxies.models.stacked_head import head_loss, loglikelihoods, plain_losses
kernel = triton_softmax.losses_in_place
triton_softmax.BLOCK = 64
draw = torch.Generator().manual_seed(0)
for vocabulary in (1, 5, 64, 130):
    for dtype in (torch.float32, torch.bfloat16):
        # wider than a row, so that members and rows lie apart
        memory = 5 * torch.randn(3, 7, vocabulary + 9, generator=draw)
        ours = memory.to(dtype)[:, 1:6, :vocabulary]
        torchs = ours.clone()
        labels = torch.randint(vocabulary, (3, 7), generator=draw)[:, :5]
        outside = memory.to(dtype)[:, :, vocabulary:]
        losses = kernel(ours, labels, None)
        assert torch.equal(ours, torchs)
        assert torch.equal(kernel(ours, labels, 1 / 7), losses)
        plain = plain_losses(torchs, labels, 1 / 7)
        assert (losses - plain).abs().max() < 4e-6, (vocabulary, dtype)
        apart = 1e-6 if dtype == torch.float32 else 2.0**-9
        assert (ours.float() - torchs.float()).abs().max() < apart, (vocabulary, dtype)
states, head = torch.randn(3, 9, 8, generator=draw), torch.randn(3, 8, 70, generator=draw)
labels = torch.randint(70, (3, 9), generator=draw)
one = head_loss(states, head, labels, torch.float32, 9, kernel)
other = head_loss(states, head, labels, torch.float32, 9, plain_losses)
assert max((a - b).abs().max() for a, b in zip(one, other)) < 1e-6
# the same labels for all members, which lie in no memory of their own
one = loglikelihoods(states, head, labels[0], torch.float32, kernel)
assert (one - loglikelihoods(states, head, labels[0], torch.float32)).abs().max() < 4e-6
states[1, 0, 0] = float("nan")
assert head_loss(states, head, labels, torch.float32, 9, kernel)[0].isfinite().tolist() == [
    True, False, True]
print("equal")
"""

CUBIN = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from mixwright.proxies.models.triton_softmax import BLOCK, MOST_WARPS, REGISTERS, _rows
names = _rows.arg_names
# what is known of memory that torch and the head lay out; nothing is known of the vocabulary
aligned = ("logits", "labels", "losses", "member_stride", "row_stride")
attributes = {(names.index(name),): [["tt.divisibility", 16]] for name in aligned}
for logits in ("*bf16", "*fp32"):
    for writes in (True, False):
        types = dict.fromkeys(names, "i64")
        types |= {"logits": logits, "labels": "*i64", "losses": "*fp32", "vocabulary": "i32"}
        types |= {"scale": "fp32", "writes": "constexpr", "block": "constexpr"}
        source = ASTSource(_rows, types, {"writes": writes, "block": BLOCK}, attributes)
        target = GPUTarget("cuda", 90, 32)
        options = {"num_warps": MOST_WARPS, "maxnreg": REGISTERS}
        code = compile(source, target, options).asm
        assert code["cubin"]
        assert code["ptx"].count("ld.global.v4.b32") >= 1 + writes, (logits, writes)
print("compiled")
"""


def in_a_process(code: str, **variables: str) -> str:
    """What a program prints; Triton reads its settings when it is imported."""
    folder = str(Path(__file__).parents[3] / "workflow")
    paths = [folder, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | variables
    child = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment
    )
    assert child.returncode == 0, child.stderr
    return child.stdout.strip()


def test_the_kernel_computes_what_torch_does():
    """By Triton's interpreter, which needs no GPU."""
    pytest.importorskip("triton")
    assert in_a_process(KERNEL, TRITON_INTERPRET="1") == "equal"


def test_the_kernel_can_be_compiled_for_a_gpu_that_is_not_here(tmp_path):
    """To the machine code of an H100, by the assembler that Triton brings.

    A thread loads 16 bytes at once in whole blocks, whatever the vocabulary is a multiple of.
    """
    pytest.importorskip("triton")
    assert in_a_process(CUBIN, TRITON_CACHE_DIR=str(tmp_path)) == "compiled"


@pytest.mark.parametrize(
    ("cuda", "hip", "options"),
    [
        ("13.0", None, {"block": 8_192, "num_warps": 32, "maxnreg": 32}),
        (None, "7.0", {"block": 8_192, "num_warps": 16}),
    ],
)
def test_a_program_has_no_more_threads_and_registers_than_a_gpu_gives_it(
    cuda, hip, options, monkeypatch
):
    pytest.importorskip("triton")
    from mixwright.proxies.models.triton_softmax import launched

    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.version, "hip", hip)
    assert launched(50_432) == options
