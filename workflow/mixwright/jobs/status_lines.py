"""The status of a study at the terminal: a sentence and a table, then what needs a look."""

from collections.abc import Iterator, Sequence
from typing import Any

from mixwright.errors import counted
from mixwright.jobs.status import Job, Swarm, counts
from mixwright.progress import speed_text

COLUMNS = ("runs", "done", "running", "waiting", "stopped", "diverged")
SHOWN = 10  # jobs, or names, that are told one by one
ENDS = {
    "stopped": "stopped, a checkpoint is kept",
    "failed": "failed",
    "killed": "killed",
    "silent": "silent: killed, or its disk is not reached",
}


def sentence(swarm: Swarm, unit: str = "tokens") -> str:
    """How many are done, how fast it goes and how long it takes; what was not measured is unknown."""
    found, running = counts(swarm.jobs), swarm.having("running")
    said = f"{swarm.kind}: {found['done']} of {found['runs']} done"
    if found["done"] == found["runs"]:
        return said
    if not running:
        return f"{said}; no job runs"
    speed = "speed unknown" if swarm.speed is None else f"{speed_text(swarm.speed)} {unit}/s"
    left = (
        "time to go unknown"
        if swarm.seconds_left is None
        else f"{duration(swarm.seconds_left)} to go"
    )
    return f"{said}; {counted(len(running), 'job')}, {speed}, {left}"


def roles(swarms: Sequence[Swarm]) -> Any:
    """The table of runs by role."""
    from rich.table import Table

    table = Table(box=None)
    for name in ("", *COLUMNS):
        table.add_column(name, justify="right" if name else "left")
    for role, jobs in by_role(swarms).items():
        found = counts(jobs)
        numbers = [str(found[name] or "") for name in COLUMNS]
        table.add_row(role, *numbers, style="red" if found["stopped"] or found["diverged"] else "")
    return table


def by_role(swarms: Sequence[Swarm]) -> dict[str, list[Job]]:
    """The jobs, in order, under the role of their runs."""
    found: dict[str, list[Job]] = {}
    for swarm in swarms:
        for job in swarm.jobs:
            found.setdefault(job.role, []).append(job)
    return found


def jobs(swarms: Sequence[Swarm], unit: str = "tokens") -> Iterator[str]:
    """A line a running job, those that take longest first."""
    running = [job for swarm in swarms for job in swarm.having("running")]
    for job in sorted(running, key=lambda job: -(job.seconds_left or 0.0))[:SHOWN]:
        speed = "not measured yet" if job.speed is None else f"{speed_text(job.speed)} {unit}/s"
        left = "" if job.seconds_left is None else f", {duration(job.seconds_left)} to go"
        yield f"{_named(job)}: {job.done} of {job.runs} done, {speed}{left}"
    yield from _rest(len(running), "running job")


def troubles(swarms: Sequence[Swarm]) -> Iterator[str]:
    """A line a job that ended with runs undone, and the names of runs that diverged."""
    ended = [job for swarm in swarms for job in swarm.having(*ENDS)]
    for job in ended[:SHOWN]:
        why = f" ({job.error})" if job.error else ""
        yield f"{_named(job)} {ENDS[job.state]}{why}: {job.done} of {job.runs} done; start snakemake again, it goes on from there"
    yield from _rest(len(ended), "stopped job")
    lost = [run for swarm in swarms for job in swarm.jobs for run in job.diverged]
    if lost:
        more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
        yield f"diverged: {', '.join(lost[:SHOWN])}{more}; mixers refuse or drop them by the study's key `diverged`"


def duration(seconds: float) -> str:
    """`40 s`, `12 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _named(job: Job) -> str:
    return f"{job.role} {job.pack}{f' on {job.host}' if job.host else ''}"


def _rest(number: int, noun: str) -> Iterator[str]:
    if number > SHOWN:
        yield f"and {counted(number - SHOWN, f'more {noun}')}"
