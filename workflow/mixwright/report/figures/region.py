"""How far each weight of the optimum can move before a difference in loss can be told."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.report.figures.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    SOFT,
    bare,
    labelled,
    panel_title,
    panels,
    row_lines,
    titled,
)

# Way to find a region -> what it is called, its colour, and its place below a row's middle, rows.
WAYS = {
    "alike": ("not told apart by refits", BLUE, -0.22),
    "refits": ("optima of refits", ORANGE, 0.0),
    "seeds": ("other seeds", GREEN, 0.22),
}


def table(regions: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Returns a row a mixer, domain and way to find the region.

    Columns: `weight` at the optimum; `low` and `high`, the least and the greatest weight of the
    region.
    """
    rows = []
    for region in sorted(regions, key=lambda region: region["mixer"]):
        weights = region["weights"]
        for domain in sorted(weights, key=lambda domain: (-weights[domain], domain)):
            for way in WAYS:
                low, high = region["ranges"][way][domain]
                row = {"mixer": region["mixer"], "domain": domain, "weight": weights[domain]}
                rows.append(row | {"way": way, "low": low, "high": high})
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a panel a mixer, a row a domain: the optimum as a dot, the regions as lines."""
    mixers = sorted(set(table.mixer))
    weights = table.groupby("domain").weight.max().sort_values(ascending=False)
    domains = list(weights.index)
    height = 0.8 + 0.34 * len(domains)
    drawing, axes = panels(len(mixers), len(mixers), 4.3, height, sharey=True)
    for panel, mixer in zip(axes, mixers, strict=True):
        _panel(panel, table[table.mixer == mixer], domains)
        panel_title(panel, mixer)
    labelled(drawing, axes[0])
    drawing.supxlabel("weight, a share of 1", color=SOFT, fontsize=9.5)
    reading = (
        "Dot: the proposal. Lines: from the least to the greatest weight in each region,"
        " one weight at a time. Largest first."
    )
    titled(drawing, "How sharp is the optimum?", reading)
    return drawing


def _panel(axes: Axes, rows: pd.DataFrame, domains: Sequence[str]) -> None:
    row_lines(axes, len(domains))
    for way, (label, colour, shift) in WAYS.items():
        part = rows[rows.way == way]
        heights = part.domain.map(domains.index) + shift
        axes.hlines(
            heights,
            part.low,
            part.high,
            color=colour,
            linewidth=2.2,
            label=label,
        )
    optimum = rows.drop_duplicates("domain")
    heights = optimum.domain.map(domains.index)
    axes.scatter(
        optimum.weight,
        heights,
        s=22,
        color=INK,
        zorder=3,
        linewidths=0,
    )
    axes.set_yticks(range(len(domains)), domains, color=INK, fontsize=9.5)
    axes.set_ylim(len(domains) - 0.5, -0.6)
    greatest = max(rows.high.max(), rows.weight.max())
    axes.set_xlim(-0.01, min(1.02, 1.05 * greatest))
    bare(axes, ticks="x")
