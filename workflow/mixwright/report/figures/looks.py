"""The looks of lines and dots: what stands side by side can be told apart, without colour too."""

import math
from collections.abc import Sequence
from typing import Any

from mixwright.report.figures.style import INK, SERIES, SOFT

# Styles of lines, and marks of dots, that stand beside each other: 7 x 5 and 7 x 6 ways.
DASHES = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (9, 2.5)))
MARKERS = ("o", "s", "^", "D", "v", "P")
# Of mixtures that are no mixer's: colour, and mark of a dot.
NATURAL, UNIFORM = (INK, "*"), (SOFT, "X")
# Mixers in the order of their looks: those that often stand beside each other, as the first seven
# do, and the last three with some of those, differ in colour.
COMMON = (
    "effective-data",
    "regmix",
    "ensemble",
    "additive",
    "log-linear",
    "best-of-swarm",
    "regmix-linear",
    "bimix",
    "joint",
    "autoscale",
    "mixmin",
    "unimax",
    "olmix",
)


def strokes(names: Sequence[str]) -> dict[str, tuple[str, Any]]:
    """Returns name -> colour and line style, so that no two lines are drawn alike.

    Neighbours differ in both: lines can be told apart without colour.
    """
    ways = {}
    for number, name in enumerate(names):
        turn = number + number // math.lcm(len(SERIES), len(DASHES))
        ways[name] = (_in_turn(SERIES, number), _in_turn(DASHES, turn))
    return ways


def marks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Returns name -> colour and marker, so that dots can be told apart without colour."""
    ways = {}
    for number, name in enumerate(names):
        ways[name] = (_in_turn(SERIES, number), _in_turn(MARKERS, number))
    return ways


def mixer_marks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Returns name -> colour and marker: a mixer has its own in every figure of every study."""
    ways = {}
    for name, number in _places(names).items():
        ways[name] = (_in_turn(SERIES, number), _in_turn(MARKERS, number))
    return ways | {"natural": NATURAL, "uniform": UNIFORM}


def mixer_strokes(names: Sequence[str]) -> dict[str, tuple[str, Any]]:
    """Returns name -> colour and line style; the colour is that of `mixer_marks`."""
    ways: dict[str, tuple[str, Any]] = {"natural": (INK, "-"), "uniform": (SOFT, "-")}
    for name, number in _places(names).items():
        way = (_in_turn(SERIES, number), _in_turn(DASHES, number))
        ways.setdefault(name, way)
    return ways


def _in_turn(values: Sequence[Any], number: int) -> Any:
    """The value of this number, where they begin again after the last."""
    return values[number % len(values)]


def _places(names: Sequence[str]) -> dict[str, int]:
    """Name -> place: that of mixers never changes, all others follow."""
    from mixwright.mixers import MIXERS

    places: dict[str, int] = {}
    for name in (*COMMON, *MIXERS, *names):
        places.setdefault(name, len(places))
    return places
