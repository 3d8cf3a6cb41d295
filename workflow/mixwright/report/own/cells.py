"""Words and numbers as the cells of a page of own tables show them, as HTML."""

import re
from collections.abc import Mapping

from mixwright.report.frame import text

# Weights of a mixture that a cell names, and the least that it names.
NAMED = 4
SHOWN = 0.005
UNKNOWN = "–"
OPTION = re.compile(r"(--[a-z-]+)")


def worded(sentences: str) -> str:
    """Sentences as HTML, with options in the letters of a terminal, and in one piece."""
    return OPTION.sub(r'<code style="white-space:nowrap">\1</code>', text(sentences))


def signed(value: float, words: str) -> str:
    kind = "better" if value >= 0 else "worse"
    return f'<span class="{kind}">{words.replace("-", "−")}</span>'


def number(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.3f}".replace("-", "−")


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f}"


def largest(weights: Mapping[str, float]) -> str:
    """The largest weights in words: `web 62 %, code 21 %`."""
    order = sorted(weights, key=lambda name: (-weights[name], name))
    parts = []
    for name in order[:NAMED]:
        if weights[name] >= SHOWN:
            parts.append(f"{name} {100 * weights[name]:.0f} %")
    return ", ".join(parts)
