"""What a job leaves for others to read while it runs, and how it ended."""

import json
import os
import threading

import pytest

from mixwright.files import machine_name
from mixwright.jobs import heartbeat
from mixwright.jobs.heartbeat import Pulse, beating, path_of
from mixwright.progress import Done, Standing


@pytest.fixture
def path(tmp_path):
    return path_of(tmp_path, "0123")


def read(path) -> dict:
    return json.loads(path.read_text())


def test_a_pulse_says_what_it_hears_and_keeps_the_gist(path, capsys):
    heard = Pulse(path, 3)
    heard(Standing("1/3 members trained, step 5/9", 1234.5, 60.0))
    heard(Done("r1"))
    heard(Done("r2", "run r2 diverged", diverged=True))
    heard(Done("r2", diverged=True))  # told twice, counted once
    assert (
        capsys.readouterr().err
        == "1/3 members trained, step 5/9, 1,234 tokens/s, 60 s to go\nrun r2 diverged\n"
    )
    content = read(path)
    assert (content["state"], content["runs"], content["done"], content["diverged"]) == (
        "running",
        3,
        2,
        ["r2"],
    )
    assert (content["speed"], content["seconds_left"], content["where"]) == (
        1234.5,
        60.0,
        "1/3 members trained, step 5/9",
    )
    assert (content["host"], content["pid"]) == (machine_name(), os.getpid()) and content[
        "started"
    ] <= content["told"] <= content["updated"]


@pytest.mark.parametrize(
    "error, state, message",
    [
        (None, "finished", None),
        (SystemExit(143), "stopped", None),
        (KeyboardInterrupt(), "stopped", None),
        (ValueError("no weights\nof run r1"), "failed", "no weights"),
        (MemoryError(), "failed", "MemoryError"),
    ],
)
def test_a_job_leaves_how_it_ended(path, error, state, message):
    before = set(threading.enumerate())
    try:
        with beating(path, 2) as heard:
            assert read(path)["state"] == "running"
            heard(Done("r1"))
            if error:
                raise error
    except BaseException as raised:
        assert raised is error
    content = read(path)
    assert (content["state"], content["error"], content["done"]) == (state, message, 1)
    assert set(threading.enumerate()) <= before and [
        file.name for file in path.parent.iterdir()
    ] == [path.name]


def test_a_job_beats_while_a_step_takes_long(path, monkeypatch):
    beats = threading.Semaphore(0)
    plain = heartbeat.write_json
    monkeypatch.setattr(
        heartbeat, "write_json", lambda *arguments: (plain(*arguments), beats.release())
    )
    with beating(path, 1, every=0.001):
        for _ in range(3):
            assert beats.acquire(timeout=60), "the first is the start's, the others a thread's"


def test_a_full_disk_costs_the_beat_and_not_the_job(path, monkeypatch):
    def full(*arguments):
        raise OSError("No space left on device")

    monkeypatch.setattr(heartbeat, "write_json", full)
    with beating(path, 1) as heard:
        heard(Done("r1"))
    assert not path.exists()
