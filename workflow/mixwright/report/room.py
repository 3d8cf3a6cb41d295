"""Keeps a page light: where all figures make it too large, numbers go first, then drawings."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from mixwright.report.drawings import Drawn

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
    while _bytes(remaining) > room and any(figure.csv for figure in remaining):
        place = max(range(len(remaining)), key=lambda place: len(remaining[place].csv))
        figure = remaining[place]
        words = f"{figure.caption} Its numbers are many: {figure.name}.csv holds them, {where}."
        remaining[place] = replace(figure, csv="", caption=words.strip())
    omitted = []
    while remaining and _bytes(remaining) > room:
        largest = max(remaining, key=lambda figure: len(figure.svg))
        remaining.remove(largest)
        omitted.append(largest)
    return page(remaining), tuple(omitted)


def _bytes(figures: Sequence[Drawn]) -> int:
    sizes = [len(figure.svg.encode()) + len(figure.csv.encode()) for figure in figures]
    return sum(sizes)
