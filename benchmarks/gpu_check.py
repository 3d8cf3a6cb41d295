"""Runs all that a GPU has to show, step by step, in a few minutes.

Each step is a process of its own with a limit of its own; one that fails or hangs stops no other.
What a step measures is written at once. Standard library only: a step whose packages lack says so.

python benchmarks/gpu_check.py [--to FOLDER] [--minutes 8] [--steps machine,speeds] [--dry]

--dry runs the same steps with the least sizes on a CPU; its numbers mean nothing.

FOLDER (default $OUT, else results/gpu_check) gets three files: rows.jsonl, a line for each result;
table.txt, the same to read, with the numbers that are wanted; log.txt, all that steps print.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
HOUSE = HERE.parent
ROWS, TABLE, LOG = "rows.jsonl", "table.txt", "log.txt"
LAST_LINES = 12
MILLION = 1e6

Row = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One process."""

    name: str
    # words of its command
    command: tuple[str, ...]
    # seconds after which it is killed, with all that it started
    limit: float
    # modules that it imports
    needs: tuple[str, ...] = ()


# what training, finals and whole studies import
TRAINER = ("torch", "numpy", "safetensors")
FINALS = (*TRAINER, "transformers", "accelerate", "tokenizers", "pandas", "pyarrow", "yaml")
STUDY = (
    *FINALS,
    "snakemake",
    "scipy",
    "lightgbm",
    "jsonschema",
    "platformdirs",
    "pooch",
    "zstandard",
    "rich",
    "matplotlib",
    "threadpoolctl",
)
# name -> seconds, modules; in order of worth
STEPS: Mapping[str, tuple[float, tuple[str, ...]]] = {
    "machine": (40, ("torch",)),
    "tests": (90, (*TRAINER, "pytest")),
    "speeds": (120, TRAINER),
    "graphs": (45, TRAINER),
    "rivals": (60, (*TRAINER, "transformers", "accelerate")),
    "calibration": (75, TRAINER),
    "final": (75, FINALS),
    "study": (180, STUDY),
}


@dataclass(frozen=True)
class Wanted:
    """A number that is wanted of a GPU."""

    name: str
    least: float
    # all rows -> the number, None where it was not measured
    value: Callable[[Sequence[Row]], float | None]


def fastest(rows: Sequence[Row], case: str) -> float | None:
    """Million tokens a second of the fastest pack of a shape."""
    speeds = []
    for row in rows:
        if row.get("step") == "speeds" and row.get("case") == case and "tokens" in row:
            speeds.append(row["tokens"] / MILLION)
    return max(speeds, default=None)


def against(rows: Sequence[Row], rival: str) -> float | None:
    """How many times as fast as a rival the fastest tiny pack is."""
    ours = fastest(rows, "tiny")
    for row in rows:
        if row.get("rival") == rival and "tokens" in row and ours:
            return ours * MILLION / row["tokens"]
    return None


def calibrated(rows: Sequence[Row]) -> float | None:
    """The least share of the best speed that calibration's choice has, over the shapes."""
    shares = [row["share"] for row in rows if row.get("step") == "calibration" and "share" in row]
    return min(shares, default=None)


WANTED = (
    Wanted("RegMix's shape, M tokens/s, first", 2.0, lambda rows: fastest(rows, "RegMix")),
    Wanted("RegMix's shape, M tokens/s", 3.0, lambda rows: fastest(rows, "RegMix")),
    Wanted("8 k vocabulary, M tokens/s, first", 6.0, lambda rows: fastest(rows, "8 k vocabulary")),
    Wanted("8 k vocabulary, M tokens/s", 8.0, lambda rows: fastest(rows, "8 k vocabulary")),
    Wanted("tiny, times a plain eager loop", 3.0, lambda rows: against(rows, "plain loop")),
    Wanted("tiny, times HF Trainer", 8.0, lambda rows: against(rows, "HF Trainer")),
    Wanted("calibrated K, share of the best", 0.95, calibrated),
)


