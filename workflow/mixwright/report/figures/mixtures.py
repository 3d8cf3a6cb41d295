"""Which domains each mixer takes more of, and less of, than the natural mixture."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mixwright.errors import MixwrightError
from mixwright.report.figures.style import INK, SOFT, bare, diverging, titled

RANGE = 2.0  # colours end at a quarter and at four times the natural weight
COLOURS = diverging()


def figure(mixtures: Sequence[Mapping[str, Any]], reference: str = "natural") -> Figure:
    """A table of weights in percent, mixers x domains, natural first; colour is the ratio to natural, a frame marks a weight at its cap,
    and a second line holds the weight's interval where the mixer gives one."""
    ordered = in_order(mixtures, reference)
    natural = ordered[0]["weights"]
    domains = sorted(natural, key=lambda name: (-natural[name], name))
    wide = len(domains) > 8
    drawn = Figure(
        figsize=(1.9 + (0.62 if wide else 0.95) * len(domains), 0.5 + 0.42 * len(ordered))
    )
    axes = drawn.add_axes((0, 0, 1, 1))
    for row, mixture in enumerate(ordered):
        capped = {
            bound.split("<=")[0] for bound in mixture.get("active_bounds", ()) if "<=" in bound
        }
        spans = mixture.get("intervals", {}).get("weights", {})
        for column, domain in enumerate(domains):
            _cell(
                axes,
                row,
                column,
                mixture["weights"].get(domain, 0.0),
                natural[domain],
                domain in capped,
                spans.get(domain),
            )
    axes.set(xlim=(-0.5, len(domains) - 0.5), ylim=(len(ordered) - 0.5, -0.5))
    axes.set_yticks(
        range(len(ordered)), [mixture["mixer"] for mixture in ordered], color=INK, fontsize=10
    )
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
    framed = any("<=" in bound for mixture in ordered for bound in mixture.get("active_bounds", ()))
    spanned = any("weights" in mixture.get("intervals", {}) for mixture in ordered)
    _title(
        drawn,
        axes,
        reference,
        (" Framed: at its cap." if framed else "")
        + (" Small: 95% interval of refits." if spanned else ""),
    )
    return drawn


def in_order(
    mixtures: Sequence[Mapping[str, Any]], reference: str = "natural"
) -> list[Mapping[str, Any]]:
    """The reference first, then by distance from it (total variation), nearest first, so that alike mixtures stand together."""
    base = next((mixture["weights"] for mixture in mixtures if mixture["mixer"] == reference), None)
    if base is None:
        raise MixwrightError(
            f"mixtures: there is none of {reference}; add `{reference}: {{}}` to mixers"
        )
    return sorted(
        mixtures,
        key=lambda mixture: (
            mixture["mixer"] != reference,
            sum(abs(mixture["weights"].get(name, 0.0) - share) for name, share in base.items()),
            mixture["mixer"],
        ),
    )


def _cell(
    axes: Axes,
    row: int,
    column: int,
    weight: float,
    natural: float,
    capped: bool,
    span: Sequence[float] | None,
) -> None:
    ratio = np.clip(np.log2(max(weight, 1e-9) / max(natural, 1e-9)), -RANGE, RANGE)
    face = COLOURS((ratio + RANGE) / (2 * RANGE))
    axes.add_patch(Rectangle((column - 0.48, row - 0.46), 0.96, 0.92, facecolor=face, linewidth=0))
    if capped:
        axes.add_patch(
            Rectangle(
                (column - 0.45, row - 0.42), 0.90, 0.84, fill=False, edgecolor=INK, linewidth=1.1
            )
        )
    colour, lift = "white" if abs(ratio) > 1.6 else INK, 0.14 if span else 0.0
    axes.text(
        column, row - lift, percent(weight), ha="center", va="center", fontsize=10, color=colour
    )
    if span:
        axes.text(
            column,
            row + 0.24,
            "–".join(map(percent, span)),
            ha="center",
            va="center",
            fontsize=6.5,
            color=colour,
        )


def percent(weight: float) -> str:
    """Two digits, and a true zero told from a small weight."""
    if weight < 5e-4:
        return "0" if weight < 5e-7 else "<.1"
    return f"{100 * weight:.1f}" if weight < 0.0995 else f"{100 * weight:.0f}"


def _title(drawn: Figure, axes: Axes, reference: str, more: str) -> None:
    """Above the highest column label and flush with the longest row label."""
    reading = f"Weights in percent. Blue: more than {reference}, orange: less; full colour at a factor of 4."
    titled(drawn, "What does each mixer take more of?", reading + more)
    FigureCanvasAgg(drawn).draw()
    lift = max(label.get_window_extent().y1 for label in axes.get_xticklabels()) - drawn.bbox.height
    left = min(label.get_window_extent().x0 for label in axes.get_yticklabels())
    for text in drawn.texts:
        text.set(x=left / drawn.bbox.width, y=text.get_position()[1] + lift / drawn.bbox.height)
