"""The status of a study at the terminal: a sentence and a table, then what needs a look."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mixwright.errors import counted, shortened
from mixwright.jobs.status import Job, Swarm, counts
from mixwright.progress import speed_text

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("runs", "done", "running", "waiting", "stopped", "diverged")
SHOWN = 10  # jobs, or names, that have a line or a word of their own
# how a job ended that left runs undone, in words
ENDS = {
    "stopped": "stopped, a checkpoint is kept",
    "failed": "failed",
    "killed": "killed",
    "silent": "silent: killed, or its disk is not reached",
}


def sentence(swarm: Swarm, unit: str = "tokens") -> str:
    """Returns how many runs are done, how fast it goes and how long it takes.

    What was not measured is unknown. `unit` is what the speed counts.
    """
    total = counts(swarm.jobs)
    running = swarm.having("running")
    progress = f"{swarm.kind}: {total['done']} of {total['runs']} done"
    if total["done"] == total["runs"]:
        return progress
    if not running:
        return f"{progress}; no job runs"
    speed = "speed unknown"
    if swarm.speed is not None:
        speed = f"{speed_text(swarm.speed)} {unit}/s"
    left = "time to go unknown"
    if swarm.seconds_left is not None:
        left = f"{duration(swarm.seconds_left)} to go"
    return f"{progress}; {counted(len(running), 'job')}, {speed}, {left}"


def roles(swarms: Sequence[Swarm]) -> "Table":
    """Returns the table of runs by role."""
    from rich.table import Table

    table = Table(box=None)
    table.add_column("", justify="left")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for role, jobs in by_role(swarms).items():
        total = counts(jobs)
        # an empty cell reads better than a zero
        numbers = [str(total[name] or "") for name in COLUMNS]
        in_trouble = total["stopped"] or total["diverged"]
        table.add_row(role, *numbers, style="red" if in_trouble else "")
    return table


def by_role(swarms: Sequence[Swarm]) -> dict[str, list[Job]]:
    """Returns the jobs, in order, under the role of their runs."""
    jobs: dict[str, list[Job]] = {}
    for swarm in swarms:
        for job in swarm.jobs:
            jobs.setdefault(job.role, []).append(job)
    return jobs


def jobs(swarms: Sequence[Swarm], unit: str = "tokens", most: int = SHOWN) -> Iterator[str]:
    """Yields a line for each running job, those that take longest first; of many the first."""
    running = _having(swarms, "running")
    running.sort(key=lambda job: -(job.seconds_left or 0.0))
    for job in running[:most]:
        line = f"{_name_of(job)}: {job.done} of {job.runs} done, "
        if job.speed is None:
            line += "not measured yet"
        else:
            line += f"{speed_text(job.speed)} {unit}/s"
        if job.seconds_left is not None:
            line += f", {duration(job.seconds_left)} to go"
        yield line
    yield from _rest(len(running), "running job", most)


def troubles(swarms: Sequence[Swarm], most: int = SHOWN) -> Iterator[str]:
    """Yields a line for each job that ended with runs undone, and one of runs that diverged."""
    ended = _having(swarms, *ENDS)
    for job in ended[:most]:
        reason = f" ({job.error})" if job.error else ""
        yield (
            f"{_name_of(job)} {ENDS[job.state]}{reason}: {job.done} of {job.runs} done; "
            "start snakemake again, it goes on from there"
        )
    yield from _rest(len(ended), "stopped job", most)
    diverged: list[str] = []
    for swarm in swarms:
        for job in swarm.jobs:
            diverged.extend(job.diverged)
    if diverged:
        names = shortened(diverged, SHOWN)
        yield f"diverged: {names}; mixers refuse or drop them by the study's key `diverged`"


def duration(seconds: float) -> str:
    """Returns `40 s`, `12 min` or `3.4 h`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _having(swarms: Sequence[Swarm], *states: str) -> list[Job]:
    return [job for swarm in swarms for job in swarm.having(*states)]


def _name_of(job: Job) -> str:
    name = f"{job.role} {job.pack}"
    if job.host:
        name += f" on {job.host}"
    return name


def _rest(number: int, noun: str, most: int) -> Iterator[str]:
    """A line for those that have none."""
    if number > most:
        yield f"and {counted(number - most, f'more {noun}')}"
