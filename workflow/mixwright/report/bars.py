"""Draws a mixture as bars, with the natural mixture and what refits say of it."""

from collections.abc import Mapping, Sequence
from html import escape

from mixwright.report.frame import note

Ends = Mapping[str, Sequence[float]]


def weight_bars(
    weights: Mapping[str, float], natural: Mapping[str, float], intervals: Ends, whole: str
) -> str:
    """Returns bars of weights, the largest first, as HTML; the numbers stand beside the bars.

    Args:
        weights: domain -> weight.
        natural: domain -> weight in the natural mixture, a tick on each bar; empty: no ticks.
        intervals: domain -> the two ends of its weight in refits.
        whole: what the weights are shares of.
    """
    ends = [*weights.values(), *natural.values()]
    for _, high in intervals.values():
        ends.append(high)
    bars = []
    for name, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0])):
        bars.append(_bar(name, weight, intervals.get(name), natural.get(name), max(ends)))
    legend = f"In percent of the {whole}."
    if natural:
        legend += (
            " The dark tick, and the number after the word natural, show the natural mixture: each"
            " domain by its size."
        )
    if intervals:
        legend += " The thin line and the brackets show where the weight lies in 95 % of refits."
    return f'<div class="mixture">{"".join(bars)}</div>{note(escape(legend))}'


def _bar(
    name: str,
    weight: float,
    interval: Sequence[float] | None,
    natural: float | None,
    full: float,
) -> str:
    """One domain's weight; `full` is the weight at the right end of the bar."""
    line, words, tick = "", "", ""
    if interval is not None:
        low, high = interval
        left = 100 * low / full
        width = 100 * (high - low) / full
        line = f'<u style="left:{left:.2f}%;width:{width:.2f}%"></u>'
        words = f" [{100 * low:.1f}, {100 * high:.1f}]"
    if natural is not None:
        tick = f'<b style="left:{100 * natural / full:.2f}%"></b>'
        words += f", natural {100 * natural:.1f}"
    bar = f'<i style="width:{100 * weight / full:.2f}%"></i>{line}{tick}'
    percent = f"{100 * weight:.1f} %{words}"
    drawing = f'<div class="bar" aria-hidden="true">{bar}</div>'
    return f'<span>{escape(name)}</span><span class="share">{percent}</span>{drawing}'
