"""Whether mixtures keep their order at another model size: rank correlations, target by target."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from mixwright.report.figures.style import BLUE, INK, VERMILION, bare, row_lines, titled_above
from mixwright.trust.transfer import MEAN


def table(transfer: Mapping[str, Any]) -> pd.DataFrame:
    """Returns a row a target, their mean first, then by rank correlation.

    Columns: `rank`, Spearman's correlation of the losses at the two sizes, with its 95% interval
    `low` to `high`; `mixtures`, how many it is of; `regret` of the first size's pick at the second,
    in `unit`.
    """
    ranks = transfer["ranks"]
    others = sorted((name for name in ranks if name != MEAN), key=lambda name: _place(ranks, name))
    rows = []
    for target in (MEAN, *others):
        interval = ranks[target]
        row = {"target": target, "rank": interval["value"]}
        rows.append(row | {"low": interval["low"], "high": interval["high"]})
    return pd.DataFrame(rows).assign(
        mixtures=len(transfer["mixtures"]), regret=transfer["regret"], unit=transfer["unit"]
    )


def figure(table: pd.DataFrame) -> Figure:
    """Draws a row a target: the rank correlation with its interval, and the line at 0."""
    drawing = Figure(figsize=(7.4, 0.7 + 0.34 * len(table)))
    axes = drawing.add_axes((0.22, 0, 0.74, 1))
    row_lines(axes, len(table))
    axes.axvline(0, color=INK, linewidth=1)
    for place, row in enumerate(table.itertuples()):
        colour, mark = (BLUE, "o") if row.low > 0 else (VERMILION, "s")
        axes.plot([row.low, row.high], [place, place], color=colour, linewidth=2.2, alpha=0.5)
        axes.scatter(row.rank, place, s=44, marker=mark, color=colour, linewidths=0, zorder=3)
    axes.set_yticks(range(len(table)), table.target, color=INK, fontsize=9.5)
    axes.get_yticklabels()[0].set_fontweight("bold")
    axes.set(xlim=(-1.05, 1.05), ylim=(len(table) - 0.4, -0.6))
    axes.set_xlabel("Spearman's rank correlation of the losses at the two sizes")
    bare(axes, ticks="x")
    first = table.iloc[0]
    unit = f" {first.unit}" if first.unit else ""
    reading = (
        f"{first.mixtures} mixtures, 95% intervals; orange squares: may be 0."
        f" The small size's pick costs {first.regret:.3f}{unit}."
    )
    titled_above(drawing, axes, "Do mixtures keep their order at another size?", reading)
    return drawing


def _place(ranks: Mapping[str, Mapping[str, float]], name: str) -> tuple[float, str]:
    return -ranks[name]["value"], name
