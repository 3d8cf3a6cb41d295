"""Figures as pages show them: the drawing in the page, its numbers below it, both as files."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mixwright.report.figures import FIGURES, MEASURED, entry
from mixwright.report.frame import note, table
from mixwright.report.sections import SECTIONS

# So many rows of numbers stand on the page; the file that can be downloaded has all.
ROWS = 40
# Significant digits of the file that can be downloaded; the one beside the page has all.
DIGITS = 6

# Numbers that place something, with more digits than are drawn.
PLACES = re.compile(r' (?:d|x|y|points)="[^"]*"')
LONG = re.compile(r"(\d\.\d\d)\d+")
IDS = re.compile(r' id="([^"]*)"')
REFERENCES = re.compile(r'(href="#|url\(#)([^")]*)')
# Marks that follow each other and have one style, as a cloud of dots has.
SAME_STYLE = re.compile(r'(<use [^>]*?) style="([^"]*)"/>(?:\s*<use [^>]*? style="\2"/>){2,}')
NUMBER = re.compile(r"-?\d+\.\d{6,}(?:e[-+]\d+)?")


@dataclass(frozen=True)
class Drawn:
    """One figure of a page."""

    # of its files
    name: str
    title: str
    # the drawing, as it stands in a page
    svg: str
    # the numbers that it draws; empty: they are not known
    csv: str
    # a key of mixwright.report.sections.SECTIONS
    section: str
    # how to read it
    caption: str = ""


def embedded(paths: Iterable[str | Path]) -> tuple[Drawn, ...]:
    """Returns the figures of SVG files, each with the numbers of the CSV file beside it.

    Args:
        paths: `{figure}.svg`, named as in FIGURES and MEASURED; other files are left out. The
            figures come in the order of these registries.
    """
    files = {Path(path).stem: Path(path) for path in paths}
    figures = []
    for name in FIGURES | MEASURED:
        if name not in files:
            continue
        numbers = files[name].with_suffix(".csv")
        registered = entry(name)
        figure = Drawn(
            name=name,
            title=registered.title,
            svg=inline(files[name].read_text(encoding="utf-8"), name),
            csv=_short(numbers.read_text(encoding="utf-8")) if numbers.exists() else "",
            section=registered.section,
            caption=registered.caption,
        )
        figures.append(figure)
    return tuple(figures)


def figure_boxes(drawn: Sequence[Drawn], section: str) -> str:
    """Returns the figures of a section of the page as HTML; empty where it has none."""
    return "".join(_box(figure) for figure in drawn if figure.section == section)


def with_figures(contents: Mapping[str, str], drawn: Sequence[Drawn]) -> dict[str, str]:
    """Returns the sections of a page, each with its figures below what it says.

    Args:
        contents: key of a section -> HTML; see `mixwright.report.sections.in_order`.
        drawn: the figures of the page.
    """
    return {key: contents.get(key, "") + figure_boxes(drawn, key) for key in SECTIONS}


def inline(svg: str, name: str) -> str:
    """Returns an SVG file as part of a page.

    Its ids become unique on the page, and what draws nothing is left out.

    Args:
        svg: what matplotlib writes.
        name: of the figure, with which its ids begin.
    """
    svg = svg[svg.index("<svg") :]
    for tag in ("metadata", "style"):
        svg = re.sub(rf"\s*<{tag}\b.*?</{tag}>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<!--.*?-->", "", svg, flags=re.DOTALL)
    targets = dict.fromkeys(target for _, target in REFERENCES.findall(svg))
    numbers = {target: f"{name}-{number}" for number, target in enumerate(targets)}

    def named(match: re.Match[str]) -> str:
        return f' id="{numbers[match[1]]}"' if match[1] in numbers else ""

    svg = IDS.sub(named, svg)
    svg = REFERENCES.sub(lambda match: match[1] + numbers[match[2]], svg)
    svg = PLACES.sub(lambda match: LONG.sub(r"\1", match[0]), svg)
    svg = SAME_STYLE.sub(_hoisted, svg)
    return re.sub(r"\n\s*", "\n", svg).strip()


def _hoisted(match: re.Match[str]) -> str:
    """Marks of one style, with the style said once."""
    style = f' style="{match[2]}"'
    marks = match[0].replace(style, "")
    return f"<g{style}>{marks}</g>"


def _box(figure: Drawn) -> str:
    """One figure, with its numbers and the buttons that hand out both."""
    label = escape(figure.title, quote=True)
    svg = figure.svg.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
    # a wide drawing scrolls on a narrow page: its words would be too small to read
    drawing = f'<div class="drawing" role="group" tabindex="0" aria-label="{label}">{svg}</div>'
    # the drawing has its question as a title: the name of the figure is for those who hear the page
    words = f'<span class="heard">{escape(figure.title)}</span>'
    if figure.caption:
        words += f"<small>{escape(figure.caption)}</small>"
    buttons = '<button data-download="svg" hidden>Drawing (SVG)</button>'
    if figure.csv:
        buttons += '<button data-download="csv" hidden>Numbers (CSV)</button>'
    return (
        f'<figure id="figure-{figure.name}"><figcaption>{words}</figcaption>{drawing}'
        f'{_numbers(figure)}<div class="downloads">{buttons}</div></figure>'
    )


def _numbers(figure: Drawn) -> str:
    """The first rows of the numbers as a table, and all of them as data."""
    if not figure.csv:
        return ""
    heads, *rows = list(csv.reader(figure.csv.splitlines()))
    shown = []
    for row in rows[:ROWS]:
        shown.append([escape(_rounded(cell)) for cell in row])
    caption = f"Numbers of the figure: {escape(figure.title)}"
    content = table(map(escape, heads), shown, caption)
    if len(rows) > ROWS:
        content += note(f"The first {ROWS} of {len(rows):,} rows; the CSV file has all.")
    # not in a script: a name such as <!-- there hides the script's end from a browser
    return (
        f"<details><summary>Numbers</summary>{content}</details>"
        f'<pre class="numbers" hidden>\n{escape(figure.csv, quote=False)}</pre>'
    )


def _rounded(cell: str) -> str:
    """A cell in four significant digits, where it is a number with more."""
    if NUMBER.fullmatch(cell) or re.fullmatch(r"-?\d+\.\d{5,}", cell):
        return f"{float(cell):.4g}".replace("-", "−")
    return cell


def _short(numbers: str) -> str:
    """The numbers of a CSV file without the digits that nobody reads."""
    return NUMBER.sub(lambda match: f"{float(match[0]):.{DIGITS}g}", numbers)
