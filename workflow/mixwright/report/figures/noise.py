"""Whether the proxies can tell mixtures apart at all, target by target."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mixwright.errors import MixwrightError
from mixwright.learners import TEXT, Learner
from mixwright.mixture import Array
from mixwright.report.figures.style import (
    BLUE,
    INK,
    SOFT,
    VERMILION,
    bare,
    many,
    row_lines,
    titled_above,
)
from mixwright.report.judging import minimised_losses
from mixwright.trust.noise import THRESHOLD, losses_of_role, target_signals

TICKS = (0.1, 0.3, 1, 3, 10, 30, 100, 300)
# Kinds of rows.
RATIO, GAIN = "signal to noise", "gain"
# Fraction of the golden ratio: multiples of it spread dots evenly, and the same every time.
GOLDEN = 0.618


def table(
    design: pd.DataFrame,
    losses: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
) -> pd.DataFrame:
    """Returns what a target's losses tell: rows of two kinds, named in the column `of`.

    `signal to noise`: `value` with its 95% interval `low` to `high`, a row a target. `gain`: how
    far a swarm `run` gets below a unigram model, `value` in `unit`. `in_goal`: whether the study
    weighs the target. Those of the study come first.
    """
    losses = minimised_losses(losses, learner.chosen)
    signals = target_signals(design, losses)
    if signals.empty:
        raise MixwrightError("losses: the swarm has no runs; train the swarm first")
    signals["in_goal"] = signals.target.isin(list(targets))
    signals = signals.sort_values(["in_goal", "signal_to_noise"], ascending=False)
    ratios = signals.rename(columns={"signal_to_noise": "value"}).assign(of=RATIO, unit="")
    swarm = losses_of_role(design, losses, "swarm").dropna(subset=["loss"])
    unit = f"{learner.loss.unit} below {learner.reference}"
    if learner.chosen:
        unit = f"nats below {learner.reference}, or below a guess"
    gains = swarm.assign(value=swarm.unigram_loss - swarm.loss, of=GAIN, unit=unit)
    gains["in_goal"] = gains.target.isin(list(targets))
    places = gains.target.map(list(ratios.target).index)
    gains = gains.assign(place=places).sort_values(["place", "value", "run"])
    columns = ["of", "target", "in_goal", "run", "value", "low", "high", "unit"]
    return pd.concat([ratios, gains])[columns]


def figure(table: pd.DataFrame) -> Figure:
    """Draws two panels, a row a target.

    Left: the signal-to-noise ratio, with the line at 3. Right: how far each swarm proxy gets below
    a unigram model. Targets of the study come first, in bold; the training domains follow.
    """
    signals = table[table.of == RATIO]
    gains = table[table.of == GAIN]
    drawing = Figure(figsize=(8.2, 0.5 + 0.36 * len(signals)))
    left = drawing.add_axes((0.15, 0, 0.36, 1))
    right = drawing.add_axes((0.58, 0, 0.36, 1))
    _ratios(left, signals)
    _gains(right, signals, gains)
    right.set_xlabel(gains.unit.iloc[0])
    for axes in (left, right):
        axes.set_ylim(len(signals) - 0.4, -0.6)
        bare(axes, ticks="x")
    _names(left, signals)
    right.set_yticks([])
    reading = (
        "Bold: the targets of the study."
        " Orange: a signal under 3, or a proxy that a unigram model beats."
    )
    titled_above(drawing, left, "Can these proxies tell mixtures apart?", reading)
    return drawing


def _names(axes: Axes, signals: pd.DataFrame) -> None:
    """Names of the targets, bold where they have weight in the study."""
    axes.set_yticks(range(len(signals)), signals.target, fontsize=10)
    for label, weighted in zip(axes.get_yticklabels(), signals.in_goal, strict=True):
        if weighted:
            label.set(color=INK, fontweight="bold")
        else:
            label.set(color=SOFT, fontweight="normal")


def _ratios(axes: Axes, signals: pd.DataFrame) -> None:
    axes.axvline(THRESHOLD, color=INK, linewidth=1)
    row_lines(axes, len(signals))
    intervals = signals[["value", "low", "high"]].to_numpy()
    for row, (value, low, high) in enumerate(intervals):
        # Not known without repeats.
        if np.isfinite(value):
            _ratio(axes, row, value, (low, high))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(FixedLocator(TICKS))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("spread over mixtures / spread over seeds (95% interval)")


def _ratio(axes: Axes, row: int, value: float, ends: tuple[float, float]) -> None:
    colour = VERMILION if value < THRESHOLD else BLUE
    axes.plot(
        ends,
        [row, row],
        color=colour,
        linewidth=2.2,
        alpha=0.35,
        solid_capstyle="round",
    )
    axes.scatter(
        value,
        row,
        s=46,
        color=colour,
        edgecolors="white",
        zorder=3,
    )
    axes.text(
        value,
        row - 0.17,
        f"{value:.1f}",
        ha="center",
        va="bottom",
        fontsize=8,
        color=colour,
    )


def _gains(axes: Axes, signals: pd.DataFrame, gains: pd.DataFrame) -> None:
    """One dot a proxy: the loss of a unigram model less its own."""
    axes.axvline(0, color=INK, linewidth=1)
    row_lines(axes, len(signals))
    for row, target in enumerate(signals.target):
        gain = gains[gains.target == target].value.to_numpy()
        colours = [VERMILION if value <= 0 else BLUE for value in gain]
        heights = row + _jitter(len(gain))
        axes.scatter(
            gain,
            heights,
            s=11,
            c=colours,
            alpha=0.55,
            linewidths=0,
            rasterized=many(len(gains)),
        )


def _jitter(count: int) -> Array:
    """(count,) shifts from -0.11 to 0.11 rows, so that dots lie beside each other."""
    places = np.arange(count, dtype=np.float64) * GOLDEN % 1
    return 0.22 * (places - 0.5)
