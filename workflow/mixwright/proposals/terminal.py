"""A proposal as the terminal shows it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from mixwright.goal import Proposal

if TYPE_CHECKING:
    from rich.table import Table

# Fewer passes than these are not told in numbers.
LEAST = 0.001


def weights_table(proposal: Proposal, passes: Mapping[str, float | None]) -> "Table":
    """Lays the weights out for the terminal, the largest first, with their intervals and passes.

    Args:
        proposal: what is shown.
        passes: domain -> those of the final run; empty where they are unknown.
    """
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
    if passes:
        table.add_column("passes", justify="right")
    most = proposal.run_passes
    if passes and most:
        table.add_column("most of a run", justify="right")
    weights = proposal.mixture.as_dict()
    for name in sorted(weights, key=lambda name: -weights[name]):
        row = [name, f"{weights[name]:.3f}"]
        if name in intervals:
            low, high = intervals[name]
            row.append(f"{low:.3f} to {high:.3f}")
        elif intervals:
            row.append("")
        if passes:
            row.append(in_words(passes[name]))
        if passes and most:
            row.append(in_words(most.get(name)))
        table.add_row(*row)
    return table


def in_words(passes: float | None) -> str:
    """Returns passes over a domain in three digits, `?` where they are unknown."""
    if passes is None:
        return "?"
    if 0 < passes < LEAST:
        return f"< {LEAST:g}"
    return f"{passes:.3g}"
