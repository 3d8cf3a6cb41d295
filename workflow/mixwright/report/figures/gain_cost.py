"""What each method gained over natural, against the tokens that its own runs were trained on."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.errors import quantity
from mixwright.learners import TEXT, Learner
from mixwright.report.comparison import compare
from mixwright.report.figures.looks import mixer_marks
from mixwright.report.figures.style import FAINT, INK, LEGEND_LINE, SOFT, bare, titled_above
from mixwright.trust.intervals import REFERENCE, Difference

# A gain of so many times the usual one lies beyond the axis.
FAR = 4.0
# Shares of the log axis: between the place of 0 and its least tokens, and between dots that share
# their tokens.
GAP, BESIDE = 0.16, 0.016
# Powers of ten that are labelled alone; an axis of fewer has ticks between them.
DECADES = 3.5


def table(
    trained_runs: pd.DataFrame,
    scores: pd.DataFrame,
    finals: pd.DataFrame,
    targets: Mapping[str, float],
    reads: Mapping[str, Collection[str]],
    documents: pd.DataFrame | None = None,
    learner: Learner = TEXT,
) -> pd.DataFrame:
    """Returns a row a method: its gain over natural, and the tokens that it was trained on.

    `tokens` are those of all runs of the roles that the method reads. Methods that read the same
    runs count them each. `of_final` divides them by `final_tokens`, those of one final model.
    `gain` is positive where the method is better than natural, on the weighted mean of the targets,
    with its 95% interval `low` to `high` and the `verdict`; it is a difference of `measure` in
    `unit`.

    Args:
        trained_runs: a DESIGN table, of all roles.
        scores: a SCORES table.
        finals: a FINALS table.
        targets: target -> weight.
        reads: mixer -> the roles whose runs it reads.
        documents: a DOCUMENTS table; None: the intervals are over seeds alone.
        learner: what is trained.
    """
    comparison = compare(scores, targets, learner, documents)
    final_tokens = int(finals.tokens.max())
    rows = []
    for method in comparison.means.index:
        difference = comparison.difference(method, REFERENCE)
        gain, low, high = _gain(difference, learner)
        tokens = _tokens(trained_runs, reads[method])
        row = {
            "method": method,
            "tokens": tokens,
            "of_final": tokens / final_tokens,
            "gain": gain,
            "low": low,
            "high": high,
            "verdict": difference.verdict,
        }
        rows.append(row)
    over = "seeds"
    if documents is not None:
        over = "seeds and documents"
    return pd.DataFrame(rows).assign(
        final_tokens=final_tokens,
        measure=learner.judged.title,
        unit=learner.judged.unit,
        over=over,
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draws the gain against the tokens, a dot a method; those that trained nothing stand at 0."""
    height = 1.1 * LEGEND_LINE * (len(table) + 1)
    drawing = Figure(figsize=(8.2, max(3.6, height)))
    axes = drawing.add_axes((0.11, 0, 0.53, 1))
    axis = _axis(table)
    places = _places(table, axis)
    limits = _limits(table)
    looks = mixer_marks(list(table.method))
    for place, row in zip(places, table.itertuples(), strict=True):
        _dot(axes, place, row, looks[row.method], limits)
    _lines(axes, axis, table.final_tokens.iloc[0])
    margin = 0.04 * axis.length
    left = min(places) - margin
    right = max(*places, axis.high) + margin
    axes.set(xlim=(left, right), ylim=limits)
    _label(axes, table, axis)
    titled_above(drawing, axes, "What does a gain cost to find?", _reading(table))
    return drawing


@dataclass(frozen=True)
class LogAxis:
    """The axis of tokens, all in log10 of tokens: its ends, and the place of 0 left of them."""

    low: float
    high: float

    @property
    def length(self) -> float:
        """From end to end, one power of ten at least."""
        return max(self.high - self.low, 1.0)

    @property
    def zero(self) -> float:
        """Where methods stand that trained nothing."""
        return self.low - GAP * self.length


def _gain(difference: Difference, learner: Learner) -> tuple[float, float, float]:
    """What is better by a difference, and the ends of its interval: positive is better."""
    value, low, high = difference.value, difference.low, difference.high
    if learner.judged.higher:
        return value, low, high
    # 0.0 - 0.0 is no minus zero
    return 0.0 - value, 0.0 - high, 0.0 - low


