"""How well each mixer predicts the loss of runs that it was not fitted to."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixwright.errors import MixwrightError
from mixwright.learners import TEXT, Learner
from mixwright.report.figures.style import BLUE, INK, SOFT, many, panel_title, panels, titled
from mixwright.report.judging import metrics_of
from mixwright.trust.intervals import fisher_interval
from mixwright.trust.noise import held_out, rank_correlations
from mixwright.trust.shown import mean_of_targets


def table(
    validation: pd.DataFrame, targets: Mapping[str, float], learner: Learner = TEXT
) -> pd.DataFrame:
    """Returns a row a mixer and held-out run, the mixer of the best rank correlation first.

    Columns: `actual` and `predicted`, means of the targets of `measure` in `unit`; `rank`, the
    mixer's rank correlation, with its 95% interval `low` to `high`.
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
    parts = []
    for mixer, rank in rank_correlations(runs).items():
        rows = runs[runs.mixer == mixer].sort_values("run")
        interval = fisher_interval(float(rank), len(rows))
        ends = {"rank": rank, "low": interval.low, "high": interval.high}
        parts.append(rows[["mixer", "run", "actual", "predicted"]].assign(**ends))
    measure = learner.loss.title if learner.chosen else "loss"
    return pd.concat(parts).assign(measure=measure, unit=learner.loss.unit)


def figure(table: pd.DataFrame) -> Figure:
    """Draws predicted against measured loss of held-out runs, with the line of equality.

    Each mixer has a panel, the best rank correlation first.
    """
    mixers = list(dict.fromkeys(table.mixer))
    drawing, axes = panels(len(mixers), 4, 2.5, 2.65)
    for panel, mixer in zip(axes, mixers, strict=True):
        panel_title(panel, str(mixer), room=2.1, pad=8)
        _panel(panel, table[table.mixer == mixer], picture=many(len(table)))
    measure, unit = table.measure.iloc[0], table.unit.iloc[0]
    drawing.supxlabel(f"measured {measure}, {unit}", color=SOFT, fontsize=9.5)
    drawing.supylabel(f"predicted {measure}, {unit}", color=SOFT, fontsize=9.5)
    reading = "A dot is a held-out proxy, mean of the targets. ρ: Spearman, 95% interval."
    titled(drawing, "Can the mixers predict losses of runs that they have not seen?", reading)
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, picture: bool) -> None:
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
        rasterized=picture,
        zorder=2,
    )
    axes.set(xlim=ends, ylim=ends, aspect="equal")
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.text(
        0.04,
        0.96,
        _correlation(rows.iloc[0]),
        transform=axes.transAxes,
        va="top",
        fontsize=9,
        color=INK,
    )


def _correlation(row: pd.Series) -> str:
    """The rank correlation in words; a constant prediction ranks nothing."""
    if np.isnan(row["rank"]):
        return "ρ = —"
    words = f"ρ = {row['rank']:.2f} [{row.low:.2f}, {row.high:.2f}]"
    return words.replace("-", "−")
