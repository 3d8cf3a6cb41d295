"""Whether a table of new mixtures is read as it was meant, before anybody trains its runs."""

from collections.abc import Sequence

from mixwright.errors import MixwrightError, as_typed
from mixwright.measured.cells import Cells
from mixwright.measured.domains import choose_domains
from mixwright.measured.keys import key_of


def words_to_read(table: Sequence[Sequence[str]], names: Sequence[str]) -> str:
    """Returns the options with which a table is read as it was meant; empty where none is needed.

    Args:
        table: cells as text, headings first; the ids are in the first column.
        names: the domains, which are the other columns.

    Raises:
        MixwrightError: no options help: a heading is no name for a domain.
    """
    heading, *rows = [list(row) for row in table]
    cells = Cells("mixtures", heading, rows, list(range(2, len(rows) + 2)))
    if _is_read(cells, names):
        return ""
    words = ["--domains", *names]
    if not _is_read(cells, names, names):
        words += ["--key", heading[0]]
        if not _is_read(cells, names, names, heading[0]):
            raise MixwrightError(
                f"--domains {' '.join(names)}: a table with these headings cannot be read back;"
                " give the domains other names"
            )
    return as_typed(*words)


def _is_read(
    cells: Cells, names: Sequence[str], named: Sequence[str] = (), key: str | None = None
) -> bool:
    """Whether the reader takes the first column as the ids and all others as domains."""
    try:
        domains = choose_domains(cells, named, key=key)
        ids = key_of(cells, domains.columns, key)
    except MixwrightError:
        return False
    headings = [column.heading for column in domains.columns]
    return headings == list(names) and ids.heading == cells.heading[0]
