"""A table of candidate mixtures: CSV with an id column and one column of weights a domain."""

from pathlib import Path

from mixwright.designs.informative import choose
from mixwright.errors import MixwrightError
from mixwright.measured.wide import read_cells, read_weights


def chosen_rows(path: Path, runs: int) -> list[list[str]]:
    """Returns the cells of the `runs` most informative lines of a table, best first.

    The headings come before them. Cells are text, as they stand in the file.

    Raises:
        MixwrightError: the table is faulty, or has fewer lines.
    """
    table = read_weights(path)
    count = len(table.ids)
    if not 0 < runs <= count:
        raise MixwrightError(
            f"{path}: {runs} runs asked for of {count} candidates;"
            f" ask for 1 to {count}, or add candidates"
        )
    cells = read_cells(path)
    # sorted, so that the order of the columns never matters
    by_name = sorted(range(len(table.columns)), key=table.columns.__getitem__)
    chosen = choose(table.values[:, by_name], runs)
    rows = [cells.heading]
    for row in chosen:
        rows.append(cells.rows[row])
    return rows
