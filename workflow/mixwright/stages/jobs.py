"""The command that watches the jobs of a study."""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

from mixwright.jobs import status_lines, status_view
from mixwright.jobs.status import find_study
from mixwright.jobs.status_stages import Reported
from mixwright.jobs.status_watch import Look, Watch
from mixwright.report import layout
from mixwright.study.study import Study

# Least seconds between two looks of a terminal's view, and between two plain lines.
VIEW, LINES = 1.0, 5.0
# Of the time between two looks at most this share is spent on a look.
SHARE = 0.01


def status(study: Path | None = None, watch: bool = False) -> None:
    """Show how far a study is, at any time and from any terminal.

    It counts what each stage has made, and the runs that are done, running, waiting and stopped,
    and shows tokens/s, the time to go and the last error. With --watch it goes on until the study
    is done.

    Example:
        mixwright status --study results/demo/study.json --watch
    """
    path = study or find_study(list(Path("results").glob("*/study.json")))
    plan = Study.read(path)
    watched = Watch(plan, path.parent, reported(plan))
    if not watch:
        _print(watched.look())
        return
    # who ends the watching has seen enough
    with suppress(KeyboardInterrupt):
        console = Console(highlight=False)
        if console.is_terminal:
            _show(watched.look, console)
        else:
            _tell(watched.look)


def reported(plan: Study) -> Reported:
    """Returns what follows from the proposals, as the room of reports lists it."""
    paths = (
        layout.surface_paths(plan, "."),
        layout.export_files(plan, "."),
        layout.figure_files(plan, "."),
    )
    surfaces, exports, figures = ([Path(path).as_posix() for path in part] for part in paths)
    return Reported(surfaces, exports, figures, "report/summary")


def _print(look: Look) -> None:
    """One look, for a terminal or a file."""
    head = [look.study]
    head += [status_lines.sentence(swarm, look.unit) for swarm in look.swarms]
    console = Console(highlight=False, soft_wrap=True)
    console.print(Text("\n".join(head), style="bold"))
    console.print(Text(status_view.stages_line(look)))
    if look.swarms:
        console.print(status_lines.roles(look.swarms))
    for line in status_lines.jobs(look.swarms, look.unit):
        console.print(Text(line))
    for line in status_view.troubles(None, look):
        console.print(Text(line, style="red"))
    if look.page:
        console.print(Text(status_view.state_line(look)))


def _show(look: Callable[[], Look], console: Console) -> None:
    """One view that is drawn again, until the study is done."""
    with Live(console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while True:
            began = time.process_time()
            standing = look()
            live.update(status_view.view(standing), refresh=True)
            if standing.page:
                return
            _wait(VIEW, began)


def _tell(look: Callable[[], Look]) -> None:
    """A line whenever something changed, until the study is done: for files and pipes."""
    before = None
    while True:
        began = time.process_time()
        standing = look()
        line = status_view.change(before, standing)
        for news in (line, *status_view.troubles(before, standing)):
            if news:
                sys.stdout.write(f"{news}\n")
        sys.stdout.flush()
        if standing.page:
            return
        before = standing
        _wait(LINES, began)


def _wait(least: float, began: float) -> None:
    """Sleeps long enough that looking takes a small share of a core, however large the study is."""
    spent = time.process_time() - began
    time.sleep(max(least, spent / SHARE))
