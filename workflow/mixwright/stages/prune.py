"""The command that removes models from the store that no study refers to."""

from pathlib import Path

from rich.console import Console
from rich.table import Table

from mixwright.jobs.pruning import Leftover, leftovers, remove
from mixwright.progress import say
from mixwright.stages.options import NONE, Paths

SHOWN = 40  # rows of the table
GIGABYTE = 2**30


def prune(
    store: Path = Path("results/store"), studies: Paths = NONE, older: float = 7, yes: bool = False
) -> None:
    """List final models, weights and checkpoints that no study refers to; with --yes remove them.

    The studies are all that stand beside the store, and those that are named. Nothing goes that one
    of them refers to, that was made since an unfinished one began, or that a job holds. Results of
    runs are small, and stay. What goes is trained again where a study asks for it later.

    Example:
        mixwright prune --older 30
    """
    folders = {*studies, *(path.parent for path in store.parent.glob("*/study.json"))}
    items = leftovers(store, sorted(folders), older)
    if not items:
        say(f"{store}: nothing to remove that is older than {older:g} days")
        return
    Console(highlight=False).print(_table(items))
    gigabytes = sum(item.size for item in items) / GIGABYTE
    if not yes:
        say(f"{len(items)} of {gigabytes:.1f} GB would go; with --yes they do")
        return
    for item in items:
        if not remove(item):
            say(f"{item.path}: a job holds it; it stays")
            gigabytes -= item.size / GIGABYTE
    say(f"{gigabytes:.1f} GB are free again")


def _table(items: list[Leftover]) -> Table:
    table = Table("what", "MB", "days", "where", box=None)
    for item in items[:SHOWN]:
        megabytes = f"{item.size / 2**20:,.1f}"
        table.add_row(item.kind, megabytes, f"{item.days:.0f}", str(item.path))
    rest = items[SHOWN:]
    if rest:
        megabytes = f"{sum(item.size for item in rest) / 2**20:,.1f}"
        table.add_row(f"{len(rest)} more", megabytes)
    return table
