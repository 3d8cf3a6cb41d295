"""Frames every page alike: its style, heading, tables, figures and sources, as HTML text."""

import re
from collections.abc import Iterable, Mapping
from html import escape, unescape
from pathlib import Path
from typing import Any

from mixwright.errors import quantity
from mixwright.report.figures.style import THEMED
from mixwright.report.terms import explained

# Before a number in an interval; an option such as --cap is none.
MINUS = re.compile(r"(\[|, )-(?=[\d.])")
TAGS = re.compile(r"<[^>]*>")
# Letters from which the head of a row is long.
LONG = 32
HERE = Path(__file__).parent
# What no figure is drawn in, on light and on dark paper: behind the page, behind bars, behind a
# warning; orange for words, which the one of figures is too pale for.
PAPERS = {
    "paper": ("#fafaf8", "#131619"),
    "track": ("#eceeea", "#2a2f35"),
    "alert": ("#fff3ea", "#33261b"),
    "warn": ("#b04400", "#ffa867"),
}
# The page asks for nothing, whatever it holds: no file, no address, no form.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:;"
    " base-uri 'none'; form-action 'none'"
)


def style() -> str:
    """Returns the style of every page: the figures' palette, light and dark, and page.css."""
    light = []
    dark = []
    drawn = []
    for colour, (name, on_dark) in THEMED.items():
        light.append(f"--{name}: {colour};")
        dark.append(f"--{name}: {on_dark};")
        for part in ("fill", "stroke"):
            # matplotlib writes each colour as it is; the page's rule is stronger
            place = f'figure svg [style*="{part}: {colour}"]'
            drawn.append(f"{place} {{ {part}: var(--{name}) !important; }}")
    for name, (on_light, on_dark) in PAPERS.items():
        light.append(f"--{name}: {on_light};")
        dark.append(f"--{name}: {on_dark};")
    lines = [
        f":root {{ color-scheme: light; {' '.join(light)} }}",
        "@media screen and (prefers-color-scheme: dark) {",
        f"  :root {{ color-scheme: dark; {' '.join(dark)} }}",
        "}",
        (HERE / "page.css").read_text(encoding="utf-8"),
        *drawn,
    ]
    return "\n".join(lines)


def document(study: str, body: str) -> str:
    """Returns a page that needs no other file.

    Terms are explained where each first stands.

    Args:
        study: name of the study, for the title.
        body: HTML of what stands in it: the answer, with the id `answer`, and the sections.
    """
    head = (
        '<meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>mixwright: {escape(study)}</title>"
    )
    program = (HERE / "page.js").read_text(encoding="utf-8")
    skip = '<a class="skip" href="#answer">Skip to the answer</a>'
    return (
        "<!doctype html>\n"
        f'<html lang="en"><head>{head}<style>\n{style()}\n</style></head>\n'
        f"<body>{skip}<main>{explained(body)}</main>\n<script>\n{program}</script></body></html>\n"
    )


def part(title: str, content: str, sentence: str = "") -> str:
    """Returns a part of a section: its heading, a sentence of weight, what follows; all HTML.

    Nothing where there is no content.
    """
    if not content:
        return ""
    if sentence:
        content = _sentence(sentence) + content
    return f"<h3>{title}</h3>{content}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]], caption: str) -> str:
    """Returns a table in a box that scrolls; all arguments are HTML, so names must be escaped.

    Args:
        heads: of the columns.
        rows: their cells; the first cell of a row is its head.
        caption: what the table holds, in a few words; it is the name of the box, too.
    """
    lines = ""
    for head, *cells in rows:
        # a long name takes several lines
        kind = ' class="long"' if len(TAGS.sub("", head)) > LONG else ""
        lines += f'<tr><th scope="row"{kind}>{head}</th>{_tagged("td", cells)}</tr>'
    columns = "".join(_head(cell) for cell in heads)
    name = escape(unescape(TAGS.sub("", caption)), quote=True)
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}">'
        f"<table><caption><span>{caption}</span></caption><thead><tr>{columns}</tr></thead>"
        f"<tbody>{lines}</tbody></table></div>"
    )


def folded(label: str, content: str) -> str:
    """Returns HTML that stands behind a label until it is asked for; nothing without content."""
    if not content:
        return ""
    return f'<details class="fold"><summary>{escape(label)}</summary>{content}</details>'


def note(sentences: str) -> str:
    """Returns small print under a table; `sentences` is HTML."""
    return f'<p class="small">{sentences}</p>'


def bullets(items: Iterable[str]) -> str:
    """Returns a list; the items are HTML."""
    return f"<ul>{_tagged('li', items)}</ul>"


def text(sentence: str) -> str:
    """Escapes a sentence, and writes true minus signs in its intervals."""
    return MINUS.sub(r"\1−", escape(sentence))


def facts(pairs: Mapping[str, Any]) -> str:
    """Returns a list of names with their values; large numbers get a unit."""
    content = ""
    for name, value in pairs.items():
        content += f"<dt>{escape(str(name))}</dt><dd>{escape(_fact(value))}</dd>"
    return f"<dl>{content}</dl>"


def in_percent(weights: Mapping[str, float], digits: int = 0) -> str:
    """Returns weights in percent: `cython 40 %, pytests 60 %`."""
    parts = []
    for name, weight in weights.items():
        parts.append(f"{name} {100 * weight:.{digits}f} %")
    return ", ".join(parts)


def _sentence(sentence: str) -> str:
    return f'<p class="detail">{text(sentence)}</p>'


def _head(words: str) -> str:
    """The head of a column; one without words is no head."""
    return f'<th scope="col">{words}</th>' if words else "<td></td>"


def _tagged(tag: str, contents: Iterable[str]) -> str:
    """Each of the contents between tags."""
    return "".join(f"<{tag}>{content}</{tag}>" for content in contents)


def _fact(value: Any) -> str:
    if isinstance(value, int) and abs(value) >= 10_000:
        return quantity(value)
    return str(value)
