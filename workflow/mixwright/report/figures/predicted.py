"""How well each mixer predicts the loss of runs that it was not fitted to."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixwright.errors import MixwrightError
from mixwright.learners import TEXT, Learner
from mixwright.report.figures.style import BLUE, SOFT, panel_title, panels, titled
from mixwright.report.judging import metrics_of
from mixwright.trust.noise import held_out, rank_correlations
from mixwright.trust.shown import mean_of_targets


def figure(
    validation: pd.DataFrame, targets: Mapping[str, float], learner: Learner = TEXT
) -> Figure:
    """Draws predicted against measured loss of held-out runs, with the line of equality.

    Each mixer has a panel, the best rank correlation first.
    """
    columns, keys = ("actual", "predicted"), ("mixer", "run")
    runs = held_out(validation, targets)
    if learner.chosen and len(runs):
        metrics = metrics_of(learner)
        runs = mean_of_targets(validation, columns, keys, targets, metrics)
    if runs.empty:
        raise MixwrightError(
            "validation: no mixer predicted every target on held-out runs;"
            " validate a mixer that predicts"
        )
    ranks = rank_correlations(runs)
    drawing, axes = panels(len(ranks), 4, 2.5, 2.65)
    for panel, (mixer, rank) in zip(axes, ranks.items(), strict=True):
        panel_title(panel, str(mixer), pad=8)
        _panel(panel, runs[runs.mixer == mixer], float(rank))
    title, unit = learner.loss.title, learner.loss.unit
    if not learner.chosen:
        title = "loss"
    drawing.supxlabel(f"measured {title}, {unit}", color=SOFT, fontsize=9.5)
    drawing.supylabel(f"predicted {title}", color=SOFT, fontsize=9.5)
    reading = "A dot is a held-out proxy, mean of the targets. ρ: Spearman's rank correlation."
    titled(drawing, "Can the mixers predict losses of runs that they have not seen?", reading)
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, rank: float) -> None:
    low = min(rows.actual.min(), rows.predicted.min())
    high = max(rows.actual.max(), rows.predicted.max())
    margin = 0.08 * (high - low) or 0.01
    ends = np.array([low - margin, high + margin])
    axes.plot(
        ends,
        ends,
        color=SOFT,
        linewidth=0.9,
        zorder=1,
    )
    axes.scatter(
        rows.actual,
        rows.predicted,
        s=20,
        color=BLUE,
        alpha=0.65,
        linewidths=0,
        zorder=2,
    )
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    # A constant prediction ranks nothing.
    correlation = "—" if np.isnan(rank) else f"{rank:.2f}"
    axes.text(
        0.04,
        0.96,
        f"ρ = {correlation}",
        transform=axes.transAxes,
        va="top",
        fontsize=10,
        color=BLUE,
    )
