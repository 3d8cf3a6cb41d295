"""Which domains each mixer takes more of, and less of, than the natural mixture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mixwright.errors import MixwrightError
from mixwright.report.figures.style import (
    INK,
    ON_CELL,
    ON_DARK_CELL,
    SOFT,
    bare,
    diverging,
    slanted,
    table_cell,
    titled_above,
)
from mixwright.trust.intervals import REFERENCE

# As a mixture's JSON file holds it.
Record = Mapping[str, Any]

# Colours end at a quarter and at four times the natural weight: log2 of the ratio.
RANGE = 2.0
COLOURS = diverging()
# More domains than this have narrow columns and slanted names.
WIDE = 8


def table(mixtures: Sequence[Record]) -> pd.DataFrame:
    """Returns a row a mixer and domain, natural first and the domains by natural weight.

    Columns: `weight`, a share of 1, with the interval `low` to `high` of the mixer's refits where
    it gives one; `natural`, the weight there; `capped`, whether the weight is at its upper bound.
    """
    ordered = in_order(mixtures)
    natural = ordered[0]["weights"]
    domains = sorted(natural, key=lambda name: (-natural[name], name))
    rows = []
    for record in ordered:
        capped = _capped(record)
        intervals = _intervals(record)
        for domain in domains:
            low, high = intervals.get(domain, (np.nan, np.nan))
            row = {
                "mixer": record["mixer"],
                "domain": domain,
                "weight": record["weights"].get(domain, 0.0),
                "low": low,
                "high": high,
                "natural": natural[domain],
                "capped": domain in capped,
            }
            rows.append(row)
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame) -> Figure:
    """Draws a table of weights in percent, mixers by domains, natural first.

    Colour is the ratio to natural and a frame marks a weight at its cap. A second line holds the
    weight's interval where the mixer gives one.
    """
    mixers = list(dict.fromkeys(table.mixer))
    domains = list(dict.fromkeys(table.domain))
    width = 0.62 if len(domains) > WIDE else 0.95
    drawing = Figure(figsize=(width * len(domains), 0.42 * len(mixers)))
    axes = drawing.add_axes((0, 0, 1, 1))
    for cell in table.itertuples():
        _cell(axes, mixers.index(cell.mixer), domains.index(cell.domain), cell)
    _frame(axes, mixers, domains)
    titled_above(drawing, axes, "What does each mixer take more of?", _reading(table))
    return drawing


def in_order(mixtures: Sequence[Record], reference: str = REFERENCE) -> list[Record]:
    """Sorts mixtures so that alike ones stand together: the reference first, then the nearest.

    Distance is the total variation from the reference.

    Raises:
        MixwrightError: the reference is not among them.
    """
    base = None
    for record in mixtures:
        if record["mixer"] == reference:
            base = record["weights"]
    if base is None:
        raise MixwrightError(
            f"mixtures: there is none of {reference}; add `{reference}: {{}}` to mixers"
        )

    def place(record: Record) -> tuple[bool, float, str]:
        weights = record["weights"]
        distance = 0.0
        for name, share in base.items():
            distance += abs(weights.get(name, 0.0) - share)
        return record["mixer"] != reference, distance, record["mixer"]

    return sorted(mixtures, key=place)


def percent(weight: float) -> str:
    """Writes a weight in percent with two digits, and tells a true zero from a small weight."""
    if weight < 5e-7:
        return "0"
    if weight < 5e-4:
        return "<.1"
    if weight < 0.0995:
        return f"{100 * weight:.1f}"
    return f"{100 * weight:.0f}"


def _capped(record: Record) -> set[str]:
    """Domains whose weight is at its upper bound."""
    bounds = record.get("active_bounds", ())
    return {bound.split("<=")[0] for bound in bounds if "<=" in bound}


def _intervals(record: Record) -> Mapping[str, Sequence[float]]:
    """Domain -> interval of its weight; empty where the mixer gives none."""
    intervals: Mapping[str, Sequence[float]] = record.get("intervals", {}).get("weights", {})
    return intervals


def _cell(axes: Axes, row: int, column: int, cell: Any) -> None:
    """A cell of a row of the table."""
    factor = max(cell.weight, 1e-9) / max(cell.natural, 1e-9)
    ratio = np.clip(np.log2(factor), -RANGE, RANGE)
    table_cell(axes, row, column, COLOURS((ratio + RANGE) / (2 * RANGE)), framed=cell.capped)
    colour = ON_DARK_CELL if abs(ratio) > 1.6 else ON_CELL
    middle: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
    if not np.isfinite(cell.low):
        axes.text(
            column,
            row,
            percent(cell.weight),
            fontsize=10,
            **middle,
        )
        return
    axes.text(
        column,
        row - 0.14,
        percent(cell.weight),
        fontsize=10,
        **middle,
    )
    axes.text(
        column,
        row + 0.24,
        f"{percent(cell.low)}–{percent(cell.high)}",
        fontsize=6.5,
        **middle,
    )


def _frame(axes: Axes, mixers: Sequence[str], domains: Sequence[str]) -> None:
    """Names of the rows at the left, of the columns above, and a line under the reference."""
    axes.set_xlim(-0.5, len(domains) - 0.5)
    axes.set_ylim(len(mixers) - 0.5, -0.5)
    axes.set_yticks(range(len(mixers)), mixers, color=INK, fontsize=10)
    slanted(axes, domains, wide=WIDE)
    axes.axhline(0.5, color=SOFT, linewidth=0.8)
    bare(axes)


def _reading(table: pd.DataFrame) -> str:
    """How to read the table; frames and intervals are explained where there are any."""
    reading = (
        f"Weights in percent. Blue: more than {REFERENCE}, orange: less;"
        " full colour: a quarter of it, or four times, and beyond."
    )
    if table.capped.any():
        reading += " Framed: at its cap."
    if table.low.notna().any():
        reading += " Small: 95% interval of refits."
    return reading
