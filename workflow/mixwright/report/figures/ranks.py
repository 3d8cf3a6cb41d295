"""How well each mixer ranks runs that it was not fitted to.

They are those held out of its swarm, and those of the test sets, such as of other sizes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.report.figures.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SOFT,
    VERMILION,
    bare,
    panels,
    rank_axis,
    row_lines,
    titled,
)
from mixwright.trust.shown import NO_METRICS, Metrics, in_units, one_unit
from mixwright.trust.validation import score

HELD_OUT = "held out"
COLOURS = (SOFT, BLUE, GREEN, ORANGE, VERMILION)
KEYS = ["mixer", "test"]
COLUMNS = ["mixer", "test", "runs", "targets", "spearman", "goal", "mse"]


def table(
    validation: pd.DataFrame,
    targets: Mapping[str, float],
    tests: pd.DataFrame | None = None,
    metrics: Metrics = NO_METRICS,
) -> pd.DataFrame:
    """Returns a row a mixer and set of runs, the best mixer first.

    Columns: `spearman`, the mean rank correlation of all targets; `goal`, that of the goal's
    targets by weight; `mse`, the mean squared error of all predictions, NaN where targets have
    several units. The set `held out` is the cross-validation inside the swarm, by which a mixer is
    chosen; the others only report.

    Args:
        metrics: target -> what its numbers are.
    """
    frame = validation.assign(test=HELD_OUT)
    sets = [HELD_OUT]
    if tests is not None:
        frame = pd.concat([frame, tests], ignore_index=True)
        sets += dict.fromkeys(tests.test)
    scores = _scores(frame)
    by_set = scores.groupby(KEYS)
    result = by_set.agg(targets=("target", "nunique"), spearman=("spearman", "mean"))
    result["goal"] = _weighted(scores, targets)
    shown = in_units(frame, ["actual", "predicted"], metrics)
    squares = (shown.predicted - shown.actual) ** 2
    if not one_unit(list(frame.target.unique()), metrics):
        squares = squares * np.nan
    result["mse"] = squares.groupby([frame.mixer, frame.test]).mean()
    result["runs"] = frame.groupby(KEYS).run.nunique()
    result = result.reset_index()
    held_out = result[result.test == HELD_OUT]
    best_first = held_out.sort_values(["spearman", "mixer"], ascending=[False, True])
    mixers = list(best_first.mixer)
    mixer_places = result.mixer.map(mixers.index)
    set_places = result.test.map(sets.index)
    result["place"] = mixer_places * len(sets) + set_places
    return result.sort_values("place")[COLUMNS].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draws two panels, all targets and the goal's: a row a mixer, a dot a set of runs."""
    mixers = list(dict.fromkeys(table.mixer))
    drawing, axes = panels(2, 2, 4.1, 0.9 + 0.36 * len(mixers), sharey=True)
    _panel(axes[0], table, "spearman", mixers)
    axes[0].set_title("mean of all targets", loc="left", fontsize=10, color=INK)
    _panel(axes[1], table, "goal", mixers)
    axes[1].set_title("the goal's targets", loc="left", fontsize=10, color=INK)
    drawing.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside right center",
        fontsize=9,
        frameon=False,
        handletextpad=0.2,
    )
    reading = (
        "Spearman's rank correlation x 100 of predicted and measured loss."
        " Held out: cross-validation inside the swarm."
    )
    titled(drawing, "Which mixer ranks unseen runs best?", reading)
    return drawing


def _scores(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a mixer, set of runs and target."""
    rows = []
    for (mixer, test, target), part in frame.groupby([*KEYS, "target"]):
        scores = score(part.actual.to_numpy(), part.predicted.to_numpy())
        rows.append({"mixer": mixer, "test": test, "target": target, **scores})
    return pd.DataFrame(rows)


def _weighted(scores: pd.DataFrame, targets: Mapping[str, float]) -> pd.Series:
    """Mean rank correlation of the goal's targets, by their weights; a row a mixer and set."""
    goal = scores[scores.target.isin(targets)]
    share = goal.target.map(pd.Series(targets))
    keys = [goal.mixer, goal.test]
    return (goal.spearman * share).groupby(keys).sum() / share.groupby(keys).sum()


def _panel(axes: Axes, table: pd.DataFrame, column: str, mixers: Sequence[str]) -> None:
    row_lines(axes, len(mixers))
    sets = list(dict.fromkeys(table.test))
    for colour, name in zip(np.resize(COLOURS, len(sets)), sets, strict=True):
        rows = table[table.test == name]
        axes.scatter(
            1 - rows[column],
            rows.mixer.map(mixers.index),
            s=34,
            color=colour,
            alpha=0.9,
            linewidths=0,
            label=name,
        )
    axes.set_yticks(range(len(mixers)), mixers, color=INK, fontsize=10)
    axes.set_ylim(len(mixers) - 0.5, -0.5)
    rank_axis(axes, "x", 1 - table[column])
    bare(axes)
