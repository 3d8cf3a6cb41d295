"""A study that is watched, as a terminal shows it: one view that is drawn again, or plain lines."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mixwright.errors import shortened
from mixwright.jobs import status_lines
from mixwright.jobs.status import Swarm, counts
from mixwright.jobs.status_watch import QUIET, Failure, Look, Row

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table

# of the jobs that run, and of those that stopped, in a view that fits a small terminal
JOBS, STOPPED = 5, 3
BAR = 16  # columns
NOTHING_RUNS = "nothing runs: start snakemake to go on, or press Ctrl+C to leave"


def view(look: Look) -> "Group":
    """Returns the whole view, for `rich`."""
    from rich.console import Group
    from rich.text import Text

    lines = [Text(line, no_wrap=True, overflow="ellipsis") for line in _beside(look)]
    troubles = []
    for line in status_lines.troubles(look.swarms, STOPPED):
        troubles.append(Text(line, style="red"))
    if look.failure:
        for line in failure_lines(look.failure):
            troubles.append(Text(line, style="red", no_wrap=True, overflow="ellipsis"))
    return Group(_head(look), _table(look), *lines, *troubles)


def _head(look: Look) -> "Table":
    """The study's name, and the time of the look."""
    from rich.table import Table

    head = Table.grid(expand=True)
    head.add_column()
    head.add_column(justify="right")
    head.add_row(f"[bold]{look.study}[/bold]", time.strftime("%H:%M:%S"))
    return head


def _table(look: Look) -> "Table":
    """A row a stage, with a bar."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False)
    # these two are never cut: what a stage does now is
    table.add_column(no_wrap=True, min_width=max(len(row.name) for row in look.rows))
    widest = max(len(_share(row)) for row in look.rows)
    table.add_column(justify="right", no_wrap=True, min_width=widest)
    table.add_column(min_width=BAR, max_width=BAR)
    table.add_column(no_wrap=True, overflow="ellipsis")
    for row in look.rows:
        bar = ProgressBar(
            total=max(1, row.total),
            completed=row.done,
            width=BAR,
            complete_style="cyan",
            finished_style="green",
        )
        table.add_row(row.name, _share(row), bar, Text(_doing(row, look)))
    return table


def _share(row: Row) -> str:
    share = f"{row.done}/{row.total}"
    if row.unit == "runs":
        share += " runs"
    return share


def _doing(row: Row, look: Look) -> str:
    """What a stage does now; nothing where it waits or is done."""
    if row.done == row.total:
        return ""
    for swarm in look.swarms:
        if swarm.kind == row.name and row.running:
            # the sentence's first part is the row's own
            return status_lines.sentence(swarm, look.unit).split("; ", 1)[-1]
    return shortened(row.running, 2)


def _beside(look: Look) -> Iterator[str]:
    """Lines below the table: training jobs, the time to go, and whether anything runs."""
    yield from status_lines.jobs(look.swarms, look.unit, JOBS)
    left = time_to_go(look.swarms)
    if left:
        yield left
    state = state_line(look)
    if state:
        yield state


def time_to_go(swarms: Sequence[Swarm]) -> str:
    """Returns how long training takes as measured; empty where it is done or nothing trains."""
    measured, unknown = [], []
    for swarm in swarms:
        total = counts(swarm.jobs)
        if total["done"] == total["runs"]:
            continue
        if swarm.seconds_left is None:
            unknown.append(f"{swarm.kind} unknown")
        else:
            measured.append(f"{swarm.kind} {status_lines.duration(swarm.seconds_left)}")
    if not measured:
        return ""
    return f"time to go: {', '.join([*measured, *unknown])}; other stages are not measured"


def state_line(look: Look) -> str:
    """Returns what to know where work seems to stand still; empty where it goes on."""
    if look.page:
        return f"done; the page: {look.page}"
    if not look.runs:
        return NOTHING_RUNS
    if not look.training and look.quiet is not None and look.quiet > QUIET:
        passed = status_lines.duration(look.quiet)
        return (
            f"no job wrote anything for {passed}: jobs may wait for a cluster,"
            " or snakemake was killed"
        )
    return ""


def failure_lines(failure: Failure) -> Iterator[str]:
    """Yields the job that failed last, its log, and how the log ends."""
    yield f"last error: {failure.job}, in {_near(failure.log)}"
    for line in failure.lines:
        yield f"    {line}"


def stages_line(look: Look) -> str:
    """Returns all stages in one line."""
    shares = [f"{row.name} {_share(row)}" for row in look.rows]
    return f"stages: {', '.join(shares)}"


def change(before: Look | None, look: Look) -> str:
    """Returns a line of what has changed since the look before; empty where nothing has.

    Speeds and times change always, and are no change by themselves.
    """
    rows = {}
    if before:
        rows = {row.name: (row.done, row.total) for row in before.rows}
    changed = [row for row in look.rows if rows.get(row.name) != (row.done, row.total)]
    news = [f"{row.name} {_share(row)}" for row in changed]
    state = state_line(look)
    is_new_state = before is None or bool(state) != bool(state_line(before))
    if state and is_new_state:
        news.append(state)
    if not news:
        return ""
    if not state:
        news += _pace(look)
    return f"{time.strftime('%H:%M:%S')}  {', '.join(news)}"


def _pace(look: Look) -> Iterator[str]:
    """How fast the training goes that runs now."""
    for swarm in look.swarms:
        if swarm.having("running"):
            yield status_lines.sentence(swarm, look.unit).split("; ", 1)[-1]


def troubles(before: Look | None, look: Look) -> Iterator[str]:
    """Yields the lines of the last error, and of jobs that stopped, where these are new."""
    if look.failure and (before is None or look.failure != before.failure):
        yield from failure_lines(look.failure)
    earlier = set(status_lines.troubles(before.swarms)) if before else set()
    for line in status_lines.troubles(look.swarms):
        if line not in earlier:
            yield line


def _near(path: Path) -> Path:
    """A path as seen from here, where it lies below."""
    if path.is_relative_to(Path.cwd()):
        return path.relative_to(Path.cwd())
    return path
