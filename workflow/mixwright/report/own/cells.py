"""Words and numbers as the cells of a page of own tables show them, as HTML."""

import re
from collections.abc import Mapping

from mixwright.learners import LOSS, PERCENT, Metric
from mixwright.report.frame import text
from mixwright.report.mixture_words import amount

# Weights of a mixture that a cell names, and the least that it names.
NAMED = 4
SHOWN = 0.005
UNKNOWN = "–"
# of a difference that rounds to nothing
SAME = "same"
OPTION = re.compile(r"(--[a-z-]+)")


def worded(sentences: str) -> str:
    """Sentences as HTML, with options in the letters of a terminal, and in one piece."""
    return OPTION.sub(r'<code style="white-space:nowrap">\1</code>', text(sentences))


def decimals_of(metric: Metric) -> int:
    """Returns how many decimals a number is shown with."""
    return 1 if metric.whole == PERCENT.whole else 3


def level(value: float, metric: Metric) -> str:
    """Returns a number with its unit: `5.082 nats/token`."""
    return f"{value:.{decimals_of(metric)}f} {metric.unit}".rstrip()


def size(gain: float, metric: Metric) -> str:
    """Returns how large a difference is, with its unit: `0.327 nats/token`; percents in points."""
    unit = metric.unit or metric.title
    return f"{amount(gain, metric)} {'points' if unit == PERCENT.unit else unit}"


def side(gain: float, metric: Metric) -> str:
    """Returns a gain as the explorer writes it, as HTML: `0.327 better`; `same` if that is 0."""
    decimals = decimals_of(metric)
    if abs(gain) < 0.5 * 10**-decimals:
        return SAME
    kind = "better" if gain > 0 else "worse"
    return f'<span class="{kind}">{abs(gain):.{decimals}f} {kind}</span>'


def number(value: float | None, metric: Metric = LOSS) -> str:
    """Returns a number without its unit; a dash where it is unknown."""
    if value is None:
        return UNKNOWN
    return f"{value:.{decimals_of(metric)}f}".replace("-", "−")


def percent(share: float) -> str:
    """Returns a share in percent: `87.8`, `0.02`, and `<0.01` for what is nearly none."""
    value = 100 * share
    if value >= 99.95:
        return "100"
    if value >= 0.095:
        return f"{value:.1f}"
    if value >= 0.005:
        return f"{value:.2f}"
    return "0" if value < 1e-7 else "&lt;0.01"


def largest(weights: Mapping[str, float], most: int = NAMED) -> str:
    """The largest weights in words: `web 62 %, code 21 %`."""
    order = sorted(weights, key=lambda name: (-weights[name], name))
    parts = []
    for name in order[:most]:
        if weights[name] >= SHOWN:
            parts.append(f"{name} {100 * weights[name]:.0f} %")
    return ", ".join(parts)
