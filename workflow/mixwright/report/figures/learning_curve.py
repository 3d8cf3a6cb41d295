"""Whether more runs are worth training: how well held-out runs are ranked by fits to fewer."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mixwright.report.figures.style import (
    BLUE,
    INK,
    RANK_LABEL,
    SOFT,
    VERMILION,
    panel_title,
    panels,
    rank_axis,
    titled,
)

# Kinds of rows: measured at fewer runs, and expected of more.
MEASURED, EXPECTED = "measured", "expected"
# Rank correlations under it are drawn at it.
LEAST = 0.05


def table(learning_curve: Mapping[str, Any]) -> pd.DataFrame:
    """Returns a row a number of runs that a mixer was fitted to.

    Columns: `spearman`, the rank correlation of held-out runs, with its 95% interval `low` to
    `high`; `regret` of the pick among them, in `unit`; `of`, whether it was measured or is expected
    of more runs by the power law; the `answer` in words.
    """
    rows = []
    for point in learning_curve["points"]:
        value = point["spearman"]
        # a resample has runs twice, which ranks them a little worse
        ends = {"low": min(point["low"], value), "high": max(point["high"], value)}
        rows.append(point | ends | {"of": MEASURED})
    expected = learning_curve["expected"]
    if expected:
        rows.append(expected | {"of": EXPECTED, "regret": np.nan})
    columns = ["of", "runs", "spearman", "low", "high", "regret"]
    frame = pd.DataFrame(rows or [{"of": ""}], columns=columns)
    return frame.assign(
        unit=learning_curve["regret_unit"],
        mixer=learning_curve["mixer"],
        answer=learning_curve["answer"],
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draws two panels against the number of runs: rank correlation, and regret of the pick."""
    drawing, axes = panels(2, 2, 4.1, 3.0)
    first = table.iloc[0]
    measured = table[table.of == MEASURED]
    if len(measured):
        _ranks(axes[0], table)
        _regrets(axes[1], measured)
    for panel, title in zip(axes, ("order of held-out runs", "cost of the pick"), strict=True):
        panel_title(panel, title)
        panel.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if not len(measured):
            panel.set(xticks=[], yticks=[])
    drawing.supxlabel(f"runs that {first.mixer} was fitted to", color=SOFT, fontsize=9.5)
    answer = first.answer[0].upper() + first.answer[1:]
    titled(drawing, "Are more runs worth training?", f"{answer}.")
    return drawing


def _ranks(axes: Axes, table: pd.DataFrame) -> None:
    """Rank correlation with its interval; an empty mark is expected, not measured."""
    deficits = 1 - table[["spearman", "low", "high"]].clip(lower=LEAST)
    measured = table.of == MEASURED
    runs = table.runs
    axes.fill_between(
        runs[measured],
        deficits.high[measured].clip(lower=1e-4),
        deficits.low[measured],
        color=BLUE,
        alpha=0.15,
        linewidth=0,
    )
    axes.plot(runs[measured], deficits.spearman[measured], "o-", color=BLUE, markersize=4)
    axes.plot(runs[-2:], deficits.spearman[-2:], "--", color=SOFT, linewidth=1.2)
    expected = deficits[~measured]
    axes.plot(
        [runs.iloc[-1]] * 2,
        [expected.low.iloc[0], max(expected.high.iloc[0], 1e-4)],
        color=SOFT,
        linewidth=1.4,
    )
    axes.scatter(
        runs[~measured],
        expected.spearman,
        s=42,
        marker="D",
        facecolors="none",
        edgecolors=INK,
        zorder=3,
    )
    words = "expected"
    axes.annotate(
        words,
        (runs.iloc[-1], expected.spearman.iloc[0]),
        (-6, -15),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        color=SOFT,
    )
    rank_axis(axes, "y", deficits.to_numpy().ravel())
    axes.set_ylabel(RANK_LABEL.replace(" (", "\n("))


def _regrets(axes: Axes, table: pd.DataFrame) -> None:
    axes.plot(table.runs, table.regret, "s-", color=VERMILION, markersize=4)
    if not table.regret.any():
        words = "The pick among the held-out runs\nwas the best of them every time."
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=SOFT)
    most = float(table.regret.max()) or 0.01
    axes.set_ylim(-0.05 * most, 1.1 * most)
    axes.set_ylabel(f"regret, {table.unit.iloc[0]}")
