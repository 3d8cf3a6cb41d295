"""How well each mixer foretells the loss of runs that it did not see."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixwright.errors import MixwrightError
from mixwright.learners import TEXT, Learner
from mixwright.report.figures.style import BLUE, INK, SOFT, panels, titled
from mixwright.trust.noise import held_out, rank_correlations


def figure(
    validation: pd.DataFrame, targets: Mapping[str, float], learner: Learner = TEXT
) -> Figure:
    """One panel a mixer, best rank correlation first: predicted against measured loss of held-out runs, with the line of equality."""
    runs = held_out(validation, targets)
    if runs.empty:
        raise MixwrightError(
            "validation: no mixer predicted every target on held-out runs; validate a mixer that predicts"
        )
    ranks = rank_correlations(runs)
    drawn, axes = panels(len(ranks), 4, 2.5, 2.65)
    for panel, (mixer, rank) in zip(axes, ranks.items(), strict=True):
        _panel(panel, str(mixer), runs[runs.mixer == mixer], float(rank))
    drawn.supxlabel(f"measured loss, {learner.loss.unit}", color=SOFT, fontsize=9.5)
    drawn.supylabel("predicted loss", color=SOFT, fontsize=9.5)
    reading = "A dot is a held-out proxy, mean of the targets. ρ: Spearman's rank correlation."
    titled(drawn, "Can the mixers foretell a loss they have not seen?", reading)
    return drawn


def _panel(axes: Axes, mixer: str, rows: pd.DataFrame, rank: float) -> None:
    low = min(rows.actual.min(), rows.predicted.min())
    high = max(rows.actual.max(), rows.predicted.max())
    margin = 0.08 * (high - low) or 0.01
    ends = np.array([low - margin, high + margin])
    axes.plot(ends, ends, color=SOFT, linewidth=0.9, zorder=1)
    axes.scatter(rows.actual, rows.predicted, s=20, color=BLUE, alpha=0.65, linewidths=0, zorder=2)
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.set_title(mixer, loc="left", fontsize=10, fontweight="bold", color=INK, pad=8)
    axes.text(
        0.04,
        0.96,
        "ρ = —" if np.isnan(rank) else f"ρ = {rank:.2f}",
        transform=axes.transAxes,
        va="top",
        fontsize=10,
        color=BLUE,
    )
