"""Where each mixture helps and where it harms, target by target."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.learners import TEXT, Learner
from mixwright.report.by_target import by_target
from mixwright.report.figures.style import (
    INK,
    ON_CELL,
    ON_DARK_CELL,
    SOFT,
    bare,
    diverging,
    slanted,
    table_cell,
    titled_above,
)
from mixwright.trust.intervals import REFERENCE

COLOURS = diverging()
# Lies below the cells, rows: the means.
BELOW = 0.1


def table(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    documents: pd.DataFrame | None = None,
    learner: Learner = TEXT,
) -> pd.DataFrame:
    """Returns a row a target and arm: what the arm reached, and its difference from natural.

    Columns: `value`; `difference` with its 95% interval `low` to `high`, and the `verdict` on it;
    `gain`, the difference counted so that more is better; `measure` and `unit` of the values;
    `judged`, the measure of the study. Arms stand by their mean, the best first.
    """
    cells = by_target(scores, targets, learner, documents)
    rows = []
    for target in sorted(cells):
        for arm, cell in cells[target].items():
            against = cell.against
            sign = 1 if against.metric.higher else -1
            row = {
                "target": target,
                "arm": arm,
                "value": cell.value,
                "difference": against.value,
                "low": against.low,
                "high": against.high,
                "verdict": against.verdict,
                "gain": sign * against.value,
                "measure": against.metric.title,
                "unit": against.metric.unit,
                "judged": learner.judged.title,
            }
            rows.append(row)
    frame = pd.DataFrame(rows)
    means = frame.groupby("arm").value.mean()
    ordered = means.sort_values(kind="stable", ascending=not learner.judged.higher)
    places = frame.arm.map({arm: place for place, arm in enumerate(ordered.index)})
    return frame.assign(place=places).sort_values(["target", "place"]).drop(columns="place")


def figure(table: pd.DataFrame) -> Figure:
    """Draws a table of what each arm reached on each target, and its mean in the last row.

    Colour is the difference to natural; a frame marks a difference beyond its interval. Arms stand
    by their mean, the best first.
    """
    names = sorted(set(table.target))
    arms = list(dict.fromkeys(table.arm))
    across = 0.95 * len(arms)
    down = 0.36 * (len(names) + 1)
    drawing = Figure(figsize=(across, down))
    axes = drawing.add_axes((0, 0, 1, 1))
    reach = float(table.gain.abs().max()) or 1.0
    for row in table.itertuples():
        place = (names.index(row.target), arms.index(row.arm))
        framed = row.verdict in ("better", "worse")
        # by its root: one large difference hides no small ones
        strength = float(np.sign(row.gain) * np.sqrt(abs(row.gain) / reach))
        _cell(axes, place, row.value, strength, framed)
    means = table.groupby("arm").value.mean()
    for column, arm in enumerate(arms):
        _mean(axes, len(names) + BELOW, column, float(means[arm]))
    _frame(axes, names, arms)
    units = [unit for unit in dict.fromkeys(table.unit) if unit]
    judged = table.judged.iloc[0].capitalize()
    unit = f", {' or '.join(units)}" if units not in ([], [table.judged.iloc[0]]) else ""
    reading = (
        f"{judged}{unit}. Blue: better than {REFERENCE}, orange: worse;"
        " framed: clearly so, beyond the 95% interval."
    )
    titled_above(drawing, axes, "On which targets does a mixture help?", reading)
    return drawing


def _cell(axes: Axes, place: tuple[int, int], value: float, strength: float, framed: bool) -> None:
    """A cell at (row, column); `strength` is -1 (worse) to 1 (better)."""
    row, column = place
    table_cell(axes, row, column, COLOURS(0.5 + strength / 2), framed)
    dark = abs(strength) > 0.8
    axes.text(
        column,
        row,
        f"{value:.3f}",
        ha="center",
        va="center",
        fontsize=10,
        color=ON_DARK_CELL if dark else ON_CELL,
    )


def _mean(axes: Axes, row: float, column: int, mean: float) -> None:
    axes.text(
        column,
        row,
        f"{mean:.3f}",
        ha="center",
        va="center",
        fontsize=10,
        fontweight="bold",
        color=INK,
    )


def _frame(axes: Axes, names: Sequence[str], arms: Sequence[str]) -> None:
    """Names of the rows at the left, of the columns above, and a line over the means."""
    count = len(names)
    axes.axhline(count - 0.42, color=SOFT, linewidth=0.8)
    axes.set_xlim(-0.5, len(arms) - 0.5)
    axes.set_ylim(count + 0.5, -0.5)
    rows = [*range(count), count + BELOW]
    axes.set_yticks(rows, [*names, "mean"], color=INK, fontsize=10)
    slanted(axes, arms)
    bare(axes)
