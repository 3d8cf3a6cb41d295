"""The account of a trainer's file, as the terminal and a table show it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mixwright.proposals.export.account import Account, Line, in_words
from mixwright.proposals.export.checks.observed import Comparison
from mixwright.proposals.export.notes import Dropped

if TYPE_CHECKING:
    from rich.table import Table

COLUMNS = ("stage", "source", "requested", "in_file", "read", "passes")
OBSERVED_COLUMNS = ("source", "requested", "read", "observed", "difference", "unit")


def account_table(account: Account) -> "Table":
    """Lays a stage out for the terminal: a line a source."""
    table = _table(account.stage, ["requested", "in the file", "will be read", "passes"])
    for line in account.lines:
        _add_row(table, line.path, _cells(line))
    return table


def observed_table(comparison: Comparison) -> "Table":
    """Lays what was consumed out for the terminal: a line a source."""
    heads = ["requested", "will be read", "observed", f"difference, {comparison.unit}"]
    table = _table("", heads)
    for line in comparison.lines:
        difference = "unknown"
        if line.difference is not None:
            difference = f"{line.difference:+,.1f}"
        requested = ""
        if line.requested is not None:
            requested = _share(line.requested)
        shares = [_share(line.expected), _share(line.observed)]
        _add_row(table, line.path, [requested, *shares, difference])
    return table


def _table(title: str, heads: Sequence[str]) -> "Table":
    """An empty table with a column of sources, and one a heading."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, title_justify="left")
    if title:
        table.title = escape(title)
    table.add_column("source", overflow="fold")
    for heading in heads:
        table.add_column(heading, justify="right")
    return table


def _add_row(table: "Table", source: str, cells: Sequence[str]) -> None:
    from rich.markup import escape

    table.add_row(escape(source), *cells)


def _cells(line: Line) -> list[str]:
    passes = ""
    if line.passes is not None:
        passes = f"{line.passes:,.3g}"
        if line.passes >= 1000:
            passes = in_words(line.passes)
    requested = ""
    if line.requested is not None:
        requested = _share(line.requested)
    return [requested, f"{line.number:.6g}", _share(line.share), passes]


def _share(share: float | None) -> str:
    if share is None:
        return "unknown"
    return f"{share:.4%}"


def account_rows(accounts: Sequence[Account], dropped: Sequence[Dropped] = ()) -> list[list[str]]:
    """Returns the rows of a CSV: COLUMNS, then a row a source; what is unknown is empty.

    A source that is left out has no number in the file, and 0 is read of it.
    """
    rows = [list(COLUMNS)]
    for account in accounts:
        for line in account.lines:
            numbers = [line.requested, line.number, line.share, line.passes]
            rows.append([account.stage, line.path, *map(_cell, numbers)])
    for drop in dropped:
        numbers = [drop.share, None, 0.0, 0.0]
        rows.append([drop.stage, drop.source.path, *map(_cell, numbers)])
    return rows


def observed_rows(comparison: Comparison) -> list[list[str]]:
    """Returns the rows of a CSV: OBSERVED_COLUMNS, then a row a source; the unknown is empty."""
    rows = [list(OBSERVED_COLUMNS)]
    for line in comparison.lines:
        numbers = [line.requested, line.expected, line.observed, line.difference]
        rows.append([line.path, *map(_cell, numbers), comparison.unit])
    return rows


def _cell(value: float | None) -> str:
    if value is None:
        return ""
    return repr(value)
