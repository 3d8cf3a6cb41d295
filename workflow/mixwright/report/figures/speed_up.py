"""How soon each mixture reaches the value that natural has at its end, and how much faster."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.errors import quantity
from mixwright.learners import TEXT, Learner
from mixwright.report.figures.looks import mixer_strokes
from mixwright.report.figures.style import INK, LEGEND_LINE, SOFT, bare, row_lines, titled_above
from mixwright.report.speed import AT_ONCE, NEVER, REACHED, Speed, goal_on_the_way, speeds
from mixwright.trust.intervals import REFERENCE

# Inches of a row of the panel below, and of the room between the panels.
ROW, BETWEEN = 0.34, 0.25
# Of the width: where the axes begin, and how wide they are.
LEFT, ACROSS = 0.17, 0.5
# Share of the axis that two numbers on it are apart, at the least.
APART = 0.14


def table(
    snapshot_scores: pd.DataFrame,
    scores: pd.DataFrame,
    finals: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
) -> pd.DataFrame:
    """Returns the goal's value along the training of each arm, and when it is natural's final one.

    `row` says what a row is. seed: a point of one seed. mean: a point of the mean of the seeds.
    level: natural's final value. speed: the `tokens` at which the mean of an arm first is at that
    value, natural's tokens divided by these as `times` with the 95% interval `low` to `high` (0:
    maybe never; inf: maybe before the first copy), the `status` and how many `seeds`. Columns of
    all rows: `value` in `unit` of `measure`; `higher`, whether more is better.
    """
    points, metric = goal_on_the_way(snapshot_scores, scores, finals, targets, learner)
    listed = speeds(points, metric)
    arms = [REFERENCE, *(speed.mixer for speed in listed)]
    arms += sorted(set(points.mixer) - set(arms))
    rows: list[dict[str, Any]] = []
    for arm in arms:
        rows += _lines(arm, points[points.mixer == arm])
    ends = points[points.mixer == REFERENCE].groupby("seed").tail(1)
    level = float(ends.value.mean())
    if len(ends):
        end = float(ends.tokens.max())
        rows.append({"row": "level", "arm": REFERENCE, "tokens": end, "value": level})
    for speed in listed:
        row = {"row": "speed", "arm": speed.mixer, "tokens": speed.tokens, "value": level}
        row |= {"times": speed.times, "low": speed.low, "high": speed.high}
        rows.append(row | {"status": speed.status, "seeds": speed.seeds})
    columns = ["row", "arm", "seed", "tokens", "value"]
    columns += ["times", "low", "high", "status", "seeds"]
    frame = pd.DataFrame(rows, columns=columns)
    numbers = ["seed", "tokens", "times", "low", "high", "seeds"]
    frame[numbers] = frame[numbers].astype(float)
    return frame.assign(measure=metric.title, unit=metric.unit, higher=metric.higher)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a line a mixture, and below a row a mixture: when it is at natural's final value."""
    fast = table[table.row == "speed"]
    arms = list(dict.fromkeys(table.arm))
    above = max(3.2, 1.1 * LEGEND_LINE * len(arms))
    below = ROW * max(len(fast), 1)
    height = above + BETWEEN + below
    drawing = Figure(figsize=(8.2, height))
    lines = drawing.add_axes((LEFT, (below + BETWEEN) / height, ACROSS, above / height))
    rows = drawing.add_axes((LEFT, 0, ACROSS, below / height))
    ways = mixer_strokes(arms)
    for arm in arms:
        _draw_lines(lines, arm, table[table.arm == arm], ways[arm])
    _frame(lines, rows, table)
    for place, speed in enumerate(fast.itertuples()):
        _draw_speed(rows, place, speed, ways[speed.arm][0])
    titled_above(drawing, rows, f"How much sooner is {REFERENCE}'s last value reached?", _of(fast))
    return drawing


def _lines(arm: str, points: pd.DataFrame) -> list[dict[str, Any]]:
    """The points of an arm's seeds, and of their mean; a seed without copies is its last point."""
    wide = points.pivot(index="seed", columns="tokens", values="value")
    whole = wide.dropna()
    rows: list[dict[str, Any]] = []
    for point in points.itertuples():
        row = {"row": "seed", "arm": arm, "seed": point.seed}
        rows.append(row | {"tokens": point.tokens, "value": point.value})
    for tokens, value in whole.mean().dropna().items():
        rows.append({"row": "mean", "arm": arm, "tokens": tokens, "value": value})
    return rows


