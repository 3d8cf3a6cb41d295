"""The validation examples of a domain: the whole documents of all its parts, in one order."""

from collections.abc import Sequence
from typing import Any

from mixwright.corpus.shards import Examples


def joined(parts: Sequence[Examples], end_token: int) -> Examples:
    """Returns the examples of several parts, so that any first few come from all of them.

    Each part keeps its order, and its examples are spread evenly over the whole.

    Args:
        parts: the examples of each.
        end_token: id of the token that opens each example.
    """
    if len(parts) == 1:
        return parts[0]
    # Place from 0 to 1, part, row: of two at one place the earlier part's comes first.
    listed: list[tuple[float, int, Any]] = []
    for part, examples in enumerate(parts):
        for number, row in enumerate(examples.rows()):
            place = (number + 0.5) / len(examples)
            listed.append((place, part, row))
    listed.sort(key=_place)
    return Examples.of((row for _, _, row in listed), end_token)


def _place(entry: tuple[float, int, Any]) -> tuple[float, int]:
    place, part, _ = entry
    return place, part
