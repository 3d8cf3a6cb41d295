"""Whether the proxies can tell mixtures apart at all, target by target."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from mixwright.errors import MixwrightError
from mixwright.learners import TEXT, Learner
from mixwright.report.figures.style import BLUE, FAINT, INK, SOFT, VERMILION, bare, titled
from mixwright.trust.noise import THRESHOLD, losses_of_role, target_signals


def figure(
    design: pd.DataFrame,
    losses: pd.DataFrame,
    targets: Mapping[str, float],
    learner: Learner = TEXT,
) -> Figure:
    """Left: signal-to-noise of each target with the line at 3; right: how far each swarm proxy gets below a unigram model. Targets of the
    study come first, in bold; the training domains follow."""
    signals = target_signals(design, losses)
    if signals.empty:
        raise MixwrightError("losses: the swarm has no runs; train the swarm first")
    signals = signals.assign(asked=signals.target.isin(list(targets))).sort_values(
        ["asked", "signal_to_noise"], ascending=False
    )
    drawn = Figure(figsize=(8.2, 0.5 + 0.36 * len(signals)))
    ratio, gain = drawn.add_axes((0.15, 0, 0.36, 1)), drawn.add_axes((0.58, 0, 0.36, 1))
    _ratios(ratio, signals)
    _gains(gain, signals, learner, losses_of_role(design, losses, "swarm").dropna(subset=["loss"]))
    for axes in (ratio, gain):
        axes.set_ylim(len(signals) - 0.4, -0.6)
        bare(axes)
        axes.tick_params(axis="x", length=3)
    ratio.set_yticks(range(len(signals)), signals.target, fontsize=10)
    for label, asked in zip(ratio.get_yticklabels(), signals.asked, strict=True):
        label.set(color=INK if asked else SOFT, fontweight="bold" if asked else "normal")
    gain.set_yticks([])
    reading = "Bold: the targets of the study. Orange: a signal under 3, or a proxy that a unigram model beats."
    titled(drawn, "Can these proxies tell mixtures apart?", reading)
    return drawn


def _ratios(axes: Axes, signals: pd.DataFrame) -> None:
    axes.axvline(THRESHOLD, color=INK, linewidth=1)
    for row, (value, low, high) in enumerate(
        signals[["signal_to_noise", "low", "high"]].to_numpy()
    ):
        axes.axhline(row, color=FAINT, linewidth=0.8, zorder=0)
        if np.isfinite(value):
            colour = VERMILION if value < THRESHOLD else BLUE
            axes.plot(
                [low, high],
                [row, row],
                color=colour,
                linewidth=2.2,
                alpha=0.35,
                solid_capstyle="round",
            )
            axes.scatter(value, row, s=46, color=colour, edgecolors="white", zorder=3)
            axes.text(
                value,
                row - 0.17,
                f"{value:.1f}",
                ha="center",
                va="bottom",
                fontsize=8,
                color=colour,
            )
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_major_locator(FixedLocator([0.1, 0.3, 1, 3, 10, 30, 100, 300]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("spread over mixtures / spread over seeds (95% interval)")


def _gains(axes: Axes, signals: pd.DataFrame, learner: Learner, swarm: pd.DataFrame) -> None:
    axes.axvline(0, color=INK, linewidth=1)
    for row, target in enumerate(signals.target):
        axes.axhline(row, color=FAINT, linewidth=0.8, zorder=0)
        gain = (swarm.unigram_loss - swarm.loss)[swarm.target == target].sort_values().to_numpy()
        shift = 0.22 * (
            (np.arange(len(gain)) * 0.618) % 1 - 0.5
        )  # golden-ratio jitter: spreads dots, the same every time
        axes.scatter(
            gain,
            row + shift,
            s=11,
            c=[VERMILION if g <= 0 else BLUE for g in gain],
            alpha=0.55,
            linewidths=0,
        )
    axes.set_xlabel(f"{learner.loss.unit} below {learner.reference}")
