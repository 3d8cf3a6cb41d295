"""One mixture on one target, as a cell of a table of a page."""

import numpy as np

from mixwright.report.by_target import Cell
from mixwright.report.figures.style import VERDICTS
from mixwright.report.predictions import signed
from mixwright.trust.intervals import Difference


def cell_of(cell: Cell, digits: int = 3) -> str:
    """Returns a coloured cell: the value, and below it its interval against natural."""
    verdict = cell.against.verdict
    colour = "inherit"
    if verdict in ("better", "worse"):
        colour = VERDICTS[verdict]
    interval = interval_of(cell.against) or "&nbsp;"
    value = f"{cell.value:.{digits}f}"
    return f'<td style="color:{colour}">{value}<br><small>{interval}</small></td>'


def interval_of(gap: Difference) -> str:
    """Returns `[−0.031, +0.012]`, or nothing where there is no interval."""
    if gap.identical or not np.isfinite(gap.low):
        return ""
    return f"[{signed(gap.low)}, {signed(gap.high)}]"
