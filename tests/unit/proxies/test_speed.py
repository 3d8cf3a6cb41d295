"""How tokens a second are measured: by training that is broken off once enough is timed."""

import pytest
import torch

import mixwright.proxies.speed.measure as measure
from mixwright.errors import MixwrightError
from mixwright.proxies.speed.cases import SHAPES
from mixwright.proxies.speed.made_up import write_shards
from mixwright.proxies.speed.measure import BLOCKS, graph_setting, speed

SHAPE = SHAPES["tiny"] | {"width": 32, "heads": 2, "hidden": 48, "context": 32, "vocabulary": 256}
NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no GPU here")


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    return write_shards(tmp_path_factory.mktemp("shards"), SHAPE["vocabulary"], tokens=20_000)


class FakeClock:
    """A clock that goes on by one second each time that it is read."""

    def __init__(self):
        self.reads = 0

    def __call__(self, device):
        self.reads += 1
        return float(self.reads)


def test_a_pack_trains_until_its_blocks_are_timed(shards):
    result = speed(SHAPE, shards, 2, "cpu", seconds=0.02, batch=2, precision="float32")
    assert result.members == 2 and result.choice.wave == 2
    assert result.choice.precision == "float32"
    assert result.least <= result.tokens <= result.greatest
    assert result.least > 0 and result.steps % BLOCKS == 0
    assert result.memory_gib is None


def test_tokens_a_second_are_those_of_all_members(shards, monkeypatch):
    """Each block takes a second of the fake clock, and has one step: a step is all its tokens."""
    clock = FakeClock()
    monkeypatch.setattr(measure, "now", clock)
    result = speed(SHAPE, shards, 3, "cpu", seconds=0.0, batch=2)
    assert result.tokens == result.least == result.greatest == 3 * 2 * SHAPE["context"]
    assert result.steps == BLOCKS
    # once at its start, after the first steps, after the probe, and after each block
    assert clock.reads == 3 + BLOCKS


def test_a_block_has_the_steps_that_fill_its_seconds(shards, monkeypatch):
    """Three probed steps take a second, so that a block of 2 seconds has 6 of them."""
    monkeypatch.setattr(measure, "now", FakeClock())
    result = speed(SHAPE, shards, 1, "cpu", seconds=2.0 * BLOCKS, batch=1)
    assert result.steps == 6 * BLOCKS


def test_a_pack_that_memory_does_not_hold_is_refused(shards, monkeypatch):
    """The trainer would go on with half of it, whose speed is another pack's."""
    real = measure.Wave.advance

    def full(wave):
        if len(wave.members) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        real(wave)

    monkeypatch.setattr(measure.Wave, "advance", full)
    with pytest.raises(MixwrightError, match="does not hold 4 models side by side"):
        speed(SHAPE, shards, 4, "cpu", seconds=0.02, batch=1)
    assert speed(SHAPE, shards, 2, "cpu", seconds=0.02, batch=1).tokens > 0


def test_graphs_are_left_out_only_where_settings_can_say_so(monkeypatch):
    from dataclasses import dataclass

    @dataclass
    class With:
        graph: str = "auto"

    @dataclass
    class Without:
        batch: int = 1

    assert graph_setting(True) == {}
    monkeypatch.setattr(measure, "Settings", With)
    assert graph_setting(False) == {"graph": False}
    monkeypatch.setattr(measure, "Settings", Without)
    with pytest.raises(MixwrightError, match="always records a graph"):
        graph_setting(False)


@pytest.mark.gpu
@NO_GPU
def test_speed_and_memory_on_a_gpu(shards):
    one = speed(SHAPE, shards, 1, "cuda", seconds=0.2)
    eight = speed(SHAPE, shards, 8, "cuda", seconds=0.2)
    assert eight.tokens > one.tokens > 0
    assert one.memory_gib is not None and one.memory_gib > 0
