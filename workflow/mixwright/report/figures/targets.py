"""Where each mixture helps and where it harms, target by target."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mixwright.learners import TEXT, Learner
from mixwright.report.by_target import Cell, by_target
from mixwright.report.figures.style import INK, SOFT, bare, diverging, titled
from mixwright.trust.intervals import REFERENCE

COLOURS = diverging()


def figure(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    documents: pd.DataFrame | None = None,
    learner: Learner = TEXT,
) -> Figure:
    """A table of what each arm reached on each target; colour is the difference to natural, a frame marks one beyond its interval."""
    cells = by_target(scores, targets, learner, documents)
    means = pd.DataFrame(
        {target: {arm: cell.value for arm, cell in row.items()} for target, row in cells.items()}
    ).mean(axis=1)
    arms = [
        str(arm)
        for arm in means.sort_values(kind="stable", ascending=not learner.judged.higher).index
    ]
    reach = (
        max(
            [abs(cell.against.value) for row in cells.values() for cell in row.values()],
            default=0.0,
        )
        or 1.0
    )
    drawn = Figure(figsize=(1.9 + 0.95 * len(arms), 0.5 + 0.36 * (len(cells) + 1)))
    axes = drawn.add_axes((0, 0, 1, 1))
    for row, (_, reached) in enumerate(sorted(cells.items())):
        for column, arm in enumerate(arms):
            _cell(axes, row, column, reached[arm], reach)
    for column, arm in enumerate(arms):
        axes.text(
            column,
            len(cells) + 0.1,
            f"{means[arm]:.3f}",
            ha="center",
            va="center",
            fontsize=10,
            fontweight="bold",
            color=INK,
        )
    axes.axhline(len(cells) - 0.42, color=SOFT, linewidth=0.8)
    axes.set(xlim=(-0.5, len(arms) - 0.5), ylim=(len(cells) + 0.5, -0.5))
    axes.set_yticks(
        [*range(len(cells)), len(cells) + 0.1], [*sorted(cells), "mean"], color=INK, fontsize=10
    )
    axes.set_xticks(range(len(arms)), arms, color=INK, fontsize=9.5, rotation=30, ha="left")
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    bare(axes)
    reading = f"{learner.judged.title.capitalize()}. Blue: better than {REFERENCE}, orange: worse; framed: beyond the 95% interval."
    titled(drawn, "On which targets does a mixture help?", reading)
    longest = max(map(len, arms))
    for text in drawn.texts:
        text.set_y(text.get_position()[1] + 0.05 * longest / drawn.get_size_inches()[1])
    return drawn


def _cell(axes: Axes, row: int, column: int, cell: Cell, reach: float) -> None:
    metric = cell.against.metric
    gain = cell.against.value * (1 if metric.higher else -1) / reach
    axes.add_patch(
        Rectangle(
            (column - 0.48, row - 0.46), 0.96, 0.92, facecolor=COLOURS(0.5 + gain / 2), linewidth=0
        )
    )
    if cell.against.verdict in ("better", "worse"):
        axes.add_patch(
            Rectangle(
                (column - 0.45, row - 0.42), 0.90, 0.84, fill=False, edgecolor=INK, linewidth=1.1
            )
        )
    axes.text(
        column,
        row,
        f"{cell.value:.3f}",
        ha="center",
        va="center",
        fontsize=10,
        color="white" if np.abs(gain) > 0.8 else INK,
    )
