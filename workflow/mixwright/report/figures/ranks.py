"""How well each mixer ranks runs that it was not fitted to.

They are those held out of its swarm, and those of the test sets, such as of other sizes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman_of_rows
from mixwright.report.figures.looks import marks
from mixwright.report.figures.style import (
    INK,
    RANK_LABEL,
    SOFT,
    bare,
    labelled,
    panels,
    rank_axis,
    row_lines,
    titled,
)
from mixwright.trust.shown import NO_METRICS, Metrics, in_units, one_unit
from mixwright.trust.validation import score

HELD_OUT = "held out"
KEYS = ["mixer", "test"]
MEANS = ("spearman", "goal")
COLUMNS = ["mixer", "test", "runs", "targets", *MEANS, "mse"]
# Resamples of the runs for the intervals, and their ends.
DRAWS = 100
ENDS = {"low": 0.025, "high": 0.975}
# Rows over which the sets of a mixer are spread.
SPREAD = 0.5


def table(
    validation: pd.DataFrame,
    targets: Mapping[str, float],
    tests: pd.DataFrame | None = None,
    metrics: Metrics = NO_METRICS,
) -> pd.DataFrame:
    """Returns a row a mixer and set of runs, the best mixer first.

    Columns: `spearman`, the mean rank correlation of all targets; `goal`, that of the goal's
    targets by weight; both with 95% intervals, `_low` and `_high`, over resampled runs; `mse`, the
    mean squared error of all predictions, NaN where targets have several units. The set `held out`
    is the cross-validation inside the swarm, by which a mixer is chosen; the others only report.

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
    result = result.join(_intervals(frame, targets, result))
    result = result.reset_index()
    held_out = result[result.test == HELD_OUT]
    best_first = held_out.sort_values(["spearman", "mixer"], ascending=[False, True])
    mixers = list(best_first.mixer)
    mixer_places = result.mixer.map(mixers.index)
    set_places = result.test.map(sets.index)
    result["place"] = mixer_places * len(sets) + set_places
    ends = [f"{mean}_{end}" for mean in MEANS for end in ENDS]
    return result.sort_values("place")[[*COLUMNS, *ends]].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draws two panels, all targets and the goal's: a row a mixer, a dot a set of runs."""
    mixers = list(dict.fromkeys(table.mixer))
    drawing, axes = panels(2, 2, 4.1, 0.9 + 0.36 * len(mixers), sharey=True)
    _panel(axes[0], table, "spearman", mixers)
    axes[0].set_title("mean of all targets", loc="left", fontsize=10, color=INK)
    _panel(axes[1], table, "goal", mixers)
    axes[1].set_title("the goal's targets", loc="left", fontsize=10, color=INK)
    labelled(drawing, axes[0])
    drawing.supxlabel(RANK_LABEL, color=SOFT, fontsize=9.5)
    reading = (
        "Spearman's correlation of predicted and measured, with 95% intervals over runs."
        " Held out: cross-validation."
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


def _intervals(
    frame: pd.DataFrame, targets: Mapping[str, float], result: pd.DataFrame
) -> pd.DataFrame:
    """Ends of both means' intervals over resampled runs, a row a mixer and set.

    An interval holds its mean: a resample has runs twice, which ranks them a little worse.
    """
    rows = []
    for keys, part in frame.groupby(KEYS):
        wide = part.pivot(index="run", columns="target", values=["actual", "predicted"]).dropna()
        names = list(wide["actual"].columns)
        even = np.full(len(names), 1 / len(names))
        share = np.array([targets.get(name, 0.0) for name in names])
        weights = np.stack([even, share / share.sum() if share.any() else even])
        draws = _resampled(wide["actual"].to_numpy(), wide["predicted"].to_numpy(), weights)
        row = dict(zip(KEYS, keys, strict=True))
        for mean, values in zip(MEANS, draws, strict=True):
            for end, quantile in ENDS.items():
                pick = min if end == "low" else max
                row[f"{mean}_{end}"] = pick(np.quantile(values, quantile), result.loc[keys, mean])
        rows.append(row)
    return pd.DataFrame(rows).set_index(KEYS)


def _resampled(actual: Array, predicted: Array, weights: Array) -> Array:
    """(means, draws) rank correlations of (runs, targets); `weights` is (means, targets)."""
    rng = np.random.default_rng(0)
    count = len(actual)
    draws = []
    for chosen in rng.integers(count, size=(DRAWS, count)):
        ranks = spearman_of_rows(actual[chosen].T, predicted[chosen].T)
        draws.append(weights @ ranks)
    return np.stack(draws, axis=1)


def _weighted(scores: pd.DataFrame, targets: Mapping[str, float]) -> pd.Series:
    """Mean rank correlation of the goal's targets, by their weights; a row a mixer and set."""
    goal = scores[scores.target.isin(targets)]
    share = goal.target.map(pd.Series(targets))
    keys = [goal.mixer, goal.test]
    return (goal.spearman * share).groupby(keys).sum() / share.groupby(keys).sum()


def _panel(axes: Axes, table: pd.DataFrame, column: str, mixers: Sequence[str]) -> None:
    row_lines(axes, len(mixers))
    sets = list(dict.fromkeys(table.test))
    ways = {HELD_OUT: (SOFT, "o")} | marks([name for name in sets if name != HELD_OUT])
    for number, name in enumerate(sets):
        rows = table[table.test == name]
        colour, mark = ways[name]
        # sets lie below each other in a row
        shift = SPREAD * ((number + 0.5) / len(sets) - 0.5)
        heights = rows.mixer.map(mixers.index) + shift
        axes.hlines(
            heights,
            1 - rows[f"{column}_low"],
            1 - rows[f"{column}_high"],
            color=colour,
            alpha=0.5,
            linewidth=1.6,
        )
        axes.scatter(
            1 - rows[column],
            heights,
            s=34,
            marker=mark,
            color=colour,
            linewidths=0,
            label=name,
            zorder=3,
        )
    axes.set_yticks(range(len(mixers)), mixers, color=INK, fontsize=10)
    axes.set_ylim(len(mixers) - 0.5, -0.5)
    shown = table[[column, f"{column}_low", f"{column}_high"]].to_numpy().ravel()
    rank_axis(axes, "x", 1 - shown)
    bare(axes)
