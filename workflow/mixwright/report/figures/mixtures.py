"""Which domains each mixer takes more of, and less of, than the natural mixture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mixwright.errors import MixwrightError
from mixwright.report.figures.style import INK, SOFT, bare, diverging, table_cell, titled

# As a mixture's JSON file holds it.
Record = Mapping[str, Any]

# Colours end at a quarter and at four times the natural weight: log2 of the ratio.
RANGE = 2.0
COLOURS = diverging()
# More domains than this have narrow columns and slanted names.
WIDE = 8


def figure(mixtures: Sequence[Record], reference: str = "natural") -> Figure:
    """Draws a table of weights in percent, mixers by domains, natural first.

    Colour is the ratio to natural and a frame marks a weight at its cap. A second line holds the
    weight's interval where the mixer gives one.
    """
    ordered = in_order(mixtures, reference)
    natural = ordered[0]["weights"]
    domains = sorted(natural, key=lambda name: (-natural[name], name))
    width = 0.62 if len(domains) > WIDE else 0.95
    across = 1.9 + width * len(domains)
    down = 0.5 + 0.42 * len(ordered)
    drawing = Figure(figsize=(across, down))
    axes = drawing.add_axes((0, 0, 1, 1))
    for row, record in enumerate(ordered):
        capped = _capped(record)
        for column, domain in enumerate(domains):
            weight = record["weights"].get(domain, 0.0)
            interval = _intervals(record).get(domain)
            _cell(axes, row, column, weight, natural[domain], domain in capped, interval)
    _frame(axes, [record["mixer"] for record in ordered], domains)
    _title(drawing, axes, _reading(ordered, reference))
    return drawing


def in_order(mixtures: Sequence[Record], reference: str = "natural") -> list[Record]:
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


def _cell(
    axes: Axes,
    row: int,
    column: int,
    weight: float,
    natural: float,
    capped: bool,
    interval: Sequence[float] | None,
) -> None:
    factor = max(weight, 1e-9) / max(natural, 1e-9)
    ratio = np.clip(np.log2(factor), -RANGE, RANGE)
    table_cell(axes, row, column, COLOURS((ratio + RANGE) / (2 * RANGE)), framed=capped)
    colour = "white" if abs(ratio) > 1.6 else INK
    middle: dict[str, Any] = {"ha": "center", "va": "center", "color": colour}
    if not interval:
        axes.text(
            column,
            row,
            percent(weight),
            fontsize=10,
            **middle,
        )
        return
    axes.text(
        column,
        row - 0.14,
        percent(weight),
        fontsize=10,
        **middle,
    )
    axes.text(
        column,
        row + 0.24,
        "–".join(map(percent, interval)),
        fontsize=6.5,
        **middle,
    )


def _frame(axes: Axes, mixers: Sequence[str], domains: Sequence[str]) -> None:
    """Names of the rows at the left, of the columns above, and a line under the reference."""
    axes.set_xlim(-0.5, len(domains) - 0.5)
    axes.set_ylim(len(mixers) - 0.5, -0.5)
    axes.set_yticks(range(len(mixers)), mixers, color=INK, fontsize=10)
    wide = len(domains) > WIDE
    axes.set_xticks(
        range(len(domains)),
        domains,
        color=INK,
        fontsize=9.5,
        rotation=40 if wide else 0,
        ha="left" if wide else "center",
    )
    axes.tick_params(top=True, labeltop=True, bottom=False, labelbottom=False)
    axes.axhline(0.5, color=SOFT, linewidth=0.8)
    bare(axes)


def _reading(records: Sequence[Record], reference: str) -> str:
    """How to read the table; frames and intervals are explained where there are any."""
    reading = (
        f"Weights in percent. Blue: more than {reference}, orange: less;"
        " full colour at a factor of 4."
    )
    if any(_capped(record) for record in records):
        reading += " Framed: at its cap."
    if any("weights" in record.get("intervals", {}) for record in records):
        reading += " Small: 95% interval of refits."
    return reading


def _title(drawing: Figure, axes: Axes, reading: str) -> None:
    """Above the highest column label and flush with the longest row label."""
    titled(drawing, "What does each mixer take more of?", reading)
    FigureCanvasAgg(drawing).draw()
    columns = [label.get_window_extent() for label in axes.get_xticklabels()]
    rows = [label.get_window_extent() for label in axes.get_yticklabels()]
    lift = max(extent.y1 for extent in columns) - drawing.bbox.height
    left = min(extent.x0 for extent in rows)
    for text in drawing.texts:
        height = text.get_position()[1]
        text.set(x=left / drawing.bbox.width, y=height + lift / drawing.bbox.height)
