"""A table of candidate mixtures: wide CSV, an id column first and one column of weights a domain."""

from pathlib import Path

from mixwright.designs.informative import choose
from mixwright.errors import MixwrightError
from mixwright.measured.wide import read_cells, read_weights


def chosen_rows(path: Path, runs: int) -> list[list[str]]:
    """The table's headings, and the `runs` most informative of its lines, best first and as they stand there."""
    table = read_weights(path)
    if not 0 < runs <= len(table.ids):
        many = f"{runs} runs asked for of {len(table.ids)} candidates"
        raise MixwrightError(f"{path}: {many}; ask for 1 to {len(table.ids)}, or add candidates")
    cells = read_cells(path)
    domains = sorted(
        range(len(table.columns)), key=table.columns.__getitem__
    )  # the order of columns never matters
    return [cells.heading, *(cells.rows[row] for row in choose(table.values[:, domains], runs))]
