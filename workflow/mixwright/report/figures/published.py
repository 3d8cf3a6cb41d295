"""What every mixer predicts for published mixtures, beside those that the mixers propose."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.learners import LOSS
from mixwright.report.figures.looks import mixer_marks
from mixwright.report.figures.style import INK, bare, row_lines, titled_above
from mixwright.trust.intervals import REFERENCE
from mixwright.trust.shown import NO_METRICS, Metrics, mean_of_targets, readout_of

# Distance from the best, up to which the axis is linear.
LINEAR = 0.03
TICKS = (0, 0.01, 0.02, 0.03, 0.1, 0.3, 1, 3)
KEYS = ["origin", "mixture", "mixer"]
COLUMNS = [*KEYS, "goal", "goal_rank", "mean", "mean_rank", "unit"]


def table(
    predictions: pd.DataFrame,
    targets: Mapping[str, float],
    metrics: Metrics = NO_METRICS,
) -> pd.DataFrame:
    """Returns a row a mixture and predicting mixer, by the mixtures' mean rank on the goal.

    Columns: `goal`, what is predicted on the goal's targets, and `mean`, that on all, each as such
    a goal is shown; `_rank` of each among the mixtures (1: best); `unit` of the goal.

    Args:
        metrics: target -> what its numbers are.
    """
    all_targets = dict.fromkeys(predictions.target.unique(), 1.0)
    result = predictions[KEYS].drop_duplicates()
    for column, weights in (("goal", targets), ("mean", all_targets)):
        means = mean_of_targets(predictions, ["loss"], KEYS, weights, metrics)
        result = result.merge(means.rename(columns={"loss": column}), on=KEYS)
        higher = readout_of(weights, metrics).metric.higher
        ranks = result.groupby("mixer")[column].rank(method="min", ascending=not higher)
        result[f"{column}_rank"] = ranks.astype(int)
    result["unit"] = readout_of(targets, metrics).metric.unit
    result["place"] = result.groupby(["origin", "mixture"]).goal_rank.transform("mean")
    ordered = result.sort_values(["place", *KEYS])
    return ordered[COLUMNS].reset_index(drop=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a row a mixture, the best first, and a dot a mixer.

    A dot is how much worse the mixer's prediction of the goal is than the best it predicts.
    """
    mixtures = list(dict.fromkeys(zip(table.origin, table.mixture, strict=True)))
    drawing = Figure(figsize=(8.2, 0.7 + 0.36 * len(mixtures)))
    axes = drawing.add_axes((0.24, 0, 0.56, 1))
    row_lines(axes, len(mixtures))
    best = table.goal.where(table.goal_rank == 1).groupby(table.mixer).transform("max")
    excess = (table.goal - best).abs()
    _dots(axes, table.assign(excess=excess), mixtures)
    _names(axes, mixtures)
    _scale(axes, reach=max(1.2 * float(excess.max()), LINEAR))
    axes.set_ylim(len(mixtures) - 0.5, -0.6)
    unit = table.unit.iloc[0]
    words = "predicted loss on the goal's targets above the lowest"
    if unit != LOSS.unit:
        words = "predicted on the goal's targets, how much worse than the best"
    axes.set_xlabel(f"{words}, {unit}".removesuffix(", "))
    axes.legend(
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        fontsize=9,
        frameon=False,
        title="predicted by",
        title_fontsize=9,
    )
    bare(axes, ticks="x")
    reading = (
        "Bold: published. A dot is one mixer's prediction, above its lowest prediction."
        " Nothing was trained."
    )
    titled_above(drawing, axes, "What do the mixers predict for published mixtures?", reading)
    return drawing


def _dots(axes: Axes, table: pd.DataFrame, mixtures: Sequence[tuple[str, str]]) -> None:
    """The mixers' dots in a row lie below each other."""
    mixers = sorted(set(table.mixer))
    ways = mixer_marks(mixers)
    for number, mixer in enumerate(mixers):
        rows = table[table.mixer == mixer]
        shift = 0.09 * (number - (len(mixers) - 1) / 2)
        heights = []
        for mixture in zip(rows.origin, rows.mixture, strict=True):
            heights.append(mixtures.index(mixture) + shift)
        colour, mark = ways[mixer]
        axes.scatter(
            rows.excess,
            heights,
            s=30,
            marker=mark,
            color=colour,
            linewidths=0,
            label=mixer,
        )


def _names(axes: Axes, mixtures: Sequence[tuple[str, str]]) -> None:
    """Names of the mixtures, published ones in bold."""
    names = []
    for origin, mixture in mixtures:
        of_mixer = origin != "published" and mixture != REFERENCE
        names.append(f"{mixture}'s proposal" if of_mixer else mixture)
    axes.set_yticks(range(len(names)), names, fontsize=9.5, color=INK)
    for (origin, _), label in zip(mixtures, axes.get_yticklabels(), strict=True):
        label.set_fontweight("bold" if origin == "published" else "normal")


def _scale(axes: Axes, reach: float) -> None:
    """Makes the x axis linear near the least and logarithmic from LINEAR to `reach`."""
    axes.set_xscale("symlog", linthresh=LINEAR)
    axes.set_xlim(-0.1 * LINEAR, reach)
    ticks = [tick for tick in TICKS if tick <= reach]
    axes.set_xticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    axes.set_xticks([], minor=True)
