"""Looks at a machine and its cluster: what of a study works there, and what does not.

It says too which lines the profiles of snakemake need there.
"""

from collections.abc import Iterator
from pathlib import Path

from mixwright.jobs.doctor.finding import Ask, Finding, output_of, profiles
from mixwright.jobs.doctor.gpus import gpus
from mixwright.jobs.doctor.machine import compiler, cores, disk, locks, memory
from mixwright.jobs.doctor.slurm import slurm
from mixwright.jobs.doctor.software import packages, python

__all__ = ["Finding", "examine", "profiles"]


def examine(results: Path, ask: Ask = output_of) -> Iterator[Finding]:
    """Yields every finding, from the machine outwards.

    Args:
        results: where studies will be written.
        ask: runs a program.
    """
    yield python()
    yield packages()
    yield cores()
    yield memory()
    yield disk(results)
    yield locks(results)
    yield compiler(ask)
    yield from gpus(ask)
    yield from slurm(ask)
