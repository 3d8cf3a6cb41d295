"""The one exception that a user's mistake raises, and the hint that goes with a wrong name."""

from collections.abc import Iterable
from difflib import get_close_matches


class MixwrightError(Exception):
    """A mistake told in one line that names the fix; the command line prints it without a traceback."""


class TooFewRunsError(MixwrightError):
    """A mixer cannot learn from so few runs."""


def counted(number: int, noun: str) -> str:
    """`1 target`, `2 targets`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def nearest(name: str, known: Iterable[str]) -> str:
    """The remedy for an unknown name: the nearest known one, or all of them; none where none is known."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    return f"did you mean {close[0]}?" if close else f"known: {', '.join(names)}" if names else ""