def _draw_lines(axes: Axes, arm: str, rows: pd.DataFrame, way: tuple[str, Any]) -> None:
    """One mixture: the mean of its seeds, and each seed thin where there are several."""
    colour, dashes = way
    mean = rows[rows.row == "mean"]
    axes.plot(
        mean.tokens,
        mean.value,
        color=colour,
        linestyle=dashes,
        linewidth=1.7,
        marker="o",
        markersize=3,
        label=arm,
    )
    seeds = rows[rows.row == "seed"].groupby("seed")
    if len(seeds) > 1:
        for _, line in seeds:
            axes.plot(line.tokens, line.value, color=colour, linewidth=0.6, alpha=0.4)


def _draw_speed(axes: Axes, place: int, speed: Any, colour: str) -> None:
    """One row: when a mixture is at natural's final value, with its interval, and in words."""
    left, right = axes.get_xlim()
    end = _end(axes)
    if np.isfinite(speed.low) and speed.high > 0:
        # an open end runs out of the axes
        ends = [left / 2 if np.isinf(speed.high) else end / speed.high]
        ends.append(2 * right if speed.low == 0 else end / speed.low)
        axes.plot(ends, [place, place], color=colour, linewidth=2.6, solid_capstyle="butt")
    if speed.status in (REACHED, AT_ONCE):
        marker = "<" if speed.status == AT_ONCE else "o"
        axes.scatter(speed.tokens, place, s=44, color=colour, marker=marker, zorder=3)
    words = Speed(speed.arm, speed.status, speed.tokens, speed.times, speed.low, speed.high).words
    axes.text(
        1.03,
        place,
        words,
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=9.5,
        color=colour if speed.status in (REACHED, AT_ONCE) else SOFT,
    )


def _end(axes: Axes) -> float:
    """Natural's tokens: where the vertical line stands."""
    return float(axes.lines[0].get_xdata()[0])  # type: ignore[index, arg-type]


def _frame(lines: Axes, rows: Axes, table: pd.DataFrame) -> None:
    """Axes of both panels, which share the tokens; a log axis, for lines are straight on it."""
    tokens = sorted(set(table.tokens[table.row.isin(["seed", "mean"])]))
    low, high = tokens[0], tokens[-1]
    reach = high / low if high > low else 10.0
    limits = (low / reach**0.04, high * reach**0.04)
    ticks = _ticks(tokens)
    for axes in (lines, rows):
        axes.set_xscale("log")
        axes.set_xlim(limits)
        axes.set_xticks(ticks, [quantity(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
    lines.tick_params(labelbottom=False)
    first = table.iloc[0]
    unit = "" if first.unit in ("", first.measure) else f", {first.unit}"
    lines.set_ylabel(f"{first.measure}{unit}")
    lines.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, handlelength=3)
    _levels(lines, rows, table, first.measure)
    fast = table[table.row == "speed"]
    row_lines(rows, len(fast))
    rows.set_yticks(range(len(fast)), fast.arm, color=INK, fontsize=10)
    rows.set_ylim(max(len(fast), 1) - 0.4, -0.6)
    rows.set_xlabel("training tokens")
    bare(lines, ticks="x")
    bare(rows, ticks="x")


def _levels(lines: Axes, rows: Axes, table: pd.DataFrame, measure: str) -> None:
    """Natural's final value above, and its tokens below."""
    level = table[table.row == "level"]
    if level.empty:
        return
    rows.axvline(level.tokens.iloc[0], color=INK, linewidth=1)
    value = level.value.iloc[0]
    lines.axhline(value, color=SOFT, linewidth=0.9, linestyle=":")
    lines.text(
        0.01,
        value,
        f"{REFERENCE}'s final {measure}",
        transform=lines.get_yaxis_transform(),
        va="bottom",
        fontsize=9,
        color=SOFT,
    )


def _ticks(tokens: Sequence[float]) -> list[float]:
    """Those of the points that have room for their numbers on a log axis; the last is one."""
    apart = (tokens[-1] / tokens[0]) ** APART
    ticks = [tokens[-1]]
    for place in reversed(tokens[:-1]):
        if place * apart <= ticks[-1]:
            ticks.append(place)
    return ticks[::-1]


def _of(fast: pd.DataFrame) -> str:
    """How to read the figure."""
    if fast.empty or not fast.status.isin([REACHED, AT_ONCE, NEVER]).any():
        return "No copies of the models on the way were kept, so there is no line to read."
    reading = "Mean of the targets. Between copies: linear in the log of tokens."
    if fast.low.notna().any():
        return f"{reading} Bars: 95% intervals over seeds."
    return f"{reading} One seed: no interval."
