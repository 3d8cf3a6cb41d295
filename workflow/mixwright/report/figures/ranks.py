"""How well each mixer ranks runs that it has not seen: held out of its swarm, and of other sizes."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.report.figures.style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    SOFT,
    VERMILION,
    bare,
    panels,
    rank_axis,
    titled,
)
from mixwright.trust.validation import score

HELD_OUT = "held out"
COLOURS = (SOFT, BLUE, GREEN, ORANGE, VERMILION)


def table(
    tests: pd.DataFrame, validation: pd.DataFrame, targets: Mapping[str, float]
) -> pd.DataFrame:
    """A row a mixer and set of runs: Spearman's rank correlation, mean of all targets and of the goal's, and the mean squared error of all.

    The set `held out` is the cross-validation inside the swarm, by which a mixer is chosen; the others only report. Best mixer first.
    """
    frame = pd.concat([validation.assign(test=HELD_OUT), tests], ignore_index=True)
    by_target = pd.DataFrame(
        [
            {
                "mixer": mixer,
                "test": test,
                "target": target,
                **score(part.actual.to_numpy(), part.predicted.to_numpy()),
            }
            for (mixer, test, target), part in frame.groupby(["mixer", "test", "target"])
        ]
    )
    goal = by_target[by_target.target.isin(targets)]
    share = goal.target.map(pd.Series(targets))
    keys = ["mixer", "test"]
    found = by_target.groupby(keys).agg(
        targets=("target", "nunique"), spearman=("spearman", "mean")
    )
    found["goal"] = (goal.spearman * share).groupby([goal.mixer, goal.test]).sum() / share.groupby(
        [goal.mixer, goal.test]
    ).sum()
    found["mse"] = ((frame.predicted - frame.actual) ** 2).groupby([frame.mixer, frame.test]).mean()
    found["runs"] = frame.groupby(keys).run.nunique()
    found = found.reset_index()
    order = (
        found[found.test == HELD_OUT]
        .sort_values(["spearman", "mixer"], ascending=[False, True])
        .mixer.tolist()
    )
    sets = [HELD_OUT, *dict.fromkeys(tests.test)]
    found["place"] = found.mixer.map(order.index) * len(sets) + found.test.map(sets.index)
    return found.sort_values("place")[
        ["mixer", "test", "runs", "targets", "spearman", "goal", "mse"]
    ].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Two panels, all targets and the goal's: a row a mixer, a dot a set of runs."""
    mixers, sets = list(dict.fromkeys(table.mixer)), list(dict.fromkeys(table.test))
    drawn, axes = panels(2, 2, 4.1, 0.9 + 0.36 * len(mixers), sharey=True)
    for panel, column, title in zip(
        axes, ("spearman", "goal"), ("mean of all targets", "the goal's targets"), strict=True
    ):
        _panel(panel, table, column, mixers, sets)
        panel.set_title(title, loc="left", fontsize=10, color=INK)
    drawn.legend(
        *axes[0].get_legend_handles_labels(),
        loc="outside right center",
        fontsize=9,
        frameon=False,
        handletextpad=0.2,
    )
    reading = "Spearman's rank correlation x 100 of predicted and measured loss. Held out: cross-validation inside the swarm."
    titled(drawn, "Which mixer ranks runs that it has not seen?", reading)
    return drawn


def _panel(
    axes: Axes, table: pd.DataFrame, column: str, mixers: list[str], sets: list[str]
) -> None:
    for row in range(len(mixers)):
        axes.axhline(row, color=FAINT, linewidth=0.8, zorder=0)
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
