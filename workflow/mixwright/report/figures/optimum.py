"""How much of each domain the mixers ask for at the measured scale, in units of the base run's amount, beside published optima."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mixwright.measured.runs import base_mixture
from mixwright.report.figures.style import FAINT, INK, SERIES, SOFT, bare, titled
from mixwright.trust.intervals import REFERENCE


def table(
    mixtures: Sequence[Mapping[str, Any]], design: pd.DataFrame, ladder: pd.DataFrame | None = None
) -> pd.DataFrame:
    """A row a mixer (or published scale) and domain: weight, and amount in base amounts at the base run's total."""
    base = base_mixture(design)
    rows = [
        ("proposed", record["mixer"], pd.Series(record["weights"]))
        for record in mixtures
        if record["mixer"] != REFERENCE
    ]
    if ladder is not None:
        for step in (0.0, 1.0):
            tokens = ladder[ladder.step == step].set_index("domain").tokens
            rows.append(("published", f"{tokens.sum() / 1e9:.4g} B tokens", tokens / tokens.sum()))
    parts = [
        pd.DataFrame(
            {
                "origin": origin,
                "mixer": mixer,
                "domain": base.index,
                "weight": weights.reindex(base.index).to_numpy(),
            }
        )
        for origin, mixer, weights in sorted(rows, key=lambda row: (row[0] != "proposed", row[1]))
    ]
    found = pd.concat(parts, ignore_index=True)
    return found.assign(amount=found.weight / found.domain.map(base))


def figure(table: pd.DataFrame) -> Figure:
    """A row a domain, largest first; a dot a mixer, an empty one a published optimum."""
    sources = list(dict.fromkeys(zip(table.origin, table.mixer, strict=True)))
    first = table[(table.origin == sources[0][0]) & (table.mixer == sources[0][1])]
    domains = list(first.sort_values(["amount", "domain"], ascending=[False, True]).domain)
    drawn = Figure(figsize=(8.2, 0.8 + 0.42 * len(domains)))
    axes = drawn.add_axes((0.16, 0, 0.58, 1))
    for row in range(len(domains)):
        axes.axhline(row, color=FAINT, linewidth=0.8, zorder=0)
    axes.axvline(1, color=SOFT, linewidth=1, zorder=0)
    for number, (origin, mixer) in enumerate(sources):
        rows = (
            table[(table.origin == origin) & (table.mixer == mixer)]
            .set_index("domain")
            .reindex(domains)
        )
        at = np.arange(len(domains)) + 0.11 * (number - (len(sources) - 1) / 2)
        colour, published = SERIES[number % len(SERIES)], origin == "published"
        face, label = ("white", f"published, {mixer}") if published else (colour, mixer)
        axes.scatter(
            rows.amount,
            at,
            s=34,
            facecolors=face,
            edgecolors=colour,
            linewidths=1.3,
            label=label,
            zorder=3,
        )
    axes.set_yticks(range(len(domains)), domains, fontsize=9.5, color=INK)
    axes.set(
        ylim=(len(domains) - 0.5, -0.5),
        xlim=(0, 1.08 * float(table.amount.max())),
        xlabel="amount in units of the base run's",
    )
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=9, frameon=False)
    bare(axes)
    axes.tick_params(axis="x", length=3)
    titled(
        drawn,
        "How much of each domain?",
        "The best budget of the base run's total. Line: the base run. The choice of objective moves it.",
    )
    return drawn