def _tokens(trained_runs: pd.DataFrame, roles: Collection[str]) -> int:
    """Training tokens of the runs of some roles; a run is counted once."""
    runs = trained_runs[trained_runs.role.isin(list(roles))]
    return int(runs.drop_duplicates("run").tokens.sum())


def _axis(table: pd.DataFrame) -> LogAxis:
    """The axis that holds the tokens of all methods, and those of one final model."""
    positive = table.tokens[table.tokens > 0]
    tokens = [*positive, table.final_tokens.iloc[0]]
    low = float(np.log10(min(tokens)))
    high = float(np.log10(max(tokens)))
    return LogAxis(low, high)


def _places(table: pd.DataFrame, axis: LogAxis) -> list[float]:
    """Where each method stands: at its tokens, and beside those that share them."""
    centres = np.full(len(table), axis.zero)
    trained = table.tokens.to_numpy() > 0
    centres[trained] = np.log10(table.tokens[trained])
    groups = table.groupby("tokens")
    number = groups.cumcount().to_numpy()
    middle = (groups.method.transform("size").to_numpy() - 1) / 2
    beside = BESIDE * axis.length * (number - middle)
    places: list[float] = (centres + beside).tolist()
    return places


def _far(table: pd.DataFrame) -> pd.Series:
    """Which gains lie so far off the others that an axis to them would press those together."""
    size = table.gain.abs()
    other = table.verdict != "identical"
    usual = size[other].median()
    return (size > FAR * usual) & other


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Ends of the axis of gains: all intervals but those of methods that lie far off."""
    near = table[~_far(table)]
    numbers = near[["gain", "low", "high"]].to_numpy(dtype=float)
    ends = [0.0, *numbers[np.isfinite(numbers)]]
    low, high = min(ends), max(ends)
    margin = 0.08 * (high - low) or 0.01
    return low - margin, high + margin


def _dot(
    axes: Axes, place: float, row: Any, look: tuple[str, str], limits: tuple[float, float]
) -> None:
    """One method with its interval, and its words in the legend."""
    colour, marker = look
    # without an interval the ends are NaN, and no line is drawn
    axes.plot(
        [place, place],
        [row.low, row.high],
        color=colour,
        linewidth=1.4,
        alpha=0.7,
    )
    gain = f"{row.gain:+.3f}".replace("-", "−")
    axes.scatter(
        place,
        np.clip(row.gain, *limits),
        s=46,
        color=colour,
        marker=marker,
        linewidths=0,
        clip_on=False,
        zorder=3,
        label=f"{row.method}  {gain}",
    )


def _lines(axes: Axes, axis: LogAxis, final_tokens: int) -> None:
    """Natural's gain, the gap between 0 and the log axis, and the tokens of a final model."""
    axes.axhline(0, color=INK, linewidth=1, zorder=1)
    gap = (axis.zero + axis.low) / 2
    axes.axvline(gap, color=FAINT, linewidth=0.8, zorder=0)
    place = float(np.log10(final_tokens))
    axes.axvline(
        place,
        color=SOFT,
        linewidth=0.9,
        linestyle="--",
        zorder=0,
    )


def _label(axes: Axes, table: pd.DataFrame, axis: LogAxis) -> None:
    """Words of both axes, and the legend with the methods, the best first."""
    ticks = _ticks(axis.low, axis.high)
    words = [quantity(round(10**tick)) for tick in ticks]
    axes.set_xticks([axis.zero, *ticks], ["0", *words])
    axes.set_xlabel("tokens that the method's own runs were trained on")
    first = table.iloc[0]
    name = f"gain over {REFERENCE} in {first.measure}"
    if first.unit not in ("", first.measure):
        name += f", {first.unit}"
    axes.set_ylabel(name)
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.03, 0.5),
        frameon=False,
        handletextpad=0.4,
    )
    bare(axes, ticks="x")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers of tokens between two ends, log10; an end where there are none."""
    first, last = int(np.floor(low)), int(np.ceil(high))
    marks = [float(decade) for decade in range(first, last + 1)]
    if high - low <= DECADES:
        marks += [decade + np.log10(3) for decade in marks]
    ticks = [float(mark) for mark in sorted(marks) if low <= mark <= high]
    return ticks or [high]


def _reading(table: pd.DataFrame) -> str:
    """How to read the figure."""
    reading = f"Bars: 95% intervals over {table.over.iloc[0]}."
    if table.low.isna().any():
        reading = "One seed: no interval."
    reading += " Dashed: tokens of one final."
    if _far(table).any():
        reading += " At the edge: beyond the axis."
    return reading
