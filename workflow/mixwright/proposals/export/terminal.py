"""The account of a trainer's file, as the terminal and a table show it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixwright.proposals.export.account import Account, Line

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("stage", "source", "requested", "in_file", "read", "passes")


def account_table(account: Account) -> "Table":
    """Lays a stage out for the terminal: a line a source."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title_justify="left")
    if account.stage:
        table.title = escape(account.stage)
    table.add_column("source", overflow="fold")
    for heading in ("requested", "in the file", "will be read", "passes"):
        table.add_column(heading, justify="right")
    for line in account.lines:
        table.add_row(escape(line.path), *_cells(line))
    return table


def _cells(line: Line) -> list[str]:
    return [
        _share(line.requested),
        f"{line.number:.6g}",
        _share(line.share),
        "" if line.passes is None else f"{line.passes:,.3g}",
    ]


def _share(share: float | None) -> str:
    return "unknown" if share is None else f"{share:.4%}"


def account_rows(accounts: Sequence[Account]) -> list[list[str]]:
    """Returns the rows of a CSV: COLUMNS, then a row a source; what is unknown is empty."""
    rows = [list(COLUMNS)]
    for account in accounts:
        for line in account.lines:
            cells = [account.stage, line.path]
            for value in (line.requested, line.number, line.share, line.passes):
                cells.append("" if value is None else repr(value))
            rows.append(cells)
    return rows
