"""Which final models beat the natural mixture by more than chance."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.learners import TEXT, Learner, Metric
from mixwright.report.comparison import compare
from mixwright.report.figures.style import INK, SOFT, VERDICTS, bare, row_lines, titled
from mixwright.trust.intervals import REFERENCE, Difference


def figure(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    documents: pd.DataFrame | None = None,
    reference: str = REFERENCE,
    learner: Learner = TEXT,
) -> Figure:
    """Draws each arm minus natural on the weighted mean of the targets, the best arm first.

    Lines are 95% intervals; each seed has a small dot.
    """
    comparison = compare(scores, targets, learner, documents)
    arms = [arm for arm in comparison.means.index if arm != reference]
    differences = [comparison.difference(arm, reference) for arm in arms]
    drawing = Figure(figsize=(8.2, 0.7 + 0.46 * max(len(arms), 1)))
    axes = drawing.add_axes((0.17, 0, 0.53, 1))
    axes.axvline(0, color=INK, linewidth=1)
    row_lines(axes, len(arms))
    values = comparison.values
    for row, difference in enumerate(differences):
        _arm(axes, row, difference, values.loc[difference.arm] - values.loc[reference])
    _frame(axes, differences, reference, learner.judged)
    reading = _reading(learner, by_document=documents is not None)
    titled(drawing, f"Does any mixture beat {reference}?", reading)
    return drawing


def _reading(learner: Learner, by_document: bool) -> str:
    """How to read the lines and dots."""
    lines = "Final models, mean of the targets. Lines: 95% intervals over"
    if not learner.sized:
        return f"{lines} test rows."
    scope = "seeds and documents" if by_document else "seeds, on the documents scored"
    return f"{lines} {scope}. Small dots: single seeds."


def _arm(axes: Axes, row: int, difference: Difference, seeds: pd.Series) -> None:
    """One row; `seeds` are the differences of single seeds."""
    colour = VERDICTS[difference.verdict]
    if not difference.identical and np.isfinite(difference.low):
        ends = [difference.low, difference.high]
        axes.plot(
            ends,
            [row, row],
            color=colour,
            linewidth=2.6,
            solid_capstyle="round",
        )
    if len(seeds) > 1:
        heights = np.full(seeds.notna().sum(), row + 0.26)
        axes.scatter(
            seeds.dropna(),
            heights,
            s=9,
            color=colour,
            alpha=0.55,
            linewidths=0,
        )
    # An empty dot: the arm is natural itself.
    face, edge = ("white", colour) if difference.identical else (colour, "white")
    axes.scatter(
        difference.value,
        row,
        s=58,
        color=face,
        edgecolors=edge,
        zorder=3,
    )
    # x in fractions of the axes, y in rows
    place = axes.get_yaxis_transform()
    label = _label(difference)
    axes.text(
        1.03,
        row,
        label,
        transform=place,
        va="center",
        fontsize=9.5,
        color=colour,
    )


def _label(difference: Difference) -> str:
    if difference.identical:
        return "same mixture"
    interval = f"[{difference.low:+.3f}, {difference.high:+.3f}]"
    if difference.verdict == "undecided":
        interval = "one seed"
    return f"{difference.value:+.3f}  {interval}".replace("-", "−")


def _frame(axes: Axes, differences: Sequence[Difference], reference: str, metric: Metric) -> None:
    """Axes with room on both sides of zero, and words that say which side is better."""
    ends: list[float] = []
    for difference in differences:
        places = (difference.value, difference.low, difference.high)
        ends += [place for place in places if np.isfinite(place)]
    reach = 1.08 * max((abs(end) for end in ends), default=0.01) or 0.01
    left = min([*ends, -0.25 * reach]) - 0.08 * reach
    right = max([*ends, 0.25 * reach]) + 0.08 * reach
    axes.set(xlim=(left, right), ylim=(len(differences) - 0.4, -0.75))
    arms = [difference.arm for difference in differences]
    axes.set_yticks(range(len(arms)), arms, color=INK, fontsize=10)
    unit = "" if metric.unit == metric.title else f", {metric.unit}"
    axes.set_xlabel(f"{metric.title} minus {reference}'s{unit}")
    below, above = ("worse", "better") if metric.higher else ("better", "worse")
    axes.text(
        -0.02 * reach,
        -0.62,
        below,
        ha="right",
        va="center",
        color=SOFT,
        fontsize=9,
    )
    axes.text(
        0.02 * reach,
        -0.62,
        above,
        ha="left",
        va="center",
        color=SOFT,
        fontsize=9,
    )
    bare(axes, ticks="x")