def run(steps: Iterable[Step], folder: Path, seconds: float, verdicts: bool = True) -> list[Row]:
    """Runs the steps one after the other, and returns all rows.

    Args:
        steps: what is run, in order.
        folder: where rows, table and log are written.
        seconds: of all steps together; what would begin later is not begun.
        verdicts: whether numbers are compared with those that are wanted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in (ROWS, TABLE, LOG):
        (folder / name).unlink(missing_ok=True)
    end = time.monotonic() + seconds
    for step in steps:
        remaining = end - time.monotonic()
        lacking = [module for module in step.needs if find_spec(module) is None]
        if lacking:
            row: Row = {"state": "lacks", "lacks": lacking, "seconds": 0.0}
        elif remaining <= 0:
            row = {"state": "no time", "seconds": 0.0}
        else:
            print(f"{step.name} ...", flush=True)
            row = run_step(step, folder / LOG, min(step.limit, remaining))
        append(folder / ROWS, {"step": step.name, **row})
        rows = read_rows(folder / ROWS)
        (folder / TABLE).write_text(table(rows, verdicts))
    return read_rows(folder / ROWS)


def run_step(step: Step, log: Path, limit: float) -> Row:
    """Runs one step; it and all that it started are dead afterwards."""
    began = time.monotonic()
    with log.open("ab") as output:
        output.write(f"==== {step.name}\n".encode())
        output.flush()
        start = output.tell()
        process = subprocess.Popen(
            step.command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=HOUSE,
            start_new_session=True,
        )
        state = "failed"
        try:
            if process.wait(timeout=limit) == 0:
                state = "ran"
        except subprocess.TimeoutExpired:
            state = "killed"
        finally:
            # what a step leaves running would slow the next one
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    row: Row = {"state": state, "seconds": round(time.monotonic() - began, 1)}
    if state != "ran":
        with log.open("rb") as written:
            written.seek(start)
            lines = written.read().decode(errors="replace").splitlines()
        row |= {"code": process.returncode, "last": lines[-LAST_LINES:]}
    return row


def append(path: Path, row: Mapping[str, Any]) -> None:
    """Adds a row to a file of JSON lines, at once; a half line before it stays a line."""
    with path.open("a+b") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
            if file.read(1) != b"\n":
                file.write(b"\n")
        file.write(json.dumps(row).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def read_rows(path: Path) -> list[Row]:
    """Reads a file of JSON lines; a last line that a killed step left half is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with suppress(json.JSONDecodeError):
            rows.append(json.loads(line))
    return rows


def table(rows: Sequence[Row], verdicts: bool = True) -> str:
    """Returns all rows to read: results, steps, and what is wanted."""
    lines = ["results"]
    for row in rows:
        if "state" not in row:
            values = {name: value for name, value in row.items() if name != "step"}
            lines.append(f"  {row['step']:<12} {_in_words(values)}")
    lines += ["", "steps"]
    for row in rows:
        if "state" not in row:
            continue
        lacks = f": {', '.join(row['lacks'])}" if "lacks" in row else ""
        lines.append(f"  {row['step']:<12} {row['state']:<8} {row['seconds']:>6.1f} s{lacks}")
        lines += [f"      {line[:160]}" for line in row.get("last", ())]
    lines += ["", "wanted" if verdicts else "wanted (a dry run: no verdict)"]
    for wanted in WANTED:
        value = wanted.value(rows)
        if value is None:
            measured, verdict = "not measured", "open"
        else:
            measured, verdict = f"{value:.3g}", "met" if value >= wanted.least else "MISSED"
        if not verdicts:
            verdict = ""
        lines.append(f"  {wanted.name:<36} {wanted.least:>5} {measured:>14}  {verdict}".rstrip())
    return "\n".join(lines) + "\n"


def _in_words(values: Mapping[str, Any]) -> str:
    words = []
    for name, value in values.items():
        if isinstance(value, dict):
            # too wide for a line; rows.jsonl has it
            continue
        text = f"{value:.4g}" if isinstance(value, float) else str(value)
        words.append(f"{name} {text}")
    return ", ".join(words)


# A dry run has cores that others use too, and its limits only end what hangs.
PATIENT = 5.0


def steps_of(names: Sequence[str], folder: Path, dry: bool) -> list[Step]:
    """Returns steps by their names, in their order."""
    options = ["--to", str(folder / ROWS), *["--dry"] * dry]
    steps = []
    for name, (limit, needs) in STEPS.items():
        if name in names:
            command = (sys.executable, str(HERE / "gpu_steps.py"), name, *options)
            steps.append(Step(name, command, PATIENT * limit if dry else limit, needs))
    return steps


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = Path(os.environ.get("OUT") or HOUSE / "results" / "gpu_check")
    parser.add_argument("--to", type=Path, default=default)
    parser.add_argument("--minutes", type=float, help="of all steps (8; 30 of a dry run)")
    parser.add_argument("--steps", default=",".join(STEPS))
    parser.add_argument("--dry", action="store_true")
    options = parser.parse_args()
    names = options.steps.split(",")
    unknown = sorted(set(names) - set(STEPS))
    if unknown:
        parser.error(f"unknown steps: {', '.join(unknown)}; known: {', '.join(STEPS)}")
    # so that what runs now dies with this process too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    os.environ["PYTHONPATH"] = os.pathsep.join(
        [str(HOUSE / "workflow"), *filter(None, [os.environ.get("PYTHONPATH")])]
    )
    folder = options.to.absolute()
    steps = steps_of(names, folder, options.dry)
    minutes = options.minutes or (30.0 if options.dry else 8.0)
    rows = run(steps, folder, 60 * minutes, verdicts=not options.dry)
    print(table(rows, verdicts=not options.dry), end="")
    print(f"written: {folder}")
    return int(any(row.get("state", "ran") != "ran" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
