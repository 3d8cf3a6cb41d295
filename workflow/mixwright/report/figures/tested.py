"""Predicted against measured loss of the test runs, set by set, or of those held out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixwright.learners import LOSS
from mixwright.report.figures.ranks import HELD_OUT
from mixwright.report.figures.style import BLUE, GREEN, SOFT, many, panel_title, panels, titled
from mixwright.trust.intervals import rank_interval
from mixwright.trust.shown import NO_METRICS, Metrics, readout_of
from mixwright.trust.tests import mean_loss

ALL, GOAL = "all targets", "goal"
# Colour and mark of each mean, and the height of its rank correlation in fractions of the axes.
WAYS = {ALL: (BLUE, "o", 0.97), GOAL: (GREEN, "^", 0.86)}


def table(
    validation: pd.DataFrame,
    targets: Mapping[str, float],
    tests: pd.DataFrame | None = None,
    metrics: Metrics = NO_METRICS,
) -> pd.DataFrame:
    """Returns a row a mixer, test set and run: what was measured and what is predicted.

    Each stands there twice: as the mean of all targets and of the goal's, named in the column `of`.
    Both are as such a goal is shown, in the column `unit`. Without test sets the runs are those
    held out of the swarm.

    Args:
        metrics: target -> what its numbers are.
    """
    if tests is None:
        tests = validation.assign(test=HELD_OUT)
    sets = list(dict.fromkeys(tests.test))
    placed = tests.assign(place=tests.test.map(sets.index))
    ordered = placed.sort_values(["place", "mixer", "target", "run"])
    all_targets = dict.fromkeys(ordered.target.unique(), 1.0)
    of_all = mean_loss(ordered, all_targets, metrics)
    of_all = of_all.assign(of=ALL, unit=readout_of(all_targets, metrics).metric.unit)
    of_goal = mean_loss(ordered, targets, metrics)
    of_goal = of_goal.assign(of=GOAL, unit=readout_of(targets, metrics).metric.unit)
    return pd.concat([of_all, of_goal], ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a row a mixer and a column a test set.

    The line of equality is drawn where it comes near the runs.
    """
    mixers = list(dict.fromkeys(table.mixer))
    sets = list(dict.fromkeys(table.test))
    drawing, axes = panels(len(mixers) * len(sets), len(sets), 2.8, 2.3)
    for number, panel in enumerate(axes):
        row, column = divmod(number, len(sets))
        mixer, test = mixers[row], sets[column]
        rows = table[(table.mixer == mixer) & (table.test == test)]
        _panel(panel, rows, picture=many(len(table)))
        panel_title(panel, f"{mixer}, {test}", room=2.3)
    units = list(dict.fromkeys(table.unit))
    noun = "loss"
    if units != [LOSS.unit]:
        noun = "value"
    drawing.supxlabel(f"measured {noun}, {' or '.join(units)}", color=SOFT, fontsize=9.5)
    drawing.supylabel(f"predicted {noun}, {' or '.join(units)}", color=SOFT, fontsize=9.5)
    reading = (
        "A mark is a run: its mean over all targets (blue dots) or the goal's (green triangles)."
        " ρ: Spearman, 95% interval."
    )
    titled(drawing, "What is predicted for runs of other mixtures and sizes?", reading)
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, picture: bool) -> None:
    _dots(axes, rows[rows.of == ALL], ALL, picture)
    _dots(axes, rows[rows.of == GOAL], GOAL, picture)
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    ends = np.array([min(left, bottom), max(right, top)])
    axes.plot(
        ends,
        ends,
        color=SOFT,
        linewidth=0.9,
        zorder=1,
    )
    axes.set(xlim=(left, right), ylim=(bottom, top))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _dots(axes: Axes, rows: pd.DataFrame, mean: str, picture: bool) -> None:
    """Dots of one mean, and their rank correlation."""
    colour, mark, height = WAYS[mean]
    axes.scatter(
        rows.actual,
        rows.predicted,
        s=11,
        marker=mark,
        color=colour,
        alpha=0.6,
        linewidths=0,
        rasterized=picture,
        zorder=2,
    )
    rank = rank_interval(rows.actual.to_numpy(), rows.predicted.to_numpy())
    axes.text(
        0.03,
        height,
        f"ρ {rank.value:.3f} [{rank.low:.3f}, {rank.high:.3f}]",
        transform=axes.transAxes,
        va="top",
        fontsize=9,
        color=colour,
    )
