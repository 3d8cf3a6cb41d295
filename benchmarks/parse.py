"""CPU-seconds and memory of `snakemake -n`, by the size of the swarm: every cluster job parses the workflow again.

python benchmarks/parse.py
"""

import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from rich.console import Console
from rich.table import Table

HOUSE = Path(__file__).parents[1]
CASES = ((32, 16), (512, 16), (512, 1), (2_000, 16), (10_000, 16), (10_000, 1))  # runs in the swarm, runs a job


def dry_run(runs: int, per_job: int) -> tuple[float, float]:
    """(CPU-seconds, peak MB) of one dry run of the demo with this swarm."""
    study = yaml.safe_load((HOUSE / "config" / "config.yaml").read_text())
    study |= {"designs": {"swarm": {"runs": runs}}, "proxy": {"per_job": per_job}}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "study.yaml"
        path.write_text(yaml.safe_dump(study))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOUSE / "Snakefile"), "--directory", folder, "-n"]
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*command, "--configfile", str(path)], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss / 1024


def main() -> None:
    table = Table("swarm", "runs a job", "CPU-s (median of 3)", "peak MB", title="snakemake -n")
    for runs, per_job in CASES:
        measured = [dry_run(runs, per_job) for _ in range(3)]
        seconds = statistics.median(seconds for seconds, _ in measured)
        table.add_row(str(runs), str(per_job), f"{seconds:.2f}", f"{max(memory for _, memory in measured):.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
