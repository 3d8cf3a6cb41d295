"""When a wave is saved, and what a broken file costs."""

import os
import signal
from dataclasses import replace

import pytest
import torch
from torch.utils.serialization import config

from mixwright.proxies import checkpoint
from mixwright.proxies.checkpoint import Checkpoint, Clock
from mixwright.proxies.scoring import Exam
from mixwright.proxies.wave import Wave
from small_packs import SETTINGS, SHAPE, eight, numbers, opened, run


@pytest.fixture
def now(monkeypatch):
    """A clock that stands still until it is moved."""
    hand = [0.0]
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: hand[0])
    return hand


def due_at(clock: Clock, now: list[float], soon: bool = False) -> float:
    """Seconds after the last save at which the clock is due."""
    start = now[0]
    while not clock.due(soon):
        now[0] += 1.0
    return now[0] - start


def test_saving_never_takes_more_than_its_share_of_the_time(now):
    clock = Clock(60.0)
    assert due_at(clock, now) == 60
    for took, pause in ((1.0, 60), (3.0, 60), (30.0, 600), (2.0, 60)):
        with clock.saving():
            now[0] += took
        assert due_at(clock, now) == pause, (
            "twenty times what the last one took, if that is more than asked"
        )


def test_a_member_that_ends_is_saved_as_early_as_can_be_afforded(now):
    clock = Clock(60.0)
    assert clock.due(soon=True)
    with clock.saving():
        now[0] += 2.0
    assert due_at(clock, now, soon=True) == 40


@pytest.mark.parametrize("content", [b"", b"PK half of it", b"none at all"])
def test_a_checkpoint_that_cannot_be_read_is_told_and_removed(tmp_path, capsys, content):
    saved = Checkpoint(tmp_path, "wave", Clock(60.0))
    saved.save({"step": 3})
    assert saved.load() == {"step": 3}
    (tmp_path / "wave.pt").write_bytes(content)
    assert saved.load() is None
    assert "wave.pt: checkpoint not readable" in capsys.readouterr().err and not list(
        tmp_path.iterdir()
    )


def test_half_of_a_checkpoint_is_told_from_the_whole(tmp_path, capsys):
    saved = Checkpoint(tmp_path, "wave", Clock(60.0))
    saved.save({"numbers": torch.zeros(1000)})
    whole = (tmp_path / "wave.pt").read_bytes()
    (tmp_path / "wave.pt").write_bytes(whole[: len(whole) // 2])
    assert saved.load() is None and "not readable" in capsys.readouterr().err


def test_without_a_folder_nothing_is_due_or_kept():
    nowhere = Checkpoint(None, "wave", Clock(0.0))
    nowhere.save({})
    assert not nowhere.due(soon=True) and nowhere.load() is None


def test_sigterm_twice_while_losses_are_measured_keeps_the_progress_of_all(tmp_path, monkeypatch):
    """The measuring ends, then a checkpoint is saved; the second signal interrupts neither."""
    shards, checkpoints = tmp_path / "shards", tmp_path / "checkpoints"
    members = []
    for member, steps in zip(eight()[:3], (6, 12, 12), strict=True):
        members.append(replace(member, steps=steps))
    whole = run(shards, members)
    score = Exam.loglikelihoods
    calls = []

    def warned(self, *args):
        calls.append(len(self.targets))
        os.kill(os.getpid(), signal.SIGTERM)
        scores = score(self, *args)
        os.kill(os.getpid(), signal.SIGTERM)
        return scores

    monkeypatch.setattr(Exam, "loglikelihoods", warned)
    with pytest.raises(SystemExit) as ended:
        run(shards, members, checkpoints=checkpoints)
    # The first member is measured at half of its steps.
    assert ended.value.code == 143 and len(calls) == 1
    (path,) = checkpoints.glob("*.pt")
    state = torch.load(path, weights_only=True)
    assert state["step"] == 3 and len(state["keys"]) == 3
    monkeypatch.setattr(Exam, "loglikelihoods", score)
    results = run(shards, members, checkpoints=checkpoints)
    for key, result in whole.items():
        assert numbers(results[key]) == numbers(result)


def test_sigterm_while_a_result_is_measured_keeps_the_progress_of_the_others(tmp_path):
    shards, checkpoints = tmp_path / "shards", tmp_path / "checkpoints"
    members = []
    for member, steps in zip(eight()[:3], (6, 12, 12), strict=True):
        members.append(replace(member, steps=steps))
    whole = run(shards, members)
    results = {}

    def warned(member, result):
        results[member.key] = result
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit):
        run(shards, members, checkpoints=checkpoints, on_finished=warned)
    (path,) = checkpoints.glob("*.pt")
    state = torch.load(path, weights_only=True)
    assert state["step"] == 6 and state["keys"] == ["key1", "key2"] and set(results) == {"key0"}
    results |= run(shards, members, checkpoints=checkpoints, finished=set(results))
    for key, result in whole.items():
        assert numbers(results[key]) == numbers(result)


def test_weights_on_a_device_pass_through_pinned_memory_and_those_on_a_cpu_do_not(
    tmp_path, monkeypatch
):
    settings = []
    save = torch.save

    def watched(state, path):
        settings.append(config.save.use_pinned_memory_for_d2h)
        save(state, path)

    monkeypatch.setattr(torch, "save", watched)
    monkeypatch.setattr(checkpoint, "_on_device", lambda state: state["step"] == 2)
    for step in (1, 2, 1):
        Checkpoint(tmp_path, "wave", Clock(60.0)).save({"step": step})
    assert settings == [False, True, False]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA device")
def test_a_checkpoint_of_a_device_goes_on_on_a_cpu_and_back(tmp_path):
    texts = opened(tmp_path / "shards")
    saved = Checkpoint(tmp_path, "wave", Clock(60.0))
    before = None
    for device in ("cuda", "cpu", "cuda"):
        wave = Wave(eight()[:3], SHAPE, texts, replace(SETTINGS, device=device))
        if before is not None:
            wave.resume(saved.load())
            assert wave.step == before.step
            for name, tensor in before.parameters.items():
                assert torch.equal(tensor.cpu(), wave.parameters[name].cpu())
            for name, tensor in before.optimizer.state.items():
                assert torch.equal(tensor.cpu(), wave.optimizer.state[name].cpu())
        for _ in range(3):
            wave.advance()
        saved.save(wave.state())
        before = wave
