"""CPU-seconds and memory of `snakemake -n`, by the size of the swarm.

They matter because every cluster job parses the workflow again.

python benchmarks/parse.py
"""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

HOUSE = Path(__file__).parents[1]
CASES = (
    (32, 16),
    (512, 16),
    (512, 1),
    (2_000, 16),
    (10_000, 16),
    (10_000, 1),
)  # runs in the swarm, runs a job


def dry_run(runs: int, per_job: int) -> tuple[float, float]:
    """(CPU-seconds, peak MB) of one dry run of the demo with this swarm."""
    study = yaml.safe_load((HOUSE / "config" / "config.yaml").read_text())
    study |= {"designs": {"swarm": {"runs": runs}}, "proxy": {"per_job": per_job}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        path.write_text(yaml.safe_dump(study))
        return spent(
            "--snakefile",
            str(HOUSE / "Snakefile"),
            "--directory",
            folder,
            "--configfile",
            str(path),
            "-n",
        )


def spent(*arguments: str) -> tuple[float, float]:
    """(CPU-seconds, peak MB) of Snakemake with these arguments."""
    quiet = subprocess.DEVNULL
    _, status, used = os.wait4(
        subprocess.Popen(
            [sys.executable, "-m", "snakemake", *arguments], stdout=quiet, stderr=quiet
        ).pid,
        0,
    )
    assert status == 0, arguments
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def main() -> None:
    table = Table("swarm", "runs a job", "CPU-s (median of 3)", "peak MB", title="snakemake -n")
    table.add_row("snakemake --version", "", *summary([spent("--version") for _ in range(3)]))
    for runs, per_job in CASES:
        table.add_row(str(runs), str(per_job), *summary([dry_run(runs, per_job) for _ in range(3)]))
    Console().print(table)


def summary(measured: list[tuple[float, float]]) -> tuple[str, str]:
    """Median time and greatest memory."""
    return (
        f"{statistics.median(seconds for seconds, _ in measured):.2f}",
        f"{max(memory for _, memory in measured):.0f}",
    )


if __name__ == "__main__":
    main()
