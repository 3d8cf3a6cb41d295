"""When a wave is saved, and what a broken file costs."""

import pytest
import torch

from mixwright.proxies import checkpoint
from mixwright.proxies.checkpoint import Checkpoint, Clock


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
