"""Draws the mixture that the headline names as bars, for the page."""

from collections.abc import Mapping, Sequence
from html import escape

from mixwright.report.frame import note
from mixwright.report.summary import Summary


def mixture_bars(summary: Summary) -> str:
    """Returns bars of the chosen weights, with a tick at each natural weight, as HTML."""
    arms = {arm.mixer: arm for arm in summary.arms}
    if summary.chosen not in arms or not arms[summary.chosen].weights:
        return ""
    weights = arms[summary.chosen].weights
    intervals = arms[summary.chosen].intervals.get("weights", {})
    natural: Mapping[str, float] = {}
    if "natural" in arms:
        natural = arms["natural"].weights
    ends = [*weights.values(), *natural.values(), *(high for _, high in intervals.values())]
    ticks = {} if summary.chosen == "natural" else natural
    bars = []
    for name, weight in sorted(weights.items(), key=lambda pair: (-pair[1], pair[0])):
        bars.append(_bar(name, weight, intervals.get(name), ticks.get(name), max(ends)))
    legend = note(escape(_legend(summary, bool(intervals))))
    return f'<div class="mixture">{"".join(bars)}</div>{legend}'


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
        left, width = 100 * low / full, 100 * (high - low) / full
        line = f'<u style="left:{left:.2f}%;width:{width:.2f}%"></u>'
        words = f" [{100 * low:.1f}, {100 * high:.1f}]"
    if natural is not None:
        tick = f'<b style="left:{100 * natural / full:.2f}%"></b>'
    bar = f'<i style="width:{100 * weight / full:.2f}%"></i>{line}{tick}'
    percent = f"{100 * weight:.1f} %{words}"
    return f'<span>{escape(name)}</span><div class="bar">{bar}</div><span>{percent}</span>'


def _legend(summary: Summary, intervals: bool) -> str:
    """What the bars of the mixture show."""
    whole = "training tokens" if summary.learner.sized else "weight"
    if summary.chosen == "natural":
        legend = f"The natural mixture, each domain by its size, in percent of the {whole}."
    else:
        legend = (
            f"The mixture of {summary.chosen}, in percent of the {whole}."
            " The dark tick shows the natural mixture, each domain by its size."
        )
    if intervals:
        legend += " The thin line and the brackets show where the weight lies in 95 % of refits."
    return legend
