"""Which final models beat the natural mixture by more than chance."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.learners import TEXT, Learner, Metric
from mixwright.report.comparison import compare
from mixwright.report.figures.style import FAINT, INK, SOFT, VERDICTS, bare, titled
from mixwright.trust.intervals import REFERENCE, Difference


def figure(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    documents: pd.DataFrame | None = None,
    reference: str = REFERENCE,
    learner: Learner = TEXT,
) -> Figure:
    """Each arm minus natural on the weighted mean of the targets, the best first, with 95% intervals and a dot a seed."""
    comparison = compare(scores, targets, learner, documents)
    gaps = [
        comparison.difference(arm, reference) for arm in comparison.means.index if arm != reference
    ]
    drawn = Figure(figsize=(8.2, 0.7 + 0.46 * max(len(gaps), 1)))
    axes = drawn.add_axes((0.17, 0, 0.53, 1))
    axes.axvline(0, color=INK, linewidth=1)
    for row, gap in enumerate(gaps):
        _arm(axes, row, gap, comparison.values.loc[gap.arm] - comparison.values.loc[reference])
    _frame(axes, gaps, reference, learner.judged)
    if not learner.sized:
        titled(
            drawn,
            f"Does any mixture beat {reference}?",
            "Final models, mean of the targets. Lines: 95% intervals over test rows.",
        )
        return drawn
    scope = "seeds and documents" if documents is not None else "seeds, on the documents scored"
    reading = f"Final models, mean of the targets. Lines: 95% intervals over {scope}. Small dots: single seeds."
    titled(drawn, f"Does any mixture beat {reference}?", reading)
    return drawn


def _arm(axes: Axes, row: int, gap: Difference, seeds: pd.Series) -> None:
    colour = VERDICTS[gap.verdict]
    axes.axhline(row, color=FAINT, linewidth=0.8, zorder=0)
    if not gap.identical and np.isfinite(gap.low):
        axes.plot(
            [gap.low, gap.high], [row, row], color=colour, linewidth=2.6, solid_capstyle="round"
        )
    if len(seeds) > 1:
        axes.scatter(
            seeds.dropna(),
            np.full(seeds.notna().sum(), row + 0.26),
            s=9,
            color=colour,
            alpha=0.55,
            linewidths=0,
        )
    face, edge = ("white", colour) if gap.identical else (colour, "white")
    axes.scatter(gap.value, row, s=58, color=face, edgecolors=edge, zorder=3)
    place = axes.get_yaxis_transform()  # x in fractions of the axes, y in rows
    axes.text(1.03, row, _label(gap), transform=place, va="center", fontsize=9.5, color=colour)


def _label(gap: Difference) -> str:
    if gap.identical:
        return "same mixture"
    interval = "one seed" if gap.verdict == "undecided" else f"[{gap.low:+.3f}, {gap.high:+.3f}]"
    return f"{gap.value:+.3f}  {interval}".replace("-", "−")


def _frame(axes: Axes, gaps: list[Difference], reference: str, metric: Metric) -> None:
    ends = [abs(end) for gap in gaps for end in (gap.value, gap.low, gap.high) if np.isfinite(end)]
    reach = 1.08 * max(ends, default=0.01) or 0.01
    right = max(
        [gap.value for gap in gaps] + [gap.high for gap in gaps if np.isfinite(gap.high)], default=0
    )
    left = min(
        [gap.value for gap in gaps] + [gap.low for gap in gaps if np.isfinite(gap.low)], default=0
    )
    axes.set(
        xlim=(min(left, -0.25 * reach) - 0.08 * reach, max(right, 0.25 * reach) + 0.08 * reach),
        ylim=(len(gaps) - 0.4, -0.75),
    )
    axes.set_yticks(range(len(gaps)), [gap.arm for gap in gaps], color=INK, fontsize=10)
    unit = "" if metric.unit == metric.title else f", {metric.unit}"
    axes.set_xlabel(f"{metric.title} minus {reference}'s{unit}")
    below, above = ("worse", "better") if metric.higher else ("better", "worse")
    axes.text(-0.02 * reach, -0.62, below, ha="right", va="center", color=SOFT, fontsize=9)
    axes.text(0.02 * reach, -0.62, above, ha="left", va="center", color=SOFT, fontsize=9)
    bare(axes)
    axes.tick_params(axis="x", length=3)
