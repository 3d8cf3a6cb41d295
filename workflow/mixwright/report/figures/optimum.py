"""How much of each domain the mixers ask for at the measured scale, beside published optima.

Amounts are in units of the base run's.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.measured.runs import base_mixture
from mixwright.report.figures.looks import mixer_marks
from mixwright.report.figures.style import INK, SOFT, bare, row_lines, titled_above
from mixwright.trust.intervals import REFERENCE

PUBLISHED = "published"


def table(
    mixtures: Sequence[Mapping[str, Any]], design: pd.DataFrame, ladder: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Returns a row a mixer (or published scale) and domain, proposals first.

    Columns: `weight`; `amount`, in units of the base run's, at the base run's total.

    Args:
        mixtures: the proposals, as their JSON files hold them.
        ladder: its steps 0 and 1 are published optima.
    """
    base = base_mixture(design[design.role == "perturb"])
    proposed = {}
    for record in mixtures:
        if record["mixer"] != REFERENCE:
            proposed[record["mixer"]] = pd.Series(record["weights"])
    parts = [_rows("proposed", mixer, proposed[mixer], base) for mixer in sorted(proposed)]
    if ladder is not None:
        published = _published(ladder)
        parts += [_rows(PUBLISHED, name, published[name], base) for name in sorted(published)]
    return pd.concat(parts, ignore_index=True)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a row a domain, the largest first: a dot a mixer, an empty dot a published optimum."""
    optima = list(dict.fromkeys(zip(table.origin, table.mixer, strict=True)))
    origin, mixer = optima[0]
    first = table[(table.origin == origin) & (table.mixer == mixer)]
    domains = list(first.sort_values(["amount", "domain"], ascending=[False, True]).domain)
    drawing = Figure(figsize=(8.2, 0.8 + 0.42 * len(domains)))
    axes = drawing.add_axes((0.16, 0, 0.58, 1))
    row_lines(axes, len(domains))
    axes.axvline(1, color=SOFT, linewidth=1, zorder=0)
    ways = mixer_marks([mixer for _, mixer in optima])
    for number, (origin, mixer) in enumerate(optima):
        rows = table[(table.origin == origin) & (table.mixer == mixer)]
        amounts = rows.set_index("domain").reindex(domains).amount
        step = min(0.11, 0.7 / len(optima))
        shift = step * (number - (len(optima) - 1) / 2)
        way = ways[mixer]
        if origin == PUBLISHED:
            _dots(axes, amounts, shift, way, f"published, {mixer}", filled=False)
        else:
            _dots(axes, amounts, shift, way, mixer, filled=True)
    axes.set_yticks(range(len(domains)), domains, fontsize=9.5, color=INK)
    axes.set_ylim(len(domains) - 0.5, -0.5)
    most = float(table.amount.max())
    axes.set_xlim(-0.03 * most, 1.08 * most)
    axes.set_xlabel("amount in units of the base run's")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=9, frameon=False)
    bare(axes, ticks="x")
    reading = (
        "The best amounts at the base run's total. Line: the base run."
        " The optimum depends on the objective. Largest first."
    )
    titled_above(drawing, axes, "How much of each domain?", reading)
    return drawing


def _published(ladder: pd.DataFrame) -> dict[str, pd.Series]:
    """Total in words -> weights by domain."""
    published = {}
    for step in (0.0, 1.0):
        tokens = ladder[ladder.step == step].set_index("domain").tokens
        published[f"{tokens.sum() / 1e9:.4g} B tokens"] = tokens / tokens.sum()
    return published


def _rows(origin: str, mixer: str, weights: pd.Series, base: pd.Series) -> pd.DataFrame:
    """Rows of one mixture; `base` is the weights of the base run."""
    weight = weights.reindex(base.index).to_numpy()
    return pd.DataFrame(
        {
            "origin": origin,
            "mixer": mixer,
            "domain": base.index,
            "weight": weight,
            "amount": weight / base.to_numpy(),
        }
    )


def _dots(
    axes: Axes, amounts: pd.Series, shift: float, way: tuple[str, str], label: str, filled: bool
) -> None:
    """Dots of one mixture, `shift` below the middle of their rows; `way` is colour and mark."""
    colour, mark = way
    axes.scatter(
        amounts,
        np.arange(len(amounts)) + shift,
        s=34,
        marker=mark,
        facecolors=colour if filled else "none",
        edgecolors=colour,
        linewidths=1.3,
        label=label,
        zorder=3,
    )
