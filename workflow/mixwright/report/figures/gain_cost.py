"""What each method gained over natural, against the tokens that its own runs were trained on."""

from collections.abc import Collection, Mapping
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
from mixwright.trust.intervals import REFERENCE

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
    sign = 1.0 if learner.judged.higher else -1.0
    rows = []
    for method in comparison.means.index:
        difference = comparison.difference(method, REFERENCE)
        # + 0.0: no minus before zero
        ends = sorted([sign * difference.low + 0.0, sign * difference.high + 0.0])
        tokens = _tokens(trained_runs, reads[method])
        row = {"method": method, "tokens": tokens, "of_final": tokens / final_tokens}
        row |= {"gain": sign * difference.value + 0.0, "low": ends[0], "high": ends[1]}
        rows.append(row | {"verdict": difference.verdict})
    return pd.DataFrame(rows).assign(
        final_tokens=final_tokens,
        measure=learner.judged.title,
        unit=learner.judged.unit,
        over="seeds" if documents is None else "seeds and documents",
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draws the gain against the tokens, a dot a method; those that trained nothing stand at 0."""
    count = len(table)
    drawing = Figure(figsize=(8.2, max(3.6, 1.1 * LEGEND_LINE * (count + 1))))
    axes = drawing.add_axes((0.11, 0, 0.53, 1))
    log_tokens, zero, reach = _axis(table)
    places = _places(table, log_tokens, zero, reach)
    low, high = _limits(table)
    looks = mixer_marks(list(table.method))
    for place, row in zip(places, table.itertuples(), strict=True):
        _dot(axes, place, row, looks[row.method], (low, high))
    axes.axhline(0, color=INK, linewidth=1, zorder=1)
    axes.axvline(zero + GAP / 2 * reach, color=FAINT, linewidth=0.8, zorder=0)
    final_tokens = np.log10(table.final_tokens.iloc[0])
    axes.axvline(final_tokens, color=SOFT, linewidth=0.9, linestyle="--", zorder=0)
    right = max([*places, final_tokens]) + 0.04 * reach
    axes.set(xlim=(min(places) - 0.04 * reach, right), ylim=(low, high))
    _label(axes, table, zero, log_tokens)
    reading = f"Bars: 95% intervals over {table.over.iloc[0]}. Dashed: tokens of one final."
    if table.low.isna().any():
        reading = "One seed: no interval. Dashed: tokens of one final."
    if _far(table).any():
        reading += " At the edge: beyond the axis."
    titled_above(drawing, axes, "What does a gain cost to find?", reading)
    return drawing


def _tokens(trained_runs: pd.DataFrame, roles: Collection[str]) -> int:
    """Training tokens of the runs of some roles; a run is counted once."""
    runs = trained_runs[trained_runs.role.isin(list(roles))]
    return int(runs.drop_duplicates("run").tokens.sum())


def _axis(table: pd.DataFrame) -> tuple[list[float], float, float]:
    """Ends of the log axis, the place of 0 left of it, and its length, all log10 of tokens."""
    positive = table.tokens[table.tokens > 0]
    tokens = np.log10([*positive, table.final_tokens.iloc[0]])
    low, high = float(tokens.min()), float(tokens.max())
    reach = max(high - low, 1.0)
    return [low, high], low - GAP * reach, reach


def _places(table: pd.DataFrame, log_tokens: list[float], zero: float, reach: float) -> list[float]:
    """Where each method stands: at its tokens, and beside those that share them."""
    places = []
    for row in table.itertuples():
        alike = table.method[table.tokens == row.tokens].tolist()
        beside = alike.index(row.method) - (len(alike) - 1) / 2
        centre = np.log10(row.tokens) if row.tokens else zero
        places.append(float(centre + beside * BESIDE * reach))
    return places


def _far(table: pd.DataFrame) -> pd.Series:
    """Which gains lie so far off the others that an axis to them would press those together."""
    size = table.gain.abs()
    usual = size[table.verdict != "identical"].median()
    return (size > FAR * usual) & (table.verdict != "identical")


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Ends of the axis of gains: all intervals but those of methods that lie far off."""
    near = table[~_far(table)]
    numbers = near[["gain", "low", "high"]].to_numpy(dtype=float).ravel()
    ends = [0.0, *numbers[np.isfinite(numbers)]]
    reach = max(ends) - min(ends) or 0.01
    return min(ends) - 0.08 * reach, max(ends) + 0.08 * reach


def _dot(
    axes: Axes, place: float, row: Any, look: tuple[str, str], limits: tuple[float, float]
) -> None:
    """One method with its interval, and its words in the legend."""
    colour, marker = look
    if np.isfinite(row.low) and row.low < row.high:
        axes.plot([place, place], [row.low, row.high], color=colour, linewidth=1.4, alpha=0.7)
    height = min(max(row.gain, limits[0]), limits[1])
    gain = f"{row.gain:+.3f}".replace("-", "−")
    axes.scatter(
        place,
        height,
        s=46,
        color=colour,
        marker=marker,
        linewidths=0,
        clip_on=False,
        zorder=3,
        label=f"{row.method}  {gain}",
    )


def _label(axes: Axes, table: pd.DataFrame, zero: float, log_tokens: list[float]) -> None:
    """Words of both axes, and the legend with the methods, the best first."""
    ticks = _ticks(*log_tokens)
    words = [quantity(round(10**tick)) for tick in ticks]
    axes.set_xticks([zero, *ticks], ["0", *words])
    axes.set_xlabel("tokens that the method's own runs were trained on")
    first = table.iloc[0]
    unit = "" if first.unit in ("", first.measure) else f", {first.unit}"
    axes.set_ylabel(f"gain over {REFERENCE} in {first.measure}{unit}")
    axes.legend(loc="center left", bbox_to_anchor=(1.03, 0.5), frameon=False, handletextpad=0.4)
    bare(axes, ticks="x")


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers of tokens between two ends, log10; the ends where there are none."""
    steps = (0.0,) if high - low > DECADES else (0.0, float(np.log10(3)))
    ticks = []
    for decade in range(int(np.floor(low)), int(np.ceil(high)) + 1):
        ticks += [decade + step for step in steps if low <= decade + step <= high]
    return ticks or [high]
