"""A table of candidate mixtures: CSV with an id column and one column of weights a domain."""

from pathlib import Path

from mixwright.designs.informative import choose
from mixwright.errors import MixwrightError
from mixwright.measured.cells import read_cells
from mixwright.measured.decisions import NOTHING, ColumnOptions
from mixwright.measured.reader import read_shares


def chosen_rows(path: Path, runs: int, options: ColumnOptions = NOTHING) -> list[list[str]]:
    """Returns the cells of the `runs` most informative lines of a table, best first.

    The headings come before them. Cells are text, as they stand in the file.

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
    return rows
