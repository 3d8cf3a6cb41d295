"""How the finals learned: the loss in training of every mixture and seed."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.learners import LOSS
from mixwright.report.figures.style import INK, SERIES, SOFT, bare, titled
from mixwright.trust.intervals import REFERENCE

# points of a line; noise of single steps hides the rest
POINTS = 100
# share of the highest losses that the axis leaves out: those of the first steps
ABOVE = 0.05


def figure(curves: pd.DataFrame, reference: str = REFERENCE) -> Figure:
    """Draws the loss against the tokens trained on: a colour a mixture, a thin line a seed."""
    drawing = Figure(figsize=(8.2, 3.6))
    axes = drawing.add_axes((0.1, 0, 0.62, 1))
    arms = _arms(curves, reference)
    colours = {reference: INK}
    for number, arm in enumerate(arm for arm in arms if arm != reference):
        colours[arm] = SERIES[number % len(SERIES)]
    lines: list[pd.DataFrame] = []
    for arm in arms:
        seeds = curves[_names(curves) == arm].sort_values(["seed", "step"]).groupby("seed")
        for number, (_, rows) in enumerate(seeds):
            line = _thinned(rows)
            lines.append(line)
            label = arm if number == 0 else None
            axes.plot(
                line.tokens,
                line.loss,
                color=colours[arm],
                linewidth=0.9,
                alpha=0.8,
                label=label,
            )
    _frame(axes, lines)
    reading = "Mean loss of the batches that each read. A colour is a mixture, a line a seed."
    titled(drawing, "Had the final models learned out when they stopped?", reading)
    return drawing


def _names(curves: pd.DataFrame) -> pd.Series:
    """The arm of each row: a mixer, with its goal where goals are several."""
    goals = "@" + curves.goal.fillna("").astype(str)
    return curves.mixer.astype(str) + goals.where(goals != "@", "")


def _arms(curves: pd.DataFrame, reference: str) -> Sequence[str]:
    """The reference first, then the others by name."""
    names = sorted(set(_names(curves)))
    return sorted(names, key=lambda name: name != reference)


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """A line of few points, each the mean of its stretch of the curve."""
    size = -(-len(rows) // POINTS)
    stretch = np.arange(len(rows)) // size
    return rows.groupby(stretch).agg({"tokens": "last", "loss": "mean"})


def _frame(axes: Axes, lines: Sequence[pd.DataFrame]) -> None:
    if not lines:
        words = "no curve was kept of these models: an older version trained them"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", color=SOFT)
        bare(axes)
        axes.set(xticks=[], yticks=[])
        return
    losses = np.concatenate([line.loss.to_numpy() for line in lines])
    low = float(losses.min())
    high = float(np.quantile(losses, 1 - ABOVE))
    room = 0.05 * (high - low) or 0.01
    axes.set(ylim=(low - room, high + room))
    axes.set(xlabel="training tokens", ylabel=f"loss, {LOSS.unit}")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False)
    bare(axes, ticks="x")
