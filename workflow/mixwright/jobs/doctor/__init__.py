"""What of a study will work on this machine and its cluster, what will not, and which lines a profile needs."""

from collections.abc import Iterator
from pathlib import Path

from mixwright.jobs.doctor.finding import Finding, Run, asked, profiles
from mixwright.jobs.doctor.gpus import gpus
from mixwright.jobs.doctor.machine import compiler, cores, disk, locks, memory
from mixwright.jobs.doctor.slurm import slurm
from mixwright.jobs.doctor.software import packages, python

__all__ = ["Finding", "examine", "profiles"]


def examine(results: Path, run: Run = asked) -> Iterator[Finding]:
    """Every finding, from the machine outwards; `results` is where studies will be written."""
    yield python()
    yield packages()
    yield cores()
    yield memory()
    yield disk(results)
    yield locks(results)
    yield compiler(run)
    yield from gpus(run)
    yield from slurm(run)
