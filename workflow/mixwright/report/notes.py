"""The notes of proposals as pages show them; a run stands in them with its mixture."""

import re
from collections.abc import Iterable

import pandas as pd

from mixwright.report.mixture_words import recipe
from mixwright.report.results import Records

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


def shared_notes(mixer: str, mixtures: Records) -> tuple[str, ...]:
    """Returns the notes that a mixer made on every one of its mixtures."""
    notes = [mixture.get("notes", ()) for mixture in mixtures if mixture["mixer"] == mixer]
    if not notes:
        return ()
    shared = []
    for note in notes[0]:
        if all(note in others for others in notes):
            shared.append(note)
    return tuple(shared)
