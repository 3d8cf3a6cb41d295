"""A step in parts: a few sequences at a time, members one after another, half of them where memory is full."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mixwright.corpus.allocation import Schedule
from mixwright.learners import packed, wave
from mixwright.learners.resident import Resident
from shard_files import VOCABULARY
from test_packed import SETTINGS, SHAPE, eight, numbers, opened, run
from test_packed_masked import BERT

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
    found = run(folder / "llama", eight()[:6], log=lines.append)
    monkeypatch.setattr(wave.Wave, "advance", plain)
    assert {key: numbers(result) for key, result in found.items()} == {
        key: numbers(result) for key, result in run(folder / "llama", eight()[:6]).items()
    }
    told = [str(line) for line in lines if "memory" in str(line)]
    assert told == [f"memory does not hold {n} runs side by side; going on with {n // 2}" for n in (6, 3, 3)]


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
    explicit = run(folder / "llama", eight()[:1], shape=replace(SHAPE, attention="explicit"))["key0"]
    fused = run(folder / "llama", eight()[:1])["key0"]
    assert SHAPE.vocabulary == VOCABULARY
    assert 0 < max(abs(row["loss"] - other["loss"]) for row, other in zip(explicit.losses, fused.losses, strict=True)) < 1e-4


@pytest.mark.parametrize("dtype", ["uint16", "uint32"])
def test_shards_on_the_device_give_the_tokens_that_are_read_on_the_host(folder, dtype):
    shards = [replace(shard, tokens=(shard.tokens + 40_000).astype(dtype)) for shard in opened(folder / "llama")]
    schedule = Schedule.of((0.2, 0.5, 0.3), shards, 32, 100, seed=5)
    at = np.array([7, 3, 99, 40])
    tokens = Resident.of(shards, 32, "cpu")
    assert tokens.tokens.dtype == (torch.int16 if dtype == "uint16" else torch.int32)
    starts = torch.from_numpy(np.stack([tokens.starts(schedule, at), tokens.starts(schedule, at[::-1])]))
    assert (tokens.read(starts)[0].numpy() == schedule.read(at)).all() and (tokens.read(starts)[1].numpy() == schedule.read(at[::-1])).all()


def test_a_wave_that_reads_on_the_device_trains_to_the_same_numbers(folder, monkeypatch):
    host = run(folder / "llama", eight()[:2])
    monkeypatch.setattr(packed, "resident", lambda shards, context, device: Resident.of(shards, context, device))
    assert {key: numbers(result) for key, result in run(folder / "llama", eight()[:2]).items()} == {
        key: numbers(result) for key, result in host.items()
    }
