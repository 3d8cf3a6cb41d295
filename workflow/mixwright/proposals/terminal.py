"""A proposal as the terminal shows it."""

from typing import TYPE_CHECKING

from mixwright.goal import Proposal

if TYPE_CHECKING:
    from rich.table import Table


def weights_table(proposal: Proposal) -> "Table":
    """Lays the weights out for the terminal, the largest first, with their intervals."""
    from rich.table import Table

    table = Table(
        title=f"Proposal by {proposal.mixer}",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    intervals = proposal.intervals.get("weights", {})
    table.add_column("domain")
    table.add_column("weight", justify="right")
    if intervals:
        table.add_column("interval", justify="right")
    weights = proposal.mixture.as_dict()
    for name in sorted(weights, key=lambda name: -weights[name]):
        row = [name, f"{weights[name]:.3f}"]
        if name in intervals:
            low, high = intervals[name]
            row.append(f"{low:.3f} to {high:.3f}")
        table.add_row(*row)
    return table
