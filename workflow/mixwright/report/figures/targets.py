"""Where each mixture helps and where it harms, target by target."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.learners import TEXT, Learner
from mixwright.report.by_target import Cell, by_target
from mixwright.report.figures.style import INK, SOFT, bare, diverging, table_cell, titled
from mixwright.trust.intervals import REFERENCE

Cells = Mapping[str, Mapping[str, Cell]]

COLOURS = diverging()
# Lies below the cells, rows: the means.
BELOW = 0.1


def figure(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    documents: pd.DataFrame | None = None,
    learner: Learner = TEXT,
) -> Figure:
    """Draws a table of what each arm reached on each target, and its mean in the last row.

    Colour is the difference to natural; a frame marks a difference beyond its interval. Arms stand
    by their mean, the best first.
    """
    cells = by_target(scores, targets, learner, documents)
    names = sorted(cells)
    means = _means(cells, best_is_high=learner.judged.higher)
    arms = list(means)
    across = 1.9 + 0.95 * len(arms)
    down = 0.5 + 0.36 * (len(names) + 1)
    drawing = Figure(figsize=(across, down))
    axes = drawing.add_axes((0, 0, 1, 1))
    reach = _reach(cells)
    for row, target in enumerate(names):
        for column, arm in enumerate(arms):
            _cell(axes, row, column, cells[target][arm], reach)
    for column, mean in enumerate(means.values()):
        _mean(axes, len(names) + BELOW, column, mean)
    _frame(axes, names, arms)
    reading = (
        f"{learner.judged.title.capitalize()}. Blue: better than {REFERENCE}, orange: worse;"
        " framed: beyond the 95% interval."
    )
    titled(drawing, "On which targets does a mixture help?", reading)
    _lift_title(drawing, arms)
    return drawing


def _means(cells: Cells, best_is_high: bool) -> dict[str, float]:
    """Arm -> mean of its cells, the best first."""
    columns = {}
    for target, row in cells.items():
        columns[target] = {arm: cell.value for arm, cell in row.items()}
    means = pd.DataFrame(columns).mean(axis=1)
    ordered = means.sort_values(kind="stable", ascending=not best_is_high)
    return {str(arm): float(mean) for arm, mean in ordered.items()}


def _reach(cells: Cells) -> float:
    """The largest difference to natural, at which colours end; 1 where nothing differs."""
    reach = 0.0
    for row in cells.values():
        for cell in row.values():
            reach = max(reach, abs(cell.against.value))
    return reach or 1.0


def _cell(axes: Axes, row: int, column: int, reached: Cell, reach: float) -> None:
    difference = reached.against
    gain = difference.value / reach
    if not difference.metric.higher:
        gain = -gain
    framed = difference.verdict in ("better", "worse")
    table_cell(axes, row, column, COLOURS(0.5 + gain / 2), framed)
    dark = abs(gain) > 0.8
    axes.text(
        column,
        row,
        f"{reached.value:.3f}",
        ha="center",
        va="center",
        fontsize=10,
        color="white" if dark else INK,
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
    axes.set_xticks(
        range(len(arms)),
        arms,
        color=INK,
        fontsize=9.5,
        rotation=30,
        ha="left",
    )
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    bare(axes)


def _lift_title(drawing: Figure, arms: Sequence[str]) -> None:
    """Makes room for the slanted names of the arms."""
    longest = max(len(arm) for arm in arms)
    height = drawing.get_size_inches()[1]
    for text in drawing.texts:
        text.set_y(text.get_position()[1] + 0.05 * longest / height)
