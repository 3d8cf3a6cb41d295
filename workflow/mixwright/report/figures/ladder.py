"""Where two published optima lead at other totals: each domain's tokens, and its weight.

Two figures: `figure` draws the tokens, `scales_figure` the weights.
"""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.report.figures.looks import strokes
from mixwright.report.figures.style import FAINT, INK, LEGEND_LINE, titled

# Steps before it are published: 0 and 1.
NEXT = 2


def table(ladder: pd.DataFrame) -> pd.DataFrame:
    """Returns a row a whole or half step and domain.

    Columns: `tokens` and `weight` of the domain; `total`, tokens of the step.
    """
    halves = ladder[(2 * ladder.step) % 1 == 0]
    return _with_weights(halves)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a line a domain: its tokens against total tokens, both in logarithms."""
    question = "Which totals does the ladder reach?"
    drawing, axes = _lines(table, "tokens", question)
    axes.set(yscale="log", ylabel="tokens of the domain")
    return drawing


def scales_table(ladder: pd.DataFrame) -> pd.DataFrame:
    """Returns a row a step of the ladder, fractional ones too, and domain.

    Columns: `total`, tokens of the step; `weight` of the domain.
    """
    return _with_weights(ladder)[["step", "total", "domain", "weight"]]


def scales_figure(table: pd.DataFrame) -> Figure:
    """Draws a line a domain: its weight against total tokens."""
    percent = table.assign(percent=100 * table.weight)
    question = "How does the best mixture move with scale?"
    drawing, axes = _lines(percent, "percent", question)
    axes.set_ylabel("weight, percent")
    return drawing


def _with_weights(ladder: pd.DataFrame) -> pd.DataFrame:
    total = ladder.groupby("step").tokens.transform("sum")
    weights = ladder.assign(weight=ladder.tokens / total, total=total)
    return weights.sort_values(["step", "domain"]).reset_index(drop=True)


def _lines(table: pd.DataFrame, value: str, question: str) -> tuple[Figure, Axes]:
    """Draws the column `value` of every domain against the total, which is written at whole steps.

    Domains stand in the legend as their lines end.
    """
    last = table[table.step == table.step.max()]
    ordered = last.sort_values([value, "domain"], ascending=[False, True])
    height = max(4.2, LEGEND_LINE * (len(ordered) + 1))
    drawing = Figure(figsize=(7.4, height))
    axes = drawing.add_axes((0.1, 0, 0.72, 1))
    for domain, (colour, dashes) in strokes(list(ordered.domain)).items():
        rows = table[table.domain == domain].sort_values("step")
        axes.plot(
            rows.total,
            rows[value],
            color=colour,
            linestyle=dashes,
            linewidth=1.7,
            label=domain,
        )
        whole = rows[rows.step % 1 == 0]
        _marks(axes, whole[whole.step < NEXT], value, colour, face=colour)
        _marks(axes, whole[whole.step >= NEXT], value, colour, face="white")
    steps = table[table.step % 1 == 0].drop_duplicates("step")
    axes.set_xscale("log")
    totals = list(steps.total)
    axes.set_xticks(totals, labels=[f"{total / 1e9:.5g}" for total in totals])
    axes.set_xticks([], minor=True)
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set_xlabel("total, billions of tokens")
    axes.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9, frameon=False, labelcolor=INK
    )
    reading = (
        "Full marks: published optima. Empty marks: extrapolated;"
        " a domain's tokens grow by the same factor at each step."
    )
    titled(drawing, question, reading)
    return drawing, axes


def _marks(axes: Axes, rows: pd.DataFrame, value: str, colour: str, face: str) -> None:
    axes.scatter(
        rows.total,
        rows[value],
        s=26,
        facecolors=face,
        edgecolors=colour,
        zorder=3,
    )
