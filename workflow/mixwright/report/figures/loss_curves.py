"""How the finals learned: the loss in training of every mixture and seed."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mixwright.learners import LOSS
from mixwright.report.figures.style import INK, LEGEND_LINE, SOFT, bare, counted, strokes, titled
from mixwright.trust.intervals import REFERENCE

# points of a line; noise of single steps hides the rest
POINTS = 100
# share of the highest losses that the axis leaves out: those of the first steps
ABOVE = 0.05


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """Returns the curve of each arm and seed in few rows, natural's first.

    Columns: `tokens` trained on so far; `loss`, the mean of the batches since the row before, in
    `unit`.
    """
    names = _names(curves)
    lines = []
    for arm in sorted(set(names), key=lambda name: (name != REFERENCE, name)):
        seeds = curves[names == arm].sort_values(["seed", "step"]).groupby("seed")
        for seed, rows in seeds:
            lines.append(_thinned(rows).assign(arm=arm, seed=seed))
    empty = pd.DataFrame({"tokens": [], "loss": [], "arm": [], "seed": []})
    frame = pd.concat(lines) if lines else empty
    return frame[["arm", "seed", "tokens", "loss"]].assign(unit=LOSS.unit)


def figure(table: pd.DataFrame) -> Figure:
    """Draws the loss against the tokens trained on: a colour a mixture, a thin line a seed."""
    arms = list(dict.fromkeys(table.arm))
    drawing = Figure(figsize=(8.2, max(3.6, 1.1 * LEGEND_LINE * len(arms))))
    axes = drawing.add_axes((0.1, 0, 0.62, 1))
    ways = strokes([arm for arm in arms if arm != REFERENCE])
    ways[REFERENCE] = (INK, "-")
    for arm in arms:
        colour, dashes = ways[arm]
        seeds = table[table.arm == arm].groupby("seed")
        for number, (_, line) in enumerate(seeds):
            axes.plot(
                line.tokens,
                line.loss,
                color=colour,
                linestyle=dashes,
                linewidth=0.9,
                alpha=0.8,
                label=arm if number == 0 else None,
            )
    _frame(axes, table)
    reading = "Mean loss of the batches that each read, of its own text. A line is a seed."
    titled(drawing, "Had the final models learned out when they stopped?", reading)
    return drawing


def _names(curves: pd.DataFrame) -> pd.Series:
    """The arm of each row: a mixer, with its goal where goals are several."""
    goals = "@" + curves.goal.fillna("").astype(str)
    return curves.mixer.astype(str) + goals.where(goals != "@", "")


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """A line of few points, each the mean of its stretch of the curve."""
    size = -(-len(rows) // POINTS)
    stretch = np.arange(len(rows)) // size
    return rows.groupby(stretch).agg({"tokens": "last", "loss": "mean"})


def _frame(axes: Axes, table: pd.DataFrame) -> None:
    if table.empty:
        words = "no curve was kept of these models: an older version trained them"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", color=SOFT)
        bare(axes)
        axes.set(xticks=[], yticks=[])
        return
    losses = table.loss.to_numpy()
    low = float(losses.min())
    high = float(np.quantile(losses, 1 - ABOVE))
    room = 0.05 * (high - low) or 0.01
    axes.set(ylim=(low - room, high + room))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: counted(value)))
    axes.set(xlabel="training tokens", ylabel=f"training loss, {table.unit.iloc[0]}")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    bare(axes, ticks="x")
