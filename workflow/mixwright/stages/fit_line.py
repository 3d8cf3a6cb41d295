"""The command that fits runs, as `design` and `surgery` print it behind the tables they write."""

from collections.abc import Sequence
from pathlib import Path

from mixwright.errors import as_typed

MIXER = "effective-data"


def fit_line(
    mixtures: Sequence[str | Path],
    losses: Sequence[str | Path],
    options: Sequence[str] = (),
    mixer: str = MIXER,
    to: str = "fit",
) -> str:
    """Returns a line for a shell, in which paths are quoted where they must be.

    Args:
        options: further ones, each as it is typed; empty ones are passed over.
    """
    words = [
        as_typed("mixwright", "fit", "--mixtures", *mixtures, "--losses", *losses),
        *options,
        as_typed("--mixer", mixer, "--to", to),
    ]
    return " ".join(word for word in words if word)
