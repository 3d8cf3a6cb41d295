"""How many runs a mixer needs to rank test runs well."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.report.figures.looks import mixer_marks
from mixwright.report.figures.style import (
    RANK_LABEL,
    SOFT,
    labelled,
    panel_title,
    panels,
    rank_axis,
    titled,
)
from mixwright.trust.tests import INFORMATIVE

# Rank correlations under it are drawn at it.
LEAST = 0.3
KEYS = ["mixer", "way", "runs", "test"]


def table(subsets: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """Returns a row a mixer, way to choose runs, number of runs and test set.

    Columns: `spearman` and `deviation`, mean and standard deviation over the draws of the mean
    rank correlation of all targets; `goal`, the mean over the draws of that of the goal's targets.
    """
    share = subsets.target.map(pd.Series(targets)).fillna(0.0)
    weighted = subsets.assign(goal=subsets.spearman * share)
    draws = weighted.groupby([*KEYS, "draw"]).agg(
        spearman=("spearman", "mean"), goal=("goal", "sum")
    )
    by_size = draws.groupby(KEYS)
    result = by_size.spearman.agg(spearman="mean", deviation="std", draws="count")
    result["goal"] = by_size.goal.mean()
    order = {test: number for number, test in enumerate(dict.fromkeys(subsets.test))}

    def place(column: pd.Series) -> pd.Series:
        return column.map(order) if column.name == "test" else column

    return result.reset_index().sort_values(KEYS, key=place)


def figure(table: pd.DataFrame) -> Figure:
    """Draws rank correlation against the number of runs, a panel a test set.

    Full lines are random subsets, dashes chosen ones.
    """
    sets = list(dict.fromkeys(table.test))
    mixers = sorted(set(table.mixer))
    drawing, axes = panels(len(sets), 3, 3.1, 3.2, sharey=True)
    for panel, test in zip(axes, sets, strict=True):
        _panel(panel, table[table.test == test], mixers)
        panel_title(panel, test)
        rank_axis(panel, "y", 1 - table.spearman.clip(lower=LEAST))
    labelled(drawing, axes[0])
    axes[0].set_ylabel(RANK_LABEL.replace(" (", "\n("))
    drawing.supxlabel("runs fitted", color=SOFT, fontsize=9.5)
    reading = (
        "Mean of all targets. Full lines: random subsets, mean and standard deviation."
        " Dashes: informative subsets."
    )
    titled(drawing, "How many runs does a mixer need?", reading)
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, mixers: Sequence[str]) -> None:
    all_runs = rows[rows.runs == rows.runs.max()]
    for (mixer, way), line in rows.groupby(["mixer", "way"], sort=False):
        colour, mark = mixer_marks(mixers)[str(mixer)]
        if way == INFORMATIVE:
            # All runs are the same runs in any order.
            end = all_runs[(all_runs.mixer == mixer) & (all_runs.way != way)]
            line = pd.concat([line, end]).drop_duplicates("runs")
            _line(axes, line, f"{mark}--", colour, f"{mixer}, informative")
        else:
            _line(axes, line, f"{mark}-", colour, str(mixer))
    axes.set_xscale("log", base=2)
    sizes = sorted(set(rows.runs))
    powers = [size for size in sizes if size & (size - 1) == 0]
    ticks = powers or sizes
    axes.set_xticks(ticks, labels=[str(size) for size in ticks])
    axes.set_xticks([], minor=True)


def _line(axes: Axes, rows: pd.DataFrame, style: str, colour: str, label: str) -> None:
    """A line through 1 - rank correlation, with a band of one standard deviation."""
    rows = rows.assign(deficit=1 - rows.spearman.clip(lower=LEAST)).sort_values("runs")
    axes.plot(
        rows.runs,
        rows.deficit,
        style,
        color=colour,
        linewidth=1.6,
        markersize=3.5,
        label=label,
    )
    spread = rows.deviation.fillna(0.0)
    low = (rows.deficit - spread).clip(lower=1e-4)
    high = rows.deficit + spread
    axes.fill_between(
        rows.runs,
        low,
        high,
        color=colour,
        alpha=0.15,
        linewidth=0,
    )
