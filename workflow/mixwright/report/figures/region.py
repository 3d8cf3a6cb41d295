"""How far each weight of the optimum can move at no loss that one could tell."""

from collections.abc import Mapping, Sequence
from typing import Any

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
    bare,
    panels,
    titled,
)

WAYS = {
    "alike": ("not told apart by refits", BLUE),
    "refits": ("optima of refits", ORANGE),
    "seeds": ("other seeds", GREEN),
}


def table(regions: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """A row a mixer, domain and way: the weight at the optimum, and the least and greatest weight of the region."""
    rows = [
        {
            "mixer": region["mixer"],
            "domain": domain,
            "weight": weight,
            "way": way,
            "low": low,
            "high": high,
        }
        for region in sorted(regions, key=lambda region: region["mixer"])
        for domain, weight in sorted(
            region["weights"].items(), key=lambda pair: (-pair[1], pair[0])
        )
        for way in WAYS
        for low, high in [region["ranges"][way][domain]]
    ]
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame) -> Figure:
    """A panel a mixer: a row a domain, the optimum a dot, the three ranges as lines under each other."""
    mixers = sorted(set(table.mixer))
    order = table.groupby("domain").weight.max().sort_values(ascending=False).index.tolist()
    drawn, axes = panels(len(mixers), len(mixers), 4.3, 0.8 + 0.34 * len(order), sharey=True)
    for panel, mixer in zip(axes, mixers, strict=True):
        _panel(panel, table[table.mixer == mixer], order)
        panel.set_title(mixer, loc="left", fontsize=10, fontweight="bold", color=INK)
    axes[0].legend(loc="lower right", fontsize=8.5, frameon=False)
    drawn.supxlabel("weight", color=SOFT, fontsize=9.5)
    reading = "Dot: the proposal. Lines: from the least to the greatest weight in each region, one weight at a time."
    titled(drawn, "How sharp is the optimum?", reading)
    return drawn


def _panel(axes: Axes, rows: pd.DataFrame, order: list[str]) -> None:
    for number in range(len(order)):
        axes.axhline(number, color=FAINT, linewidth=0.8, zorder=0)
    for shift, (way, (label, colour)) in zip((-0.22, 0.0, 0.22), WAYS.items(), strict=True):
        part = rows[rows.way == way]
        at = part.domain.map(order.index) + shift
        axes.hlines(at, part.low, part.high, color=colour, linewidth=2.2, label=label)
    part = rows.drop_duplicates("domain")
    axes.scatter(part.weight, part.domain.map(order.index), s=22, color=INK, zorder=3, linewidths=0)
    axes.set_yticks(range(len(order)), order, color=INK, fontsize=9.5)
    axes.set_ylim(len(order) - 0.5, -0.6)
    axes.set_xlim(-0.01, min(1.02, 1.05 * max(rows.high.max(), rows.weight.max())))
    bare(axes)
    axes.tick_params(axis="x", length=3)
