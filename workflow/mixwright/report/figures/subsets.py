"""How many runs a mixer needs to rank test runs well."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.report.figures.style import INK, SERIES, SOFT, panels, rank_axis, titled
from mixwright.trust.tests import INFORMATIVE

COLOURS = (*SERIES[:4], SOFT)
LEAST = 0.3  # rank correlations under it are drawn at it


def table(subsets: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """A row a mixer, way to choose, number of runs and test set: mean over the targets, its mean and standard deviation over the draws,
    and the same mean of the goal's targets."""
    keys = ["mixer", "way", "runs", "test"]
    share = subsets.target.map(pd.Series(targets)).fillna(0.0)
    both = (
        subsets.assign(goal=subsets.spearman * share)
        .groupby([*keys, "draw"])
        .agg(spearman=("spearman", "mean"), goal=("goal", "sum"))
    )
    by_draw = both.groupby(keys)
    found = (
        by_draw.spearman.agg(spearman="mean", deviation="std", draws="count")
        .assign(goal=by_draw.goal.mean())
        .reset_index()
    )
    order = {test: number for number, test in enumerate(dict.fromkeys(subsets.test))}
    return found.sort_values(
        ["mixer", "way", "runs", "test"],
        key=lambda column: column.map(order) if column.name == "test" else column,
    )


def figure(table: pd.DataFrame) -> Figure:
    """A panel a test set: rank correlation against the number of runs; full lines random subsets, dashes chosen ones."""
    sets, mixers = list(dict.fromkeys(table.test)), sorted(set(table.mixer))
    drawn, axes = panels(len(sets), 3, 3.1, 3.2, sharey=True)
    for panel, test in zip(axes, sets, strict=True):
        _panel(panel, table[table.test == test], mixers)
        panel.set_title(test, loc="left", fontsize=10, fontweight="bold", color=INK)
        rank_axis(panel, "y", 1 - table.spearman.clip(lower=LEAST))
    axes[0].legend(fontsize=8.5, frameon=False)
    axes[0].set_ylabel("rank correlation x 100")
    drawn.supxlabel("runs fitted", color=SOFT, fontsize=9.5)
    reading = "Mean of all targets. Full lines: random subsets, mean and standard deviation of the orders. Dashes: informative ones."
    titled(drawn, "How many runs does a mixer need?", reading)
    return drawn


def _panel(axes: Axes, rows: pd.DataFrame, mixers: list[str]) -> None:
    everything = rows[rows.runs == rows.runs.max()]
    for (mixer, way), line in rows.groupby(["mixer", "way"], sort=False):
        colour, chosen = COLOURS[mixers.index(mixer) % len(COLOURS)], way == INFORMATIVE
        if chosen:  # all runs are the same runs in any order
            line = pd.concat(
                [line, everything[(everything.mixer == mixer) & (everything.way != way)]]
            ).drop_duplicates("runs")
        line = line.assign(deficit=1 - line.spearman.clip(lower=LEAST)).sort_values("runs")
        label = f"{mixer}, informative" if chosen else str(mixer)
        axes.plot(
            line.runs,
            line.deficit,
            "o--" if chosen else "o-",
            color=colour,
            linewidth=1.6,
            markersize=3.5,
            label=label,
        )
        spread = line.deviation.fillna(0.0)
        axes.fill_between(
            line.runs,
            (line.deficit - spread).clip(lower=1e-4),
            line.deficit + spread,
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    axes.set_xscale("log", base=2)
    ticks = [size for size in sorted(set(rows.runs)) if size & (size - 1) == 0] or sorted(
        set(rows.runs)
    )
    axes.set_xticks(ticks, labels=[str(size) for size in ticks])
    axes.set_xticks([], minor=True)
