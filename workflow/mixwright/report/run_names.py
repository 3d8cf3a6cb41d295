"""Gives the runs that notes name by their hash a name that people can read: their mixture."""

import re
from collections.abc import Iterable

import pandas as pd

from mixwright.report.mixture_words import recipe

# Letters of a hash that a page shows.
SHORT = 6
WORD = re.compile(r"[\w.-]+")


def with_mixtures(notes: Iterable[str], design: pd.DataFrame) -> tuple[str, ...]:
    """Returns the notes, in which each run stands with the largest shares of its mixture.

    Args:
        notes: of a proposal.
        design: a DESIGN table.
    """
    runs = set(design.run)

    def named(match: re.Match[str]) -> str:
        run = match[0]
        if run not in runs:
            return run
        rows = design[design.run == run]
        weights = dict(zip(rows.domain, rows.weight.astype(float), strict=True))
        short = run[:SHORT] if len(run) > 2 * SHORT else run
        return f"the run on {recipe(weights)} ({short})"

    return tuple(WORD.sub(named, note) for note in notes)
