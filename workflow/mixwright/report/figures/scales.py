"""How the weight of each domain moves with scale, from two published optima."""

import pandas as pd
from matplotlib.figure import Figure

from mixwright.report.figures.ladder import lines


def table(ladder: pd.DataFrame) -> pd.DataFrame:
    """A row a step of the ladder, fractional ones too, and domain: its weight, and the total."""
    total = ladder.groupby("step").tokens.transform("sum")
    found = ladder.assign(weight=ladder.tokens / total, total=total)
    return (
        found[["step", "total", "domain", "weight"]]
        .sort_values(["step", "domain"])
        .reset_index(drop=True)
    )


def figure(table: pd.DataFrame) -> Figure:
    """A line a domain, weight against total tokens."""
    shown = table.assign(percent=100 * table.weight)
    return lines(shown, "percent", "weight, percent", "How does the best mixture move with scale?")
