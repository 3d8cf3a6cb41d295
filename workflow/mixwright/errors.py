"""The one exception that a user's mistake raises, and words that messages have in common."""

import shlex
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class MixwrightError(Exception):
    """A user's mistake: one line that names the fix.

    The command line prints it without a traceback.
    """


class TooFewRunsError(MixwrightError):
    """A mixer cannot learn from so few runs."""

    def __init__(self, message: str, least: int) -> None:
        """Takes the message, and how many runs would do."""
        super().__init__(message)
        self.least = least

    def __reduce__(self) -> tuple[type["TooFewRunsError"], tuple[str, int]]:
        """A process hands it to another one with both."""
        return type(self), (str(self), self.least)


def counted(number: int, noun: str) -> str:
    """Returns `1 target`, `2 targets`."""
    if number == 1:
        return f"{number} {noun}"
    return f"{number} {noun}s"


def as_typed(*words: object) -> str:
    """Returns words of a command as a person types them in a shell: quoted where they must be."""
    return shlex.join([str(word) for word in words])


def quantity(number: float) -> str:
    """Returns a number in three digits and a unit that people read: `4.8 M`, `1.5 B`."""
    for size, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"


def shortened(names: Sequence[str], most: int) -> str:
    """Returns the names in a line; of many the first, and how many more there are."""
    listed = ", ".join(names[:most])
    more = len(names) - most
    if more > 0:
        listed += f" and {more} more"
    return listed


def closest(name: str, known: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Returns the known name that reads most like `name`; None where none reads like it."""
    matches = get_close_matches(name, list(known), n=1, cutoff=cutoff)
    return matches[0] if matches else None


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns the remedy for an unknown name: the closest known one, or all of them.

    It is empty where no name is known.
    """
    names = [name for name in known if name]
    close = closest(name, names)
    if close:
        return f"did you mean {close}?"
    if names:
        return f"known: {', '.join(names)}"
    return ""
