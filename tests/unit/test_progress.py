import itertools
import sys

import pytest

from mixwright import progress as pace
from mixwright.progress import PackPace, TextPace, say


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
    progress = PackPace(lines.append, members=3, steps=182, step_tokens=10)
    progress.resumed(2, 40)
    progress.stepped(2, 41, 100)  # at 10 s: too early for a line
    progress.stepped(2, 42, 100)  # at 20 s
    progress.finished(1)
    for step in range(43, 101):
        progress.stepped(1, step, 100)
    progress.finished(1)
    progress.resumed(1, 0)
    for step in range(1, 41):
        progress.stepped(1, step, 40)
    progress.finished(1)
    lines = [str(line) for line in lines]
    assert lines[0] == "2 members go on from step 40"
    assert (
        lines[1] == "0/3 members trained, step 42/100, 2 tokens/s, 490 s to go"
    )  # 4 member-steps in 20 s, 98 to go
    assert lines[-2:] == [
        "2/3 members trained, step 40/40, 1 tokens/s, 0 s to go",
        "3/3 members trained, step 40/40, 1 tokens/s, 0 s to go",
    ]


def test_text_is_told_in_megabytes_with_the_time_to_go(lines):
    progress = TextPace(lines.append, "web: read", 500e6)
    progress.add(40_000_000)
    progress.add(60_000_000)
    # Twenty seconds after the start.
    assert list(map(str, lines)) == ["web: read 100 MB of about 500, 5 MB/s, 80 s to go"]


def test_text_that_nobody_has_measured_has_no_time_to_go(lines):
    progress = TextPace(lines.append, "web: read", None)
    progress.add(0)
    progress.add(100_000_000)
    assert list(map(str, lines)) == ["web: read 100 MB, 5 MB/s"]
