"""Keeps a page light: where figures make it too large, numbers go before drawings do."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from mixwright.files import written
from mixwright.progress import say
from mixwright.report.drawings import Drawn, embedded

# Bytes of a page with its figures.
LARGEST = 1_900_000


def with_room(
    page: Callable[[Sequence[Drawn]], str], figures: Sequence[Drawn], where: str
) -> tuple[str, tuple[Drawn, ...]]:
    """Returns a page with as many of its figures as it has room for, and those left out.

    Args:
        page: makes the page of figures; without any it is as small as it can be.
        figures: all of them, in the order of the page.
        where: the figures' own files are, in words, such as `beside this page`.
    """
    room = LARGEST - len(page(()).encode())
    remaining = list(figures)
    omitted = []
    while remaining and sum(map(_drawing, remaining)) > room:
        largest = max(remaining, key=_drawing)
        remaining.remove(largest)
        omitted.append(largest)
    while sum(map(_drawing, remaining)) + sum(map(_numbers, remaining)) > room:
        place = max(range(len(remaining)), key=lambda place: _numbers(remaining[place]))
        figure = remaining[place]
        words = f"{figure.caption} Its numbers are many: {figure.name}.csv holds them, {where}."
        remaining[place] = replace(figure, csv="", caption=words.strip())
    return page(remaining), tuple(omitted)


def write_with_room(
    page: Callable[[Sequence[Drawn]], str], figures: Iterable[str | Path], html: str | Path
) -> None:
    """Writes a page with as many of its figures as it has room for, and says which it leaves out.

    Args:
        page: makes the page of figures.
        figures: SVG files, each with its table beside it, in the folder of the page.
        html: file of the page; it needs no other file.
    """
    content, omitted = with_room(page, embedded(figures), "beside this page")
    for figure in omitted:
        say(f"{html}: without the figure {figure.name}, which is large; its file stands beside it")
    with written(html) as partial:
        partial.write_text(content, encoding="utf-8")


def _drawing(figure: Drawn) -> int:
    return len(figure.svg.encode())


def _numbers(figure: Drawn) -> int:
    return len(figure.csv.encode())
