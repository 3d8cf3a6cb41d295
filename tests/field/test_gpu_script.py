"""The check that runs on a GPU is exercised here without one, in full, with the least sizes."""

import importlib.util
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
BENCHMARKS = HOUSE / "benchmarks"
# A step that starts a process of its own, names it, and then does nothing for ever.
HANGING = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
FAILING = """
import sys
print("what went wrong", flush=True)
sys.exit(3)
"""


@pytest.fixture(scope="module")
def check():
    path = BENCHMARKS / "gpu_check.py"
    spec = importlib.util.spec_from_file_location("gpu_check", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["gpu_check"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["gpu_check"]


def step(check, name, program, limit=60.0, needs=()):
    return check.Step(name, (sys.executable, "-c", program), limit, needs)


def states(rows):
    return {row["step"]: row["state"] for row in rows if "state" in row}


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    status = Path(f"/proc/{pid}/status")
    try:
        return "State:\tZ" not in status.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_step_that_hangs_is_killed_with_all_that_it_started(check, tmp_path):
    steps = [step(check, "hangs", HANGING, 3.0), step(check, "works", "print(1)")]
    began = time.monotonic()
    rows = check.run(steps, tmp_path, 300)
    assert time.monotonic() - began < 200
    assert states(rows) == {"hangs": "killed", "works": "ran"}
    (child,) = [int(line) for line in rows[0]["last"]]
    end = time.monotonic() + 30
    while is_alive(child) and time.monotonic() < end:
        time.sleep(0.1)
    assert not is_alive(child)


def test_a_step_that_fails_is_told_and_the_next_runs(check, tmp_path):
    steps = [step(check, "fails", FAILING), step(check, "works", "print(1)")]
    rows = check.run(steps, tmp_path, 300)
    assert states(rows) == {"fails": "failed", "works": "ran"}
    assert rows[0]["code"] == 3 and rows[0]["last"] == ["what went wrong"]
    assert "what went wrong" in (tmp_path / "table.txt").read_text()
    assert "what went wrong" in (tmp_path / "log.txt").read_text()


def test_a_step_without_its_packages_or_without_time_is_not_run(check, tmp_path):
    lacking = step(check, "lacks", FAILING, needs=("json", "no_such_module"))
    rows = check.run([lacking, step(check, "works", "print(1)")], tmp_path, 300)
    assert states(rows) == {"lacks": "lacks", "works": "ran"}
    assert rows[0]["lacks"] == ["no_such_module"]
    assert states(check.run([step(check, "late", FAILING)], tmp_path, 0)) == {"late": "no time"}


def test_rows_that_a_killed_step_wrote_are_there(check, tmp_path):
    program = f"""
import json, sys, time
with open({str(tmp_path / "rows.jsonl")!r}, "a") as file:
    file.write(json.dumps({{"step": "half", "case": "tiny", "tokens": 1e6}}) + "\\n")
    file.write('{{"step": "half", "ca')
    file.flush()
    time.sleep(600)
"""
    rows = check.run([step(check, "half", program, 3.0)], tmp_path, 300)
    assert rows[0] == {"step": "half", "case": "tiny", "tokens": 1e6}
    assert rows[1]["state"] == "killed"


def test_numbers_are_held_against_those_that_are_wanted(check):
    rows = [
        {"step": "speeds", "case": "RegMix", "members": 4, "tokens": 2.5e6},
        {"step": "speeds", "case": "RegMix", "members": 64, "reason": "memory"},
        {"step": "speeds", "case": "tiny", "members": 64, "tokens": 4e6},
        {"step": "rivals", "case": "tiny", "rival": "plain loop", "tokens": 1e6},
        {"step": "calibration", "case": "RegMix", "share": 0.97},
        {"step": "calibration", "case": "tiny", "share": 0.9},
    ]
    wanted = check.table(rows).split("wanted\n")[1].splitlines()
    verdicts = [line.split()[-1] for line in wanted]
    assert verdicts == ["met", "MISSED", "open", "open", "met", "open", "MISSED"]
    assert "MISSED" not in check.table(rows, verdicts=False)


def test_every_step_runs_dry_and_leaves_its_results(check, tmp_path):
    """The script as it is typed, with the python of these tests and no wheels."""
    environment = os.environ | {"PYTHON": sys.executable, "OMP_NUM_THREADS": "1"}
    words = ["bash", str(BENCHMARKS / "gpu_check.sh"), "--wheels", str(tmp_path / "none")]
    done = subprocess.run(
        [*words, "--dry", "--to", str(tmp_path / "out")],
        env=environment,
        capture_output=True,
        text=True,
    )
    printed = done.stdout + done.stderr
    lines = (tmp_path / "out" / "rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert states(rows) == dict.fromkeys(check.STEPS, "ran"), printed
    assert done.returncode == 0
    results = {name: [] for name in check.STEPS}
    for row in rows:
        if "state" not in row:
            results[row["step"]].append(row)
    (machine,) = results["machine"]
    assert machine["torch"] and machine["python"]
    (tests,) = results["tests"]
    assert tests["files"] > 0 and tests["skipped"] > 0 and "failed" not in tests
    packs = {(row["case"], row["members"]): row["tokens"] for row in results["speeds"]}
    assert len(packs) == 5 and min(packs.values()) > 0
    assert [row["graph"] for row in results["graphs"]] == [True, False]
    assert [row["rival"] for row in results["rivals"]] == ["plain loop", "HF Trainer"]
    (calibration,) = results["calibration"]
    assert calibration["members"] >= 1 and 0 < calibration["share"] <= 1
    plain, accumulated = results["final"]
    assert plain["last"] < plain["first"] and accumulated["near"]
    (study,) = results["study"]
    assert study["packs"] == 1
    table = (tmp_path / "out" / "table.txt").read_text()
    assert "a dry run: no verdict" in table and "MISSED" not in table


def test_a_gpu_s_check_fails_without_one_and_says_why(check, tmp_path):
    """No number is made up where there is nothing to measure."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    words = [sys.executable, str(BENCHMARKS / "gpu_check.py"), "--steps", "machine"]
    done = subprocess.run([*words, "--to", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1
    (row,) = check.read_rows(tmp_path / "rows.jsonl")
    assert row["state"] == "failed" and "sees no GPU" in row["last"][-1]
    assert "not measured  open" in (tmp_path / "table.txt").read_text()


def test_a_pack_that_raises_costs_no_other_pack(check, tmp_path, monkeypatch):
    """A driver's error in the middle of the speeds is a row, and the step fails at its end."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import gpu_steps

    measure = gpu_steps.library.pack_speed

    def broken(plan, case, members, graph=True, **fixed):
        if (case, members) == ("RegMix", 1):
            raise RuntimeError("CUDA error: an illegal memory access")
        return measure(plan, case, members, graph, **fixed)

    monkeypatch.setattr(gpu_steps.library, "pack_speed", broken)
    monkeypatch.setattr(gpu_steps, "ROWS", tmp_path / "rows.jsonl")
    monkeypatch.setattr(gpu_steps, "STEP", "speeds")
    with pytest.raises(SystemExit) as stopped:
        gpu_steps.speeds(gpu_steps.DRY)
    assert stopped.value.code == 1
    rows = check.read_rows(tmp_path / "rows.jsonl")
    assert rows[0]["reason"] == "RuntimeError: CUDA error: an illegal memory access"
    assert len(rows) == 5 and all("tokens" in row for row in rows[1:])
