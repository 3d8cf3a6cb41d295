"""A step in parts: few sequences at a time, one member after another, half where memory is full."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mixwright.corpus.allocation import Schedule
from mixwright.finals.models import build
from mixwright.proxies import gradients as steps_in_parts
from mixwright.proxies import resident, wave
from mixwright.proxies import train as packed
from mixwright.proxies.footprint import TOKENS_SHARE
from mixwright.proxies.models.transformer import hf_state_dict
from mixwright.proxies.optimizer import rate_factor
from mixwright.proxies.resident import Resident
from shard_files import VOCABULARY, split
from small_bert import BERT
from small_packs import RECIPE, SETTINGS, SHAPE, eight, inputs_of, numbers, opened, run

CUT = replace(SETTINGS, micro_batch=3)  # of four: three and one


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("shards")


@pytest.mark.parametrize("shape", [SHAPE, BERT], ids=["llama", "bert"])
def test_micro_batches_sum_to_the_step_and_a_member_stays_independent_of_its_pack(folder, shape):
    texts = folder / shape.architecture
    whole, cut = run(texts, eight()[:3], shape=shape), run(texts, eight()[:3], CUT, shape)
    for key in whole:
        pairs = zip(whole[key].losses, cut[key].losses, strict=True)
        assert max(abs(row["loss"] - other["loss"]) for row, other in pairs) < 1e-4
    alone = run(texts, eight()[1:2], CUT, shape)
    assert numbers(alone["key1"]) == numbers(cut["key1"])


def test_where_memory_is_full_half_of_a_wave_goes_on_and_then_the_others(folder, monkeypatch):
    plain, lines = wave.Wave.advance, []

    def full(self: wave.Wave) -> None:
        if len(self.members) > 2:
            raise torch.OutOfMemoryError("full")
        plain(self)

    monkeypatch.setattr(wave.Wave, "advance", full)
    results = run(folder / "llama", eight()[:6], log=lines.append)
    monkeypatch.setattr(wave.Wave, "advance", plain)
    assert {key: numbers(result) for key, result in results.items()} == {
        key: numbers(result) for key, result in run(folder / "llama", eight()[:6]).items()
    }
    messages = [str(line) for line in lines if "memory" in str(line)]
    assert messages == [
        f"memory does not hold {n} runs side by side; going on with {n // 2}" for n in (6, 3, 3)
    ]


def test_a_run_that_fills_memory_alone_is_told_with_what_to_change(folder, monkeypatch):
    def full(self: wave.Wave) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(wave.Wave, "advance", full)
    with pytest.raises(packed.MixwrightError, match=r"proxy\.micro_batch"):
        run(folder / "llama", eight()[:1])


def test_another_fault_is_no_lack_of_memory(folder, monkeypatch):
    def broken(self: wave.Wave) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr(wave.Wave, "advance", broken)
    with pytest.raises(RuntimeError, match="broken"):
        run(folder / "llama", eight()[:2])


def test_explicit_attention_is_chosen_by_the_shape(folder):
    explicit = run(folder / "llama", eight()[:1])["key0"]  # by itself, for the context is short
    fused = run(folder / "llama", eight()[:1], shape=replace(SHAPE, attention="fused"))["key0"]
    assert SHAPE.vocabulary == VOCABULARY
    assert (
        0
        < max(
            abs(row["loss"] - other["loss"])
            for row, other in zip(explicit.losses, fused.losses, strict=True)
        )
        < 1e-4
    )


STEP = """
import sys, torch
from mixwright.proxies.gradients import Batch, Execution, gradients
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.models.transformer import initial
shape, tokens = Shape(1, 8, 2, 16, 4, 11), torch.zeros(1, 1, 4, dtype=torch.int64)
before = set(sys.modules)
gradients(initial(shape, 0), Batch(tokens, tokens), shape, Execution())
print(len({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def test_the_first_step_imports_nothing():
    """torch imports sympy for gradients that are handed to a backward pass: half a second a job."""
    child = subprocess.run(
        [sys.executable, "-c", STEP],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3] / "workflow")},
    )
    assert child.stdout.strip() == "0"


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_shards_on_the_device_give_the_tokens_that_are_read_on_the_host(folder, dtype):
    shards = [
        replace(shard, parts=((shard.tokens + 40_000).astype(dtype),))
        for shard in opened(folder / "llama")
    ]
    schedule = Schedule.of((0.2, 0.5, 0.3), shards, 32, 100, seed=5)
    at = np.array([7, 3, 99, 40])
    tokens = Resident.of(shards, 32, "cpu")
    assert tokens.tokens.nbytes == resident.resident_bytes(shards)
    assert tokens.tokens.dtype == (torch.int16 if dtype == "uint16" else torch.int32)
    starts = torch.from_numpy(
        np.stack([tokens.starts(schedule, at), tokens.starts(schedule, at[::-1])])
    )
    assert (tokens.read(starts)[0].numpy() == schedule.read(at)).all() and (
        tokens.read(starts)[1].numpy() == schedule.read(at[::-1])
    ).all()


def test_one_shard_of_four_bytes_makes_all_tokens_take_four(folder):
    """What a device has to hold is counted from what it will hold, not from the files."""
    shards = opened(folder / "llama")
    wide = replace(shards[0], parts=(shards[0].tokens.astype("uint32"),))
    mixed = [wide, *shards[1:]]
    held = Resident.of(mixed, 32, "cpu").tokens
    assert held.nbytes == resident.resident_bytes(mixed) == 2 * resident.resident_bytes(shards)


class Device:
    def __init__(self, memory: float) -> None:
        self.total_memory = memory


