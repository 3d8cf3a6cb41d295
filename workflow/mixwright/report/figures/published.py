"""What every mixer predicts for published mixtures, beside the ones proposed."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from mixwright.report.figures.style import FAINT, INK, SERIES, bare, titled

LINEAR = 0.03  # nats/token over the least, up to which the axis is linear
TICKS = (0, 0.01, 0.02, 0.03, 0.1, 0.3, 1, 3)


def table(predictions: pd.DataFrame, targets: Mapping[str, float]) -> pd.DataFrame:
    """A row a mixture and predicting mixer: the goal's loss with its rank among the mixtures (1: least), the mean of all targets with its.

    Mixtures stand by their mean rank on the goal.
    """
    keys = ["origin", "mixture", "mixer"]
    share = predictions.target.map(pd.Series(targets)).fillna(0.0)
    goal = (predictions.loss * share).groupby([predictions[key] for key in keys]).sum()
    found = pd.DataFrame(
        {"goal": goal, "mean": predictions.groupby(keys).loss.mean()}
    ).reset_index()
    for column in ("goal", "mean"):
        found[f"{column}_rank"] = found.groupby("mixer")[column].rank(method="min").astype(int)
    place = found.groupby(["origin", "mixture"]).goal_rank.transform("mean")
    found = found.assign(place=place).sort_values(["place", "origin", "mixture", "mixer"])
    return found[
        ["origin", "mixture", "mixer", "goal", "goal_rank", "mean", "mean_rank"]
    ].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """A row a mixture, best first; a dot a mixer's prediction of the goal's loss, over its least one."""
    mixtures = list(dict.fromkeys(zip(table.origin, table.mixture, strict=True)))
    mixers = sorted(set(table.mixer))
    drawn = Figure(figsize=(8.2, 0.7 + 0.36 * len(mixtures)))
    axes = drawn.add_axes((0.24, 0, 0.56, 1))
    for row in range(len(mixtures)):
        axes.axhline(row, color=FAINT, linewidth=0.8, zorder=0)
    for number, mixer in enumerate(mixers):
        rows = table[table.mixer == mixer]
        at = [
            mixtures.index(key) + 0.09 * (number - (len(mixers) - 1) / 2)
            for key in zip(rows.origin, rows.mixture, strict=True)
        ]
        axes.scatter(
            rows.goal - rows.goal.min(),
            at,
            s=30,
            color=SERIES[number % len(SERIES)],
            linewidths=0,
            label=mixer,
        )
    labels = [
        mixture if origin == "published" else f"{mixture}'s proposal"
        for origin, mixture in mixtures
    ]
    axes.set_yticks(range(len(mixtures)), labels, fontsize=9.5, color=INK)
    for (origin, _), label in zip(mixtures, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if origin == "published" else "normal")
    axes.set_xscale("symlog", linthresh=LINEAR)
    axes.set(
        ylim=(len(mixtures) - 0.5, -0.6),
        xlabel="predicted loss on the goal's targets over the least, nats/token",
    )
    reach = max(
        1.2 * float((table.goal - table.groupby("mixer").goal.transform("min")).max()), LINEAR
    )
    axes.set_xlim(-0.1 * LINEAR, reach)
    ticks = [tick for tick in TICKS if tick <= reach]
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        fontsize=9,
        frameon=False,
        title="predicted by",
        title_fontsize=9,
    )
    bare(axes)
    axes.tick_params(axis="x", length=3)
    reading = "Bold: published. Each dot is one mixer's prediction, over the least that it predicts for any of them. Nothing was trained."
    titled(drawn, "How good are the published mixtures held to be?", reading)
    return drawn
