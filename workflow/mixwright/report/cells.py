"""One mixture on one target, as a cell of a table of a page."""

import numpy as np

from mixwright.report.by_target import Cell
from mixwright.report.predictions import signed
from mixwright.trust.intervals import Difference


def cell_of(cell: Cell, digits: int = 3) -> str:
    """Returns what stands in a cell: the value, and below it how it differs from natural."""
    return compared(f"{cell.value:.{digits}f}", cell.against)


def compared(value: str, gap: Difference) -> str:
    """Returns a value (HTML), and below it the verdict in a word and the interval against natural.

    The verdicts better and worse have a colour, too.
    """
    interval = interval_of(gap) or "&nbsp;"
    if gap.verdict in ("better", "worse"):
        return (
            f'<span class="{gap.verdict}">{value}<br><small>{gap.verdict} {interval}</small></span>'
        )
    return f"{value}<br><small>{interval}</small>"


def interval_of(gap: Difference) -> str:
    """Returns `[−0.031, +0.012]`, or nothing where there is no interval."""
    if gap.identical or not np.isfinite(gap.low):
        return ""
    return f"[{signed(gap.low)}, {signed(gap.high)}]"
