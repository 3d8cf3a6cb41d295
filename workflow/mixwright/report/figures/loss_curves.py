"""How the finals learned: the loss in training of every mixture, mean of its seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from mixwright.errors import quantity
from mixwright.learners import LOSS
from mixwright.report.figures.looks import mixer_strokes
from mixwright.report.figures.style import LEGEND_LINE, SOFT, bare, titled
from mixwright.trust.intervals import REFERENCE

# points of a line; noise of single steps hides the rest
POINTS = 40
# share of the highest losses that the axis leaves out: those of the first steps
ABOVE = 0.05


def table(curves: pd.DataFrame) -> pd.DataFrame:
    """Returns the curve of each arm in few rows, natural's first.

    Columns: `tokens` trained on so far; `loss`, the mean over the arm's `seeds` of the batches
    since the row before, in `unit`.
    """
    names = _names(curves)
    lines = []
    for arm in sorted(set(names), key=lambda name: (name != REFERENCE, name)):
        seeds = curves[names == arm].sort_values(["seed", "step"]).groupby("seed")
        parts = pd.concat([_thinned(rows) for _, rows in seeds])
        # the stretches of all seeds are the same steps
        line = parts.groupby(level=0).agg({"tokens": "mean", "loss": "mean"})
        lines.append(line.assign(arm=arm, seeds=len(seeds)))
    empty = pd.DataFrame({"tokens": [], "loss": [], "arm": [], "seeds": []})
    frame = pd.concat(lines) if lines else empty
    return frame[["arm", "seeds", "tokens", "loss"]].assign(unit=LOSS.unit)


def figure(table: pd.DataFrame) -> Figure:
    """Draws the loss against the tokens trained on: a line a mixture."""
    arms = list(dict.fromkeys(table.arm))
    drawing = Figure(figsize=(8.2, max(3.6, 1.1 * LEGEND_LINE * len(arms))))
    axes = drawing.add_axes((0.1, 0, 0.62, 1))
    ways = mixer_strokes(arms)
    for names in _alike(table, arms):
        colour, dashes = ways[names[0]]
        line = table[table.arm == names[0]]
        axes.plot(
            line.tokens,
            line.loss,
            color=colour,
            linestyle=dashes,
            linewidth=1.4,
            label=" = ".join(names),
        )
    _frame(axes, table)
    mean = "mean of its seeds, " if table.seeds.max() > 1 else ""
    reading = (
        f"Loss on the text that each mixture itself is read from, {mean}smoothed."
        " A lower line can be easier text."
    )
    titled(drawing, "Had the final models learned out when they stopped?", reading)
    return drawing


def _alike(table: pd.DataFrame, arms: Sequence[str]) -> list[list[str]]:
    """The arms in lists; those of one mixture have one curve, and stand in one list."""
    lists: dict[tuple[float, ...], list[str]] = {}
    for arm in arms:
        losses = table[table.arm == arm].loss
        lists.setdefault(tuple(losses.tolist()), []).append(arm)
    return list(lists.values())


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
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: quantity(value)))
    axes.set(xlabel="training tokens", ylabel=f"training loss, {table.unit.iloc[0]}")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    bare(axes, ticks="x")
