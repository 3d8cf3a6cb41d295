"""Which final models beat the natural mixture by more than chance."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.learners import TEXT, Learner
from mixwright.report.comparison import compare
from mixwright.report.figures.style import INK, SOFT, VERDICTS, bare, row_lines, titled_above
from mixwright.trust.intervals import REFERENCE

# An arm whose difference is so many times the usual one lies beyond the axis.
FAR = 4.0
# Of verdicts: they differ without colour too.
MARKS = {
    "better": "o",
    "worse": "s",
    "not distinguishable": "D",
    "undecided": "D",
    "identical": "o",
}


def table(
    scores: pd.DataFrame,
    targets: Mapping[str, float],
    documents: pd.DataFrame | None = None,
    learner: Learner = TEXT,
) -> pd.DataFrame:
    """Returns each arm minus natural on the weighted mean of the targets, the best arm first.

    A row is an arm, or one `seed` of it; rows of arms have no seed. Columns: `difference`, of arms
    with its 95% interval `low` to `high` and the `verdict`; `measure` and `unit` of the difference;
    `higher`, whether more is better; `over`, what the intervals count.
    """
    comparison = compare(scores, targets, learner, documents)
    arms = [arm for arm in comparison.means.index if arm != REFERENCE]
    values = comparison.values
    rows = []
    for arm in arms:
        whole = comparison.difference(arm, REFERENCE)
        row = {"arm": arm, "seed": "", "difference": whole.value, "low": whole.low}
        rows.append(row | {"high": whole.high, "verdict": whole.verdict})
        seeds = (values.loc[arm] - values.loc[REFERENCE]).dropna()
        for seed, difference in seeds.items():
            rows.append({"arm": arm, "seed": str(seed), "difference": difference})
    columns = ["arm", "seed", "difference", "low", "high", "verdict"]
    frame = pd.DataFrame(rows, columns=columns)
    metric = learner.judged
    return frame.assign(
        measure=metric.title,
        unit=metric.unit,
        higher=metric.higher,
        over=_over(learner, by_document=documents is not None),
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draws each arm minus natural on the weighted mean of the targets, the best arm first.

    Lines are 95% intervals; each seed has a small dot.
    """
    arms = table[table.verdict.notna()]
    drawing = Figure(figsize=(8.2, 0.7 + 0.46 * max(len(arms), 1)))
    axes = drawing.add_axes((0.17, 0, 0.53, 1))
    axes.axvline(0, color=INK, linewidth=1)
    row_lines(axes, len(arms))
    for row, arm in enumerate(arms.itertuples()):
        seeds = table[(table.arm == arm.arm) & table.verdict.isna()]
        _arm(axes, row, arm, seeds.difference)
    _frame(axes, arms)
    reading = f"No other final than {REFERENCE}'s was trained."
    if len(arms):
        reading = "Final models, mean of the targets."
        reading += f" Lines: 95% intervals over {table.over.iloc[0]}."
    seeds = table.verdict.isna().groupby(table.arm).sum()
    if seeds.max() > 1:
        reading += " Small dots: single seeds."
    if _far(arms).any():
        reading += " Arrows: beyond the axis."
    titled_above(drawing, axes, f"Does any mixture beat {REFERENCE}?", reading)
    return drawing


def _over(learner: Learner, by_document: bool) -> str:
    """What the intervals count."""
    if not learner.sized:
        return "test rows"
    return "seeds and documents" if by_document else "seeds, on the documents scored"


def _arm(axes: Axes, row: int, arm: Any, seeds: pd.Series) -> None:
    """One row; `seeds` are the differences of single seeds."""
    colour = VERDICTS[arm.verdict]
    identical = arm.verdict == "identical"
    if not identical and np.isfinite(arm.low):
        axes.plot(
            [arm.low, arm.high],
            [row, row],
            color=colour,
            linewidth=2.6,
            solid_capstyle="round",
        )
    if len(seeds) > 1:
        heights = np.full(len(seeds), row + 0.26)
        axes.scatter(
            seeds,
            heights,
            s=9,
            color=colour,
            alpha=0.55,
            linewidths=0,
        )
    # An empty dot: the arm is natural itself.
    face, edge = ("none", colour) if identical else (colour, colour)
    axes.scatter(
        arm.difference,
        row,
        s=44,
        marker=MARKS[arm.verdict],
        facecolors=face,
        edgecolors=edge,
        zorder=3,
    )
    # x in fractions of the axes, y in rows
    place = axes.get_yaxis_transform()
    axes.text(
        1.03,
        row,
        _label(arm),
        transform=place,
        va="center",
        fontsize=9.5,
        color=colour,
    )


def _far(arms: pd.DataFrame) -> pd.Series:
    """Which arms lie so far off the others that an axis to them would press all others together."""
    size = arms.difference.abs()
    usual = size[arms.verdict != "identical"].median()
    return (size > FAR * usual) & (arms.verdict != "identical")


def _beyond(axes: Axes, arms: pd.DataFrame) -> None:
    """Arrows at the end of the axis towards arms that lie beyond it."""
    left, right = axes.get_xlim()
    for row, (difference, verdict) in enumerate(zip(arms.difference, arms.verdict, strict=True)):
        if left <= difference <= right:
            continue
        end, sign = (right, ">") if difference > right else (left, "<")
        axes.scatter(
            end,
            row,
            s=44,
            marker=sign,
            color=VERDICTS[verdict],
            clip_on=False,
            zorder=3,
        )


def _label(arm: Any) -> str:
    if arm.verdict == "identical":
        return "same mixture"
    interval = f"[{arm.low:+.3f}, {arm.high:+.3f}]"
    if arm.verdict == "undecided":
        interval = "one seed"
    return f"{arm.difference:+.3f}  {interval}".replace("-", "−")


def _frame(axes: Axes, arms: pd.DataFrame) -> None:
    """Axes with room on both sides of zero, and words that say which side is better."""
    places = arms[~_far(arms)][["difference", "low", "high"]].to_numpy(dtype=float).ravel()
    ends = places[np.isfinite(places)]
    reach = 1.08 * float(np.abs(ends).max(initial=0.0)) or 0.01
    left = min([*ends, -0.25 * reach]) - 0.08 * reach
    right = max([*ends, 0.25 * reach]) + 0.08 * reach
    axes.set(xlim=(left, right), ylim=(len(arms) - 0.4, -0.75))
    _beyond(axes, arms)
    axes.set_yticks(range(len(arms)), arms.arm, color=INK, fontsize=10)
    below, above = "better", "worse"
    if len(arms):
        first = arms.iloc[0]
        unit = "" if first.unit in ("", first.measure) else f", {first.unit}"
        axes.set_xlabel(f"{first.measure} minus {REFERENCE}'s{unit}")
        if first.higher:
            below, above = above, below
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
