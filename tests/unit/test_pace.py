import itertools
import sys

import pytest

from mixwright import pace
from mixwright.pace import PackPace, say


def test_a_line_is_one_write(monkeypatch):
    writes: list[str] = []
    monkeypatch.setattr(sys.stderr, "write", writes.append)
    say("whole")
    assert writes == ["whole\n"]


@pytest.fixture
def lines(monkeypatch):
    """Every look at the clock is ten seconds after the last."""
    clock = itertools.count(step=10.0)
    monkeypatch.setattr(pace.time, "monotonic", lambda: next(clock))
    return []


def test_a_pack_counts_what_this_process_did_and_what_is_left(lines):
    progress = PackPace(lines.append, members=3, steps=100, step_tokens=10)
    progress.resumed(2, 40)
    progress.stepped(2, 41)  # at 10 s: too early for a line
    progress.stepped(2, 60)  # at 20 s
    progress.finished(2)
    progress.resumed(1, 0)
    progress.stepped(1, 40)
    progress.stepped(1, 80)
    progress.finished(1)
    assert lines == [
        "0/3 members trained, step 60/100, 20 tokens/s, 90 s to go",
        "2/3 members trained, step 80/100, 50 tokens/s, 4 s to go",
        "3/3 members trained, step 100/100, 44 tokens/s, 0 s to go",
    ]
