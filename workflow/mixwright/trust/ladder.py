"""Published optima of two scales and what AutoScale makes of them at others (arXiv 2407.20177): each step up multiplies alike."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mixwright.errors import MixwrightError
from mixwright.measured.wide import ROUNDING, Wide, read_wide
from mixwright.mixture import Array

PER_STEP = 4  # points a step: the half step is one of them


def climb(path: Path, asked: Mapping[str, Any]) -> pd.DataFrame:
    """A tables.LADDER frame from the optima in `path`: n(t) = n1 (n2 / n1)^t, the published ones at t = 0 and t = 1.

    The file has a line a scale: its total in `unit` tokens, then each domain's amount in shares of total / domains. The two largest count.
    """
    table = read_wide(path)
    optima = _amounts(table, float(asked["unit"]))
    if len(optima) < 2:
        raise MixwrightError(
            f"{path}: {len(optima)} optimum; two scales are needed to extrapolate from"
        )
    first, second = optima[np.argsort(optima.sum(axis=1))[-2:]]
    if not second.sum() > first.sum() * (1 + 1e-9):
        raise MixwrightError(
            f"{path}: both optima are of {first.sum():.4g} tokens; two different scales are needed to extrapolate from"
        )
    steps = np.arange(PER_STEP * asked["steps"] + 1) / PER_STEP
    amounts = first * (second / first) ** steps[:, None]
    names = {"step": np.repeat(steps, len(first)), "domain": np.tile(table.columns, len(steps))}
    return pd.DataFrame(names | {"tokens": amounts.ravel()})


def caveats(ladder: pd.DataFrame, least: float) -> tuple[str, ...]:
    """Domains whose extrapolation is doubtful: at their least amount (in base amounts) in a published optimum, or falling with scale."""
    wide = ladder.pivot(index="step", columns="domain", values="tokens")
    first, second = wide.loc[0.0], wide.loc[1.0]
    clipped = [
        name
        for name in wide
        if any(n[name] <= least * (1 + 1e-6) * n.mean() for n in (first, second))
    ]
    falling = [name for name in wide if second[name] < first[name]]
    said = {
        "least allowed amount in a published optimum": clipped,
        "amount falls with scale": falling,
    }
    return tuple(
        f"The ladder is doubtful for {', '.join(names)} ({why})."
        for why, names in said.items()
        if names
    )


def _amounts(table: Wide, unit: float) -> Array:
    """(scales, domains) tokens."""
    totals = []
    for row, name in enumerate(table.ids):
        try:
            totals.append(float(name) * unit)
        except ValueError:
            raise MixwrightError(
                f"{table.where(row)}: the first column is the scale's total tokens; write a number"
            ) from None
        share = table.values[row].sum() / len(table.columns)
        if not table.values[row].min() > 0 or abs(share - 1) > ROUNDING:
            raise MixwrightError(
                f"{table.where(row)}: amounts above 0 whose mean is 1 are expected, and it is {share:.4g}; correct the row"
            )
    return table.values / len(table.columns) * np.array(totals)[:, None]
