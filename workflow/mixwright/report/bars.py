"""Draws a mixture as bars, with the natural mixture and what refits say of it."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil

from mixwright.report.frame import note

# Weights below this share one bar, where there are so many of them.
SMALL, FEWEST = 0.005, 3
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
    order = sorted(weights.items(), key=lambda pair: (-pair[1], pair[0]))
    small = [name for name, weight in order if weight < SMALL]
    if len(small) < FEWEST:
        small = []
    together = sum(weights[name] for name in small)
    of_natural = sum(natural.get(name, 0.0) for name in small)
    full = end_of(max(*ends, together, of_natural))
    bars = []
    for name, weight in order[: len(order) - len(small)]:
        bars.append(_bar(name, weight, intervals.get(name), natural.get(name), full))
    if small:
        label = f"{len(small)} others together"
        bars.append(_bar(label, together, None, of_natural if natural else None, full))
    bars.append(f'<div class="ends" aria-hidden="true"><i>0</i><i>{100 * full:.0f} %</i></div>')
    legend = f"In percent of the {whole}."
    if small:
        legend += f" Others have less than {100 * SMALL:g} % each; the lines to copy have them all."
    if natural:
        legend += " Tick: the natural mixture."
    if intervals:
        legend += (
            " Brackets and thin line: where the share lies in 95 % of refits; it is less sure than"
            " the gain, where several mixtures do as well."
        )
    return f'<div class="mixture">{"".join(bars)}</div>{note(escape(legend))}'


def end_of(largest: float) -> float:
    """Returns where the scale of the bars ends: a whole number of tenths, or of 0.05."""
    step = 0.1 if largest > 0.2 else 0.05
    return min(1.0, step * ceil(largest / step - 1e-9))


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
    # what little there is, is not shown as nothing
    digits = 2 if 0 < weight < 0.001 else 1
    percent = f"{100 * weight:.{digits}f} %{words}"
    drawing = f'<div class="bar" aria-hidden="true">{bar}</div>'
    return f'<span>{escape(name)}</span><span class="share">{percent}</span>{drawing}'
