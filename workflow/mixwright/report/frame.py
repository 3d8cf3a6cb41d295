"""Frames every page alike: its style, heading, tables, figures and sources, as HTML text."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from mixwright.report.figures.style import BLUE, FAINT, INK, SOFT, VERMILION

COLOURS = f"--ink: {INK}; --soft: {SOFT}; --line: {FAINT}; --blue: {BLUE}; --orange: {VERMILION};"
STYLE = f"\n:root {{ {COLOURS} }}\n"
STYLE += """\
* { box-sizing: border-box; }
body {
  margin: 0; background: #fafaf8; color: var(--ink);
  font: 16px/1.55 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}
main { max-width: 1000px; margin: 0 auto; padding: 48px 28px 80px; }
.study { color: var(--soft); letter-spacing: .04em; font-size: 14px; margin: 0 0 10px; }
h1 {
  font-size: 40px; line-height: 1.15; letter-spacing: -.015em; margin: 0 0 14px;
  text-wrap: balance;
}
h2 { font-size: 21px; margin: 56px 0 12px; letter-spacing: -.005em; }
.detail { font-size: 18px; margin: 0 0 4px; max-width: 68ch; }
.small { color: var(--soft); font-size: 14px; max-width: 90ch; margin: 10px 0 0; }
.serious {
  border-left: 4px solid var(--orange); background: #fff3ea; padding: 10px 16px;
  margin: 24px 0 0; border-radius: 0 6px 6px 0;
}
.serious p { margin: 4px 0; }
.mixture {
  display: grid; grid-template-columns: max-content 1fr max-content; gap: 6px 14px;
  align-items: center; margin-top: 26px; max-width: 720px;
}
.mixture .bar { height: 16px; position: relative; background: #eeefec; border-radius: 3px; }
.mixture .bar i { display: block; height: 100%; background: var(--blue); border-radius: 3px; }
.mixture .bar u { position: absolute; top: 7px; height: 2px; background: var(--orange); }
.mixture .bar b { position: absolute; top: -3px; width: 2px; height: 22px; background: var(--ink); }
.mixture span, td, th { font-variant-numeric: tabular-nums; }
.scroll {
  overflow-x: auto; background: white; border: 1px solid var(--line); border-radius: 8px;
  padding: 4px 16px;
}
table { border-collapse: collapse; width: 100%; font-size: 15px; }
th {
  font-weight: 500; color: var(--soft); font-size: 13px; text-align: right; padding: 10px 9px;
  vertical-align: bottom;
}
td { text-align: right; padding: 8px 9px; border-top: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td:first-child { font-weight: 600; }
th:last-child, td:last-child { padding-right: 0; }
td svg { display: block; }
ul { padding: 0; margin: 0; list-style: none; max-width: 90ch; }
li { padding: 7px 0; border-top: 1px solid var(--line); }
li:first-child { border-top: 0; }
li small { display: block; color: var(--soft); font-size: 14px; }
figure {
  margin: 0 0 24px; background: white; border: 1px solid var(--line); border-radius: 8px;
  padding: 22px;
}
figure img { max-width: 100%; display: block; }
dl {
  display: grid; grid-template-columns: max-content 1fr; gap: 3px 22px; font-size: 14px;
  margin: 0;
}
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
@media (max-width: 640px) {
  h1 { font-size: 30px; }
  main { padding: 28px 16px 60px; }
  figure { padding: 10px; }
}
@media print { body { background: white; } figure, tr, li { break-inside: avoid; } }
"""


def document(study: str, body: str) -> str:
    """Returns a page that needs no other file.

    Args:
        study: name of the study, for the title.
        body: HTML of what stands in it.
    """
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>mixwright: {escape(study)}</title>"
    )
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head>{head}<style>{STYLE}</style></head>\n'
        f"<body><main>{body}</main></body></html>\n"
    )


def heading(study: str, headline: str, detail: Sequence[str]) -> str:
    """Returns the study's name, the answer and the sentences under it."""
    name = f'<p class="study">mixwright · study {escape(study)}</p>'
    sentences = "".join(_sentence(sentence) for sentence in detail)
    return f"{name}<h1>{escape(headline)}</h1>{sentences}"


def section(title: str, content: str, sentence: str = "") -> str:
    """Returns a heading, a sentence of weight where there is one, and what follows (HTML)."""
    if sentence:
        content = _sentence(sentence) + content
    return f"<h2>{title}</h2>{content}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Returns a table; heads and cells are HTML, so names must be escaped."""
    lines = [table_row("th", heads)]
    for row in rows:
        lines.append(table_row("td", row))
    return table_of(lines)


def table_of(lines: Iterable[str]) -> str:
    """Returns a table of rows that are HTML, in a box that scrolls."""
    return f'<div class="scroll"><table>{"".join(lines)}</table></div>'


def table_row(tag: str, cells: Iterable[str]) -> str:
    """Returns a row of cells, each between the tags `th` or `td`."""
    return f"<tr>{_tagged(tag, cells)}</tr>"


def note(sentences: str) -> str:
    """Returns small print under a table; `sentences` is HTML."""
    return f'<p class="small">{sentences}</p>'


def bullets(items: Iterable[str]) -> str:
    """Returns a list; the items are HTML."""
    return f"<ul>{_tagged('li', items)}</ul>"


def text(sentence: str) -> str:
    """Escapes a sentence, and writes true minus signs in its intervals."""
    return escape(sentence).replace("[-", "[−").replace(", -", ", −")


def embedded(paths: Iterable[str | Path], titles: Mapping[str, str]) -> list[tuple[str, str]]:
    """Returns the title and the base64 of SVG files, in the order of `titles`.

    Args:
        paths: the files; those without a title are left out.
        titles: file name without its suffix -> title.
    """
    files = {Path(path).stem: Path(path) for path in paths}
    images = []
    for name, title in titles.items():
        if name in files:
            data = base64.b64encode(files[name].read_bytes()).decode()
            images.append((title, data))
    return images


def drawn(figures: Sequence[tuple[str, str]]) -> str:
    """Returns the section of figures; each is a title and the base64 of an SVG."""
    images = ""
    for title, data in figures:
        source = f"data:image/svg+xml;base64,{data}"
        images += f'<figure><img alt="{escape(title)}" src="{source}"></figure>'
    if not images:
        return ""
    return section("The evidence", images)


def sources(provenance: Mapping[str, Any]) -> str:
    """Returns the section that lists study, data and software behind a result."""
    pairs = ""
    for name, value in provenance.items():
        pairs += f"<dt>{escape(str(name))}</dt><dd>{escape(_fact(value))}</dd>"
    return section("Where this comes from", f"<dl>{pairs}</dl>")


def in_percent(weights: Mapping[str, float], digits: int = 0) -> str:
    """Returns weights in percent: `cython 40 %, pytests 60 %`."""
    return ", ".join(f"{name} {100 * weight:.{digits}f} %" for name, weight in weights.items())


def quantity(count: float) -> str:
    """Returns a number in three significant digits and a unit that people read: `4.8 M`."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(count) >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:g}"


def _sentence(sentence: str) -> str:
    return f'<p class="detail">{text(sentence)}</p>'


def _tagged(tag: str, contents: Iterable[str]) -> str:
    """Each of the contents between tags."""
    return "".join(f"<{tag}>{content}</{tag}>" for content in contents)


def _fact(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10_000:
        return quantity(value)
    return str(value)
