"""Published optima of two scales, and what AutoScale makes of them at others (arXiv 2407.20177).

Each step up multiplies a domain's amount by the same factor.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.measured.sums import ROUNDING
from mixwright.measured.wide import Wide, read_wide
from mixwright.mixture import Array

# points a step: the half step is one of them
PER_STEP = 4


def climb(path: Path, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Extrapolates the two largest optima of a file, and returns a tables.LADDER frame.

    A domain's amount at step t is n(t) = n1 (n2 / n1)^t tokens: the published optima stand at
    t = 0 and t = 1.

    Args:
        path: CSV with a line a scale: its total, then each domain's amount, in shares of
            total / domains.
        settings: `unit`, the tokens that a total of 1 stands for; `steps`, how far to go.

    Raises:
        MixwrightError: there are no two different scales, or a row is no optimum.
    """
    table = read_wide(path)
    optima = _amounts(table, float(settings["unit"]))
    remedy = "two different scales are needed to extrapolate from"
    if len(optima) < 2:
        remedy = "two scales are needed to extrapolate from"
        raise MixwrightError(f"{path}: {len(optima)} optimum; {remedy}")
    largest = np.argsort(optima.sum(axis=1))[-2:]
    first, second = optima[largest]
    if not second.sum() > first.sum() * (1 + 1e-9):
        raise MixwrightError(f"{path}: both optima are of {first.sum():.4g} tokens; {remedy}")
    points = PER_STEP * settings["steps"] + 1
    steps = np.arange(points) / PER_STEP
    amounts = first * (second / first) ** steps[:, None]
    columns = {
        "step": np.repeat(steps, len(first)),
        "domain": np.tile(table.columns, points),
        "tokens": amounts.ravel(),
    }
    return pd.DataFrame(columns)


def caveats(ladder: pd.DataFrame, least: float) -> tuple[str, ...]:
    """Returns sentences on the domains whose extrapolation is doubtful.

    A domain is doubtful where a published optimum holds it at its `least` amount, in base
    amounts, or where its amount falls with scale.
    """
    wide = ladder.pivot(
        index="step",
        columns="domain",
        values="tokens",
    )
    first = wide.loc[0.0]
    second = wide.loc[1.0]
    limit = least * (1 + 1e-6)
    first_small = first <= limit * first.mean()
    second_small = second <= limit * second.mean()
    at_least = first_small | second_small
    clipped = list(wide.columns[at_least])
    falling = list(wide.columns[second < first])
    sentences = []
    for names, reason in (
        (clipped, "least allowed amount in a published optimum"),
        (falling, "amount falls with scale"),
    ):
        if names:
            sentences.append(f"The ladder is doubtful for {', '.join(names)} ({reason}).")
    return tuple(sentences)


def _amounts(table: Wide, unit: float) -> Array:
    """(scales, domains) tokens."""
    domains = len(table.columns)
    totals = []
    for row, name in enumerate(table.ids):
        where = table.where(row)
        try:
            total = float(name)
        except ValueError:
            problem = "the first column is the scale's total tokens"
            raise MixwrightError(f"{where}: {problem}; write a number") from None
        totals.append(total * unit)
        amounts = table.values[row]
        mean = amounts.sum() / domains
        if not amounts.min() > 0 or abs(mean - 1) > ROUNDING:
            problem = f"amounts above 0 whose mean is 1 are expected, and it is {mean:.4g}"
            raise MixwrightError(f"{where}: {problem}; correct the row")
    return table.values / domains * np.array(totals)[:, None]
