"""What every page of the house is framed by: one style, its heading, figures and sources; and how text and numbers are written."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from mixwright.report.figures.style import BLUE, FAINT, INK, SOFT, VERMILION

COLOURS = f"--ink: {INK}; --soft: {SOFT}; --line: {FAINT}; --blue: {BLUE}; --orange: {VERMILION};"
STYLE = f"\n:root {{ {COLOURS} }}\n"
STYLE += """\
* { box-sizing: border-box; }
body { margin: 0; background: #fafaf8; color: var(--ink); font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 1000px; margin: 0 auto; padding: 48px 28px 80px; }
.study { color: var(--soft); letter-spacing: .04em; font-size: 14px; margin: 0 0 10px; }
h1 { font-size: 40px; line-height: 1.15; letter-spacing: -.015em; margin: 0 0 14px; text-wrap: balance; }
h2 { font-size: 21px; margin: 56px 0 12px; letter-spacing: -.005em; }
.detail { font-size: 18px; margin: 0 0 4px; max-width: 68ch; }
.small { color: var(--soft); font-size: 14px; max-width: 90ch; margin: 10px 0 0; }
.serious { border-left: 4px solid var(--orange); background: #fff3ea; padding: 10px 16px; margin: 24px 0 0; border-radius: 0 6px 6px 0; }
.serious p { margin: 4px 0; }
.mixture { display: grid; grid-template-columns: max-content 1fr max-content; gap: 6px 14px; align-items: center; }
.mixture { margin-top: 26px; max-width: 720px; }
.mixture .bar { height: 16px; position: relative; background: #eeefec; border-radius: 3px; }
.mixture .bar i { display: block; height: 100%; background: var(--blue); border-radius: 3px; }
.mixture .bar u { position: absolute; top: 7px; height: 2px; background: var(--orange); }
.mixture .bar b { position: absolute; top: -3px; width: 2px; height: 22px; background: var(--ink); }
.mixture span, td, th { font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; background: white; border: 1px solid var(--line); border-radius: 8px; padding: 4px 16px; }
table { border-collapse: collapse; width: 100%; font-size: 15px; }
th { font-weight: 500; color: var(--soft); font-size: 13px; text-align: right; padding: 10px 9px; vertical-align: bottom; }
td { text-align: right; padding: 8px 9px; border-top: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td:first-child { font-weight: 600; }
th:last-child, td:last-child { padding-right: 0; }
td svg { display: block; }
ul { padding: 0; margin: 0; list-style: none; max-width: 90ch; }
li { padding: 7px 0; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
li small { display: block; color: var(--soft); font-size: 14px; }
figure { margin: 0 0 24px; background: white; border: 1px solid var(--line); border-radius: 8px; padding: 22px; }
figure img { max-width: 100%; display: block; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 3px 22px; font-size: 14px; margin: 0; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) { h1 { font-size: 30px; } main { padding: 28px 16px 60px; } figure { padding: 10px; } }
@media print { body { background: white; } figure, tr, li { break-inside: avoid; } }
"""


def document(study: str, body: str) -> str:
    """A page of its own, with nothing outside it."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>mixwright: {escape(study)}</title>'
    return f'<!doctype html>\n<html lang="en"><head>{head}<style>{STYLE}</style></head>\n<body><main>{body}</main></body></html>\n'


def heading(study: str, headline: str, detail: Sequence[str]) -> str:
    """The study's name, the answer and the sentences under it."""
    said = "".join(f'<p class="detail">{text(sentence)}</p>' for sentence in detail)
    return (
        f'<p class="study">mixwright · study {escape(study)}</p><h1>{escape(headline)}</h1>{said}'
    )


def text(sentence: str) -> str:
    """Escaped, with true minus signs."""
    return escape(sentence).replace("[-", "[−").replace(", -", ", −")


def drawn(figures: Sequence[tuple[str, str]]) -> str:
    """The figures, (title, base64 of an SVG)."""
    images = "".join(
        f'<figure><img alt="{escape(title)}" src="data:image/svg+xml;base64,{data}"></figure>'
        for title, data in figures
    )
    return f"<h2>The evidence</h2>{images}" if images else ""


def sources(provenance: Mapping[str, Any]) -> str:
    """Study, data and software behind a result."""
    pairs = "".join(
        f"<dt>{escape(str(name))}</dt><dd>{escape(_shown(value))}</dd>"
        for name, value in provenance.items()
    )
    return f"<h2>Where this comes from</h2><dl>{pairs}</dl>"


def _shown(value: Any) -> str:
    return quantity(value) if isinstance(value, int) and abs(value) >= 10_000 else str(value)


def quantity(count: float) -> str:
    """`4.8 M`: three significant digits at most and a unit a person reads."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:g}"
