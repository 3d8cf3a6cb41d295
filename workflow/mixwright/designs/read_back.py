"""Whether a table of new mixtures is read as it was meant, before anybody trains its runs."""

from collections.abc import Sequence

from mixwright.errors import MixwrightError, as_typed
from mixwright.measured.cells import Cells
from mixwright.measured.domains import choose_domains
from mixwright.measured.keys import key_of


def words_to_read(
    table: Sequence[Sequence[str]], names: Sequence[str], key: str | None = None
) -> str:
    """Returns the options with which a table is read as it was meant; empty where none is needed.

    Args:
        table: cells as text, headings first.
        names: the domains.
        key: heading of the ids; None: that of the first column.

    Raises:
        MixwrightError: no options help: a heading is no name for a domain.
    """
    heading, *rows = [list(row) for row in table]
    cells = Cells("mixtures", heading, rows, list(range(2, len(rows) + 2)))
    ids = heading[0] if key is None else key
    if _is_read(cells, names, ids):
        return ""
    words = ["--domains", *names]
    if not _is_read(cells, names, ids, names):
        words += ["--key", ids]
        if not _is_read(cells, names, ids, names, ids):
            raise MixwrightError(
                f"--domains {' '.join(names)}: a table with these headings cannot be read back;"
                " give the domains other names"
            )
    return as_typed(*words)


def _is_read(
    cells: Cells,
    names: Sequence[str],
    ids: str,
    named: Sequence[str] = (),
    key: str | None = None,
) -> bool:
    """Whether the reader takes the column `ids` as the ids and these others as domains."""
    try:
        domains = choose_domains(cells, named, key=key)
        column = key_of(cells, domains.columns, key)
    except MixwrightError:
        return False
    headings = [domain.heading for domain in domains.columns]
    return headings == list(names) and column.heading == ids
