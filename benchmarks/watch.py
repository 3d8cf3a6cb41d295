"""Measures how much of a core `mixwright status --watch` takes while a large study runs.

python benchmarks/watch.py [--runs 500] [--seconds 60]

A study of so many runs, one run a job, is written with the files of half of its jobs done and
eight running, whose files change each second, under a lock of Snakemake's. The command watches it,
once as plain lines and once in a terminal. The share counts user and system time, start aside.
"""

import argparse
import os
import pty
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

HOUSE = Path(__file__).parents[1]
sys.path[:0] = [str(HOUSE / "workflow"), str(HOUSE / "tests" / "support")]

from least_study import study  # noqa: E402
from mixwright.files import machine_name, write_json  # noqa: E402
from mixwright.jobs.heartbeat import path_of  # noqa: E402

RUNNING = 8
START = 3.0  # seconds until the command has begun to look


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--seconds", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results" / "large"
        packs = write_study(results, options.runs)
        ended = threading.Event()
        thread = threading.Thread(target=keep_running, args=(results, packs, ended))
        thread.start()
        try:
            for form in ("lines", "terminal"):
                share = measured(results, form == "terminal", options.seconds)
                print(f"{len(packs)} jobs, {form}: {100 * share:.2f} % of a core")
        finally:
            ended.set()
            thread.join()


def write_study(results: Path, runs: int) -> list[str]:
    """Writes a study with half of its jobs done; returns the names of all jobs of proxies."""
    plan = study(designs={"swarm": {"runs": runs}}, proxy={"per_job": 1})
    plan.write(results / "study.json")
    (results / "packs").mkdir()
    packs = list(plan.packs)
    locks = results.parent.parent / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    wanted = [f"results/{results.name}/packs/{pack}.parquet\n" for pack in packs]
    (locks / "0.output.lock").write_text("".join(wanted))
    for pack in packs[: len(packs) // 2]:
        (results / "packs" / f"{pack}.parquet").touch()
        tell(results, pack, "finished", 1)
    return packs


def tell(results: Path, pack: str, state: str, done: int) -> None:
    now = time.time()
    pulse = {
        "state": state,
        "runs": 1,
        "done": done,
        "diverged": [],
        "where": "",
        "speed": 40_000 + now % 100,
        "seconds_left": 60.0,
        "told": now,
        "host": machine_name(),
        "pid": os.getpid(),
        "started": now,
        "updated": now,
        "error": None,
    }
    write_json(path_of(results, pack), pulse)


def keep_running(results: Path, packs: list[str], ended: threading.Event) -> None:
    """Beats for the jobs that run, each second, until told to end."""
    running = packs[len(packs) // 2 :][:RUNNING]
    while not ended.wait(1.0):
        for pack in running:
            tell(results, pack, "running", 0)


def measured(results: Path, terminal: bool, seconds: float) -> float:
    """The share of a core that the command takes, after its start."""
    command = [sys.executable, "-m", "mixwright", "status", "--watch"]
    command += ["--study", str(results / "study.json")]
    environment = {**os.environ, "PYTHONPATH": str(HOUSE / "workflow"), "TERM": "xterm"}
    reader, writer = pty.openpty() if terminal else os.pipe()
    process = subprocess.Popen(command, stdout=writer, env=environment)
    os.close(writer)
    drain = threading.Thread(target=read_all, args=(reader,), daemon=True)
    drain.start()
    time.sleep(START)
    began = cpu_seconds(process)
    time.sleep(seconds)
    spent = cpu_seconds(process) - began
    process.terminate()
    process.wait()
    return spent / seconds


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    times = psutil.Process(process.pid).cpu_times()
    return times.user + times.system


def read_all(reader: int) -> None:
    try:
        while os.read(reader, 65536):
            pass
    except OSError:
        return


if __name__ == "__main__":
    main()
