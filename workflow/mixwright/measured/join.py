"""Joins mixtures and losses run by run; says which runs have no loss, and of what kind."""

import logging
from collections.abc import Iterable, Sequence

import numpy as np

from mixwright.errors import MixwrightError, counted, shortened
from mixwright.measured.cells import HOLES
from mixwright.measured.reader import Reading
from mixwright.measured.wide import Wide
from mixwright.observations import DIVERGED, NAMED, Observations, left_out

DROP = "drop"
LEAVE_OUT = "leave them out with --diverged drop"
log = logging.getLogger(__name__)


def join(reading: Reading, least: int, diverged: str) -> Observations:
    """Returns the runs of two tables, sorted by id, with domains and targets sorted by name.

    Args:
        least: number of runs that there must be.
        diverged: what becomes of runs without a finite loss: `refuse` names them in an error,
            `drop` leaves them out.

    Raises:
        MixwrightError: a run is in one table only, has no loss, or there are too few.
    """
    mixtures, losses = reading.mixtures, reading.losses
    _check_mixtures(mixtures, losses)
    lost = {*_without_row(reading, diverged), *_without_number(reading, diverged)}
    mixtures = mixtures.without(lost)
    losses = losses.without(lost)
    if not mixtures.ids:
        raise MixwrightError(f"{losses.head}: no run has a loss; measure some")
    if len(mixtures.ids) < least:
        raise MixwrightError(
            f"{mixtures.where(-1)} is the last of {len(mixtures.ids)} runs; give {least} or more"
        )
    mixtures = mixtures.sorted()
    losses = losses.sorted()
    if least > 1:
        _check_spread(mixtures)
    return Observations(
        domains=mixtures.columns,
        targets=losses.columns,
        runs=mixtures.ids,
        roles=("swarm",) * len(mixtures.ids),
        amounts=mixtures.values,
        losses=reading.minimised(losses),
        dropped=tuple(("swarm", run) for run in sorted(lost)),
        metrics=reading.unusual,
        texts=reading.texts,
    )


def _check_mixtures(mixtures: Wide, losses: Wide) -> None:
    """Refuses a row of losses without a mixture."""
    known = set(mixtures.ids)
    alone = [row for row, name in enumerate(losses.ids) if name not in known]
    if not alone:
        return
    remedy = "add them there or drop the row here"
    if len(alone) == len(losses.ids):
        remedy = f"its ids are such as {mixtures.ids[0]}: write both alike"
    elif _starts(mixtures) != _starts(losses) and len(mixtures.ids) == len(losses.ids):
        remedy = "one counts runs from 0 and the other from 1: count alike in both"
    raise MixwrightError(
        f"{losses.where(alone[0])}{_more(alone)} has no mixture in {mixtures.source}; {remedy}"
    )


def _starts(table: Wide) -> int | None:
    """Returns 0 or 1 where the ids count the runs from there, each once."""
    for start in (0, 1):
        counted_ids = {str(start + row) for row in range(len(table.ids))}
        if set(table.ids) == counted_ids:
            return start
    return None


def _without_row(reading: Reading, diverged: str) -> list[str]:
    """Returns the runs that have no row of losses, where they may be left out."""
    mixtures, losses = reading.mixtures, reading.losses
    known = set(losses.ids)
    alone = [row for row, name in enumerate(mixtures.ids) if name not in known]
    if not alone:
        return []
    where = f"{mixtures.where(alone[0])}{_more(alone)} has no losses in {losses.source}"
    if reading.by_row:
        raise MixwrightError(
            f"{where}, and nothing but the order of rows tells the runs apart; give both tables"
            " a column of ids"
        )
    if diverged != DROP:
        raise MixwrightError(
            f"{where}; add them there or drop the row here, or leave out what is not finished with"
            " --diverged drop"
        )
    names = [mixtures.ids[row] for row in alone]
    log.info("%s: left out %s without losses: %s", mixtures.source, *_counted(names))
    return names


def _without_number(reading: Reading, diverged: str) -> list[str]:
    """Returns the runs with a hole among their losses, where they may be left out."""
    losses = reading.losses
    faulty = ~np.isfinite(losses.values)
    rows = np.flatnonzero(faulty.any(axis=1)).tolist()
    unfinished, gaps, infinite = [], [], []
    for row in rows:
        cells = [reading.cells[row][k] for k in np.flatnonzero(faulty[row]).tolist()]
        if any(cell.lower() not in HOLES for cell in cells):
            infinite.append(row)
        elif faulty[row].all():
            unfinished.append(row)
        else:
            gaps.append(row)
    _leave_infinite(losses, infinite, diverged)
    for part, reason in (
        (unfinished, "without any loss, not finished or not measured"),
        (gaps, "with an empty cell among the losses, not measured"),
    ):
        _leave(losses, part, reason, diverged)
    if gaps:
        log.info("%s: a target that few runs have can go instead: --targets", losses.source)
    return [losses.ids[row] for row in rows]


def _leave_infinite(losses: Wide, rows: Sequence[int], diverged: str) -> None:
    """Refuses runs whose loss is NaN or infinite, or says that they are left out."""
    names = [losses.ids[row] for row in rows]
    try:
        left_out(names, len(losses.ids), diverged)
    except MixwrightError as error:
        if not rows:
            raise
        raise MixwrightError(f"{losses.where(rows[0])}: {error}") from None


def _leave(losses: Wide, rows: Sequence[int], reason: str, diverged: str) -> None:
    """Refuses runs without a number for a reason, or says that they are left out."""
    if not rows:
        return
    number, names = _counted([losses.ids[row] for row in rows])
    if diverged not in DIVERGED or diverged == DROP:
        log.info("%s: left out %s %s: %s", losses.source, number, reason, names)
        return
    empty = np.flatnonzero(~np.isfinite(losses.values[rows[0]])).tolist()
    column = losses.columns[empty[0]]
    raise MixwrightError(
        f"{losses.where(rows[0])}: {column} is empty: {number} {reason}: {names};"
        f" measure what is missing, {LEAVE_OUT}, or choose the targets that all runs have with"
        " --targets"
    )


def _check_spread(mixtures: Wide) -> None:
    """Refuses runs that all have one mixture."""
    if not np.ptp(mixtures.values, axis=0).any():
        raise MixwrightError(
            f"{mixtures.source}: all {len(mixtures.ids)} runs have the same mixture;"
            " add runs of other mixtures"
        )


def _more(rows: Sequence[int]) -> str:
    """` (and 3 more)` of rows of which the first is named."""
    if len(rows) < 2:
        return ""
    return f" (and {len(rows) - 1} more)"


def _counted(names: Iterable[str]) -> tuple[str, str]:
    """Returns `3 runs` and their names, of many the first."""
    ordered = list(names)
    return counted(len(ordered), "run"), shortened(ordered, NAMED)
