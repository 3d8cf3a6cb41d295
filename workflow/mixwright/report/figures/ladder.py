"""Where two published optima lead at other totals: each domain's tokens, and its weight."""

import pandas as pd
from matplotlib.figure import Figure

from mixwright.report.figures.style import FAINT, INK, SERIES, titled

NEXT = 2  # steps up to 1 are published


def table(ladder: pd.DataFrame) -> pd.DataFrame:
    """A row a whole or half step and domain: tokens and weight of the domain, total of the step."""
    steps = ladder[(2 * ladder.step) % 1 == 0]
    total = steps.groupby("step").tokens.transform("sum")
    return (
        steps.assign(weight=steps.tokens / total, total=total)
        .sort_values(["step", "domain"])
        .reset_index(drop=True)
    )


def figure(table: pd.DataFrame) -> Figure:
    """A line a domain, tokens against total tokens, both in logarithms; a mark at every step whose total is written below."""
    return _lines(
        table, "tokens", "tokens of the domain", "Which totals does the ladder reach?", "y"
    )


def scales_table(ladder: pd.DataFrame) -> pd.DataFrame:
    """A row a step of the ladder, fractional ones too, and domain: its weight, and the total."""
    total = ladder.groupby("step").tokens.transform("sum")
    weights = ladder.assign(weight=ladder.tokens / total, total=total)
    return (
        weights[["step", "total", "domain", "weight"]]
        .sort_values(["step", "domain"])
        .reset_index(drop=True)
    )


def scales_figure(table: pd.DataFrame) -> Figure:
    """A line a domain, weight against total tokens."""
    percent = table.assign(percent=100 * table.weight)
    question = "How does the best mixture move with scale?"
    return _lines(percent, "percent", "weight, percent", question)


def _lines(table: pd.DataFrame, value: str, label: str, question: str, log: str = "") -> Figure:
    """`value` of every domain against the total, published steps with full marks."""
    drawn = Figure(figsize=(7.4, 4.2))
    axes = drawn.add_axes((0.1, 0, 0.72, 1))
    last = table[table.step == table.step.max()].sort_values(
        [value, "domain"], ascending=[False, True]
    )
    for number, domain in enumerate(last.domain):
        rows, colour = (
            table[table.domain == domain].sort_values("step"),
            SERIES[number % len(SERIES)],
        )
        axes.plot(rows.total, rows[value], color=colour, linewidth=1.7, label=domain)
        for published in (True, False):
            marked = rows[(rows.step % 1 == 0) & ((rows.step < NEXT) == published)]
            axes.scatter(
                marked.total,
                marked[value],
                s=26,
                facecolors=colour if published else "white",
                edgecolors=colour,
                zorder=3,
            )
    steps = table[table.step % 1 == 0].drop_duplicates("step")
    axes.set_xscale("log")
    axes.set_xticks(list(steps.total), labels=[f"{total / 1e9:.5g}" for total in steps.total])
    axes.set_xticks([], minor=True)
    if log:
        axes.set_yscale("log")
    axes.grid(color=FAINT, linewidth=0.7)
    axes.set(xlabel="total, billions of tokens", ylabel=label)
    axes.legend(
        loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9, frameon=False, labelcolor=INK
    )
    titled(
        drawn,
        question,
        "Full marks: published optima. Empty ones: extrapolated, each step multiplying every domain's tokens alike.",
    )
    return drawn
