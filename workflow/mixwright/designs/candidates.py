"""A table of candidate mixtures: CSV with an id column and one column of weights a domain."""

from dataclasses import dataclass
from pathlib import Path

from mixwright.designs.informative import choose
from mixwright.errors import MixwrightError
from mixwright.measured.cells import read_cells
from mixwright.measured.decisions import NOTHING, ColumnOptions
from mixwright.measured.domains import choose_domains
from mixwright.measured.keys import key_of
from mixwright.measured.reader import read_shares
from mixwright.mixture import Array


@dataclass(frozen=True, eq=False)
class Chosen:
    """The most informative lines of a table, best first."""

    # cells as they stand in the file, headings first
    rows: list[list[str]]
    # headings of the domains
    names: tuple[str, ...]
    # heading of the ids
    key: str
    # whether a column names the lines; they are numbered otherwise
    has_ids: bool
    # (lines, domains)
    weights: Array
    # how many lines the table has
    candidates: int


def choose_lines(path: Path, runs: int, options: ColumnOptions = NOTHING) -> Chosen:
    """Returns the `runs` most informative lines of a table, best first.

    Args:
        options: what a person says of the columns.

    Raises:
        MixwrightError: the table is faulty, or has fewer lines.
    """
    cells = read_cells(path)
    table = read_shares(cells, options)
    count = len(table.ids)
    if not 0 < runs <= count:
        raise MixwrightError(
            f"{path}: {runs} runs asked for of {count} candidates;"
            f" ask for 1 to {count}, or add candidates"
        )
    # sorted, so that the order of the columns never matters
    by_name = sorted(range(len(table.columns)), key=table.columns.__getitem__)
    chosen = choose(table.values[:, by_name], runs)
    rows = [cells.heading]
    for row in chosen:
        rows.append(cells.rows[row])
    domains = choose_domains(cells, options.domains, key=options.key)
    ids = key_of(cells, domains.columns, options.key)
    has_ids = ids.position < len(cells.heading)
    return Chosen(rows, table.columns, ids.heading, has_ids, table.values[chosen], count)