@pytest.mark.parametrize(("part", "fits"), [(0.99, True), (1.01, False)])
def test_shards_take_their_share_of_a_device_and_no_more(folder, monkeypatch, part, fits):
    shards = opened(folder / "llama")
    memory = resident.resident_bytes(shards) / (part * TOKENS_SHARE)
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: Device(memory))
    monkeypatch.setattr(Resident, "of", lambda shards, context, device: "held")
    assert (resident.resident(shards, 32, "cuda") == "held") == fits


def test_shards_pass_through_the_host_in_pieces(folder, monkeypatch):
    """No more than a piece of them is in the host's memory, in one copy."""
    monkeypatch.setattr(resident, "PIECE", 64)
    shards = opened(folder / "llama")
    sizes = []
    from_numpy = torch.from_numpy
    monkeypatch.setattr(
        torch, "from_numpy", lambda piece: sizes.append(len(piece)) or from_numpy(piece)
    )
    held = Resident.of(shards, 32, "cpu")
    assert max(sizes) == 64 and sum(sizes) == len(held.tokens)


@pytest.mark.parametrize("piece", [100, 1 << 25])
def test_parts_of_shards_lie_on_the_device_as_one(folder, tmp_path, monkeypatch, piece):
    monkeypatch.setattr(resident, "PIECE", piece)
    parts = [[300, 0, 10, 32, 33, 64], [], [1000, 1000]]
    shards = []
    for shard, sizes in zip(opened(folder / "llama"), parts, strict=True):
        shards.append(split(shard, tmp_path, sizes))
    schedule = Schedule.of((0.3, 0.4, 0.3), shards, 32, 500, seed=5)
    at = np.arange(500)
    # Every block of every shard is read.
    assert (schedule.counts >= schedule.available).all()
    tokens = Resident.of(shards, 32, "cpu")
    starts = torch.from_numpy(tokens.starts(schedule, at))
    assert (tokens.read(starts).numpy() == schedule.read(at)).all()


def test_a_wave_that_reads_on_the_device_trains_to_the_same_numbers(folder, monkeypatch):
    host = run(folder / "llama", eight()[:2])
    monkeypatch.setattr(
        packed, "resident", lambda shards, context, device: Resident.of(shards, context, device)
    )
    assert {key: numbers(result) for key, result in run(folder / "llama", eight()[:2]).items()} == {
        key: numbers(result) for key, result in host.items()
    }


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_sixty_steps_are_those_of_a_plain_module_trained_alone(folder, architecture):
    """The third of three members, to 1e-5 nats/token.

    The other side is transformers' module with torch's cross entropy, AdamW, clipping and schedule.
    """
    shape, steps, lr = replace(SHAPE, architecture=architecture), 60, 0.003
    recipe = RECIPE | {"name": "adamw", "adam_lr": lr, "weight_decay": 0.0}
    members = eight(steps)[:3]
    pack_of_three = wave.Wave(
        members, shape, opened(folder / "llama"), replace(SETTINGS, optimizer=recipe)
    )
    plain = build(vars(shape), shape.vocabulary, end_token=0, seed=0).train()
    plain.load_state_dict(hf_state_dict(pack_of_three.parameters, 2, shape))
    optimizer = torch.optim.AdamW(plain.parameters(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: rate_factor(step, steps, recipe)
    )
    for step in range(steps):
        at = np.arange(step * 4, step * 4 + 4)
        pack_of_three.optimizer.schedule(step)
        ours = pack_of_three._step(*inputs_of(pack_of_three, step))[2]
        tokens = torch.from_numpy(pack_of_three.schedules[2].read(at))
        loss = torch.nn.functional.cross_entropy(
            plain(input_ids=tokens[:, :-1]).logits.flatten(0, 1), tokens[:, 1:].flatten()
        )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), recipe["clip"])
        optimizer.step(), schedule.step(), optimizer.zero_grad()
        assert abs(ours.item() - loss.item()) <= 1e-5, step
    assert loss.item() < 4.0


def test_a_compiled_step_is_near_the_eager_one_and_as_independent_of_company(folder, monkeypatch):
    """One graph serves every member.

    The step is traced as for the compiler, then run as it is: compiling takes longer than all the
    rest of this file.
    """
    monkeypatch.setattr(steps_in_parts, "BACKEND", "aot_eager")
    compiled, one = replace(SETTINGS, compiled=True), replace(SHAPE, layers=1)
    members = [replace(member, steps=2 + i) for i, member in enumerate(eight()[:3])]
    packed_results = run(folder / "llama", members, compiled, one)
    alone = run(folder / "llama", members[2:], compiled, one)
    assert numbers(alone["key2"]) == numbers(packed_results["key2"])
    eager = run(folder / "llama", members, shape=one)
    for key, result in packed_results.items():
        assert (
            max(
                abs(a["loss"] - b["loss"])
                for a, b in zip(result.losses, eager[key].losses, strict=True)
            )
            < 1e-5
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("shape", [SHAPE, BERT, replace(SHAPE, architecture="gpt2")])
def test_gradients_lie_in_memory_as_their_weights_do_and_are_float32(folder, shape, dtype):
    """The optimizer adds them in place: another stride or type would cost a copy at each step."""
    texts = opened(folder / shape.architecture, shape.masked)
    pair = wave.Wave(eight()[:2], shape, texts, CUT)
    execution = replace(CUT.execution, dtype=dtype)
    batch = pair._batch(*inputs_of(pair, 0))
    _, slopes = steps_in_parts.gradients(pair.parameters, batch, shape, execution)
    assert slopes.keys() == pair.parameters.keys()
    for name, of_members in slopes.items():
        for slope, weights in zip(of_members, pair.parameters[name], strict=True):
            assert slope.dtype == torch.float32 and slope.shape == weights.shape, name
            assert slope.stride() == weights.stride(), name
