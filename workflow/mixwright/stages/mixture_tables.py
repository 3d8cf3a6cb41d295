"""Tables of mixtures to train, as commands write them."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from mixwright.measured.wide import write_rows
from mixwright.mixture import Array

log = logging.getLogger(__name__)


def write_mixtures(path: Path, rows: Iterable[Sequence[str]], command: str) -> None:
    """Writes mixtures to train, and says where other ones stood there.

    Args:
        rows: cells, headings first.
        command: the one that speaks.
    """
    if write_rows(path, rows):
        log.info(
            "%s: lines that %s held are gone; losses of their ids are not of these mixtures",
            command,
            path,
        )


def show_shares(names: Sequence[str], weights: Array) -> None:
    """Prints the least, the mean and the greatest share of each domain over (mixtures, domains)."""
    table = Table(box=None, pad_edge=False)
    table.add_column("domain", overflow="fold")
    for heading in ("first", "least", "mean", "most"):
        table.add_column(heading, justify="right")
    for name, shares in zip(names, weights.T, strict=True):
        numbers = (shares[0], shares.min(), shares.mean(), shares.max())
        table.add_row(name, *[f"{number:.3f}" for number in numbers])
    Console(highlight=False).print(table)
