"""The `python` that whole studies are tested with does what Python does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import warm_python

MODULE = """
import os, signal, sys, time
assert "pandas" in sys.modules, "this is a real start"
import again
print(__name__, sys.argv[1:], os.environ.get("WORD"), os.getcwd() == sys.path[0], sys.stdin.read())
print("told", file=sys.stderr)
if "hang" in sys.argv:
    print("up", os.getpid(), flush=True)
    time.sleep(600)
if "killed" in sys.argv:
    os.kill(os.getpid(), signal.SIGKILL)
if "raise" in sys.argv:
    raise ValueError("broken")
sys.exit({"text": "words", "none": None, "seven": 7}[sys.argv[1]])
"""


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A folder with a module `mixwright` of its own, and one beside it."""
    (tmp_path / "mixwright.py").write_text(MODULE)
    (tmp_path / "again.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def command(*words: str) -> list[str]:
    return [str(warm_python.folder_of(environment()) / "python"), "-m", "mixwright", *words]


def environment(**more: str) -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"} | more


@pytest.mark.parametrize(
    ("word", "status", "told"),
    [
        ("none", 0, "told\n"),
        ("seven", 7, "told\n"),
        ("text", 1, "told\nwords\n"),
        ("raise", 1, "ValueError: broken\n"),
        ("killed", -signal.SIGKILL, "told\n"),
    ],
)
def test_it_says_and_ends_as_a_real_start(folder, word, status, told):
    options = {"capture_output": True, "text": True, "input": "typed", "cwd": folder}
    done = subprocess.run(command(word), env=environment(WORD="w"), **options)
    assert done.returncode == status and done.stderr.endswith(told)
    expected = "" if word == "killed" else f"__main__ ['{word}'] w True typed\n"
    assert done.stdout == expected


def test_other_settings_and_other_modules_are_real_starts(folder):
    options = {"capture_output": True, "text": True, "input": "", "cwd": folder}
    done = subprocess.run(command("none"), env=environment(OMP_NUM_THREADS="2"), **options)
    assert done.returncode == 1 and "this is a real start" in done.stderr
    python, *_ = command()
    done = subprocess.run([python, "-c", "import sys; print(sys.executable)"], **options)
    assert done.stdout == f"{sys.executable}\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_start_that_is_ended_leaves_no_process(folder, number):
    running = subprocess.Popen(
        command("hang"), env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert running.stdout
    running.stdout.readline()
    fork = int(running.stdout.readline().split()[1])
    assert fork != running.pid
    running.send_signal(number)
    assert running.wait(timeout=60) == -number
    deadline = time.monotonic() + 60
    while Path(f"/proc/{fork}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{fork}").exists()
