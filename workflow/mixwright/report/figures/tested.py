"""Predicted against measured loss of the test runs, set by set."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixwright.report.figures.style import BLUE, GREEN, INK, SOFT, panels, titled
from mixwright.trust.tests import mean_loss
from mixwright.trust.validation import score

ALL, GOAL = "all targets", "goal"


def table(tests: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """A row a mixer, test set and run: measured and predicted loss, the mean of all targets and the goal's."""
    return pd.concat(
        [mean_loss(tests).assign(of=ALL), mean_loss(tests, targets).assign(of=GOAL)],
        ignore_index=True,
    )


def figure(table: pd.DataFrame) -> Figure:
    """A row a mixer, a column a test set; the line of equality is drawn where it comes near the runs."""
    mixers, sets = list(dict.fromkeys(table.mixer)), list(dict.fromkeys(table.test))
    drawn, axes = panels(len(mixers) * len(sets), len(sets), 2.7, 2.3)
    for number, panel in enumerate(axes):
        mixer, test = mixers[number // len(sets)], sets[number % len(sets)]
        rows = table[(table.mixer == mixer) & (table.test == test)]
        _panel(panel, rows)
        panel.set_title(f"{mixer}, {test}", loc="left", fontsize=10, fontweight="bold", color=INK)
    drawn.supxlabel("measured loss, nats/token", color=SOFT, fontsize=9.5)
    drawn.supylabel("predicted loss", color=SOFT, fontsize=9.5)
    reading = "A dot is a test run: its mean loss over all targets (blue) or the goal's (green); ρ ranks these means. Grey: equality."
    titled(drawn, "What is predicted for runs of other mixtures and sizes?", reading)
    return drawn


def _panel(axes: Axes, rows: pd.DataFrame) -> None:
    for of, colour, height in ((ALL, BLUE, 0.97), (GOAL, GREEN, 0.86)):
        part = rows[rows.of == of]
        axes.scatter(
            part.actual, part.predicted, s=9, color=colour, alpha=0.6, linewidths=0, zorder=2
        )
        rank = score(part.actual.to_numpy(), part.predicted.to_numpy())["spearman"]
        axes.text(
            0.03,
            height,
            f"ρ = {rank:.3f}",
            transform=axes.transAxes,
            va="top",
            fontsize=9,
            color=colour,
        )
    limits = axes.get_xlim(), axes.get_ylim()
    ends = np.array([min(limits[0][0], limits[1][0]), max(limits[0][1], limits[1][1])])
    axes.plot(ends, ends, color=SOFT, linewidth=0.9, zorder=1)
    axes.set(xlim=limits[0], ylim=limits[1])
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(4))
