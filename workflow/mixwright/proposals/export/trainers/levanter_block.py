"""Levanter's blocks: how many sequences of a block each source gets, and which block to choose.

Read in marin-levanter 0.2.20.dev202606180959: levanter/data/mixture.py (MixtureDataset).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# The block where the file names none, and the largest that the trainer takes.
DEFAULT, LARGEST = 2_048, 65_535
# A block keeps shares that it meets to within this part of them; the first that can be had.
CLOSE = (0.001, 0.01)
# The trainer divides weights once more and rounds down: a share must not hang on the last digit.
SAFE = 1 - 1e-9
# A stage may begin this part of the training earlier or later than was planned.
SHIFT = 0.005


@dataclass(frozen=True)
class Schedule:
    """When stages begin, in sequences."""

    # of each stage but the first
    starts: tuple[float, ...] = ()
    # of the whole training; None where nobody said
    length: float | None = None
    # sequences of a step: a stage begins at a step
    batch: int = 1


def start_near(start: float, block: int, batch: int) -> int:
    """Returns the sequence at which a stage may begin: the nearest one at a step and a block."""
    both = math.lcm(block, batch)
    times = round(start / both)
    if times == 0:
        times = 1
    return times * both


def block_that_keeps(stages: Sequence[Array], schedule: Schedule) -> int:
    """Returns the smallest block, from the default on, that keeps every share to within .1 %.

    Where none does, 1 % is enough. Else it is the one that loses the fewest sources, and of these
    the one whose worst share is the nearest. Shares that no block can hold are left out of account.
    Where stages could not begin near their time, smaller blocks are taken.

    Args:
        stages: (sources,) shares of each stage.
        schedule: when they begin.
    """
    rows = []
    for shares in stages:
        values = tuple(shares.tolist())
        rows.append(values)
    return _block(tuple(rows), schedule)


@lru_cache(maxsize=16)
def _block(
    stages: tuple[tuple[float, ...], ...],
    schedule: Schedule,
) -> int:
    candidates = _in_time(schedule)
    lost, off = losses(np.array(stages), candidates)
    for most in CLOSE:
        close = (lost == 0) & (off <= most)
        if close.any():
            place = close.argmax()
            return int(candidates[place])
    best_first = np.lexsort((candidates, off, lost))
    best = best_first[0]
    return int(candidates[best])


def losses(
    stages: Array,
    candidates: NDArray[np.int64],
) -> tuple[Array, Array]:
    """Returns (candidates,) sources that are lost, and by which part a share is off at most.

    Args:
        stages: (stages, sources) shares; those that the largest candidate cannot hold are left out.
        candidates: blocks, the smallest first.
    """
    lost = np.zeros(len(candidates))
    off = np.zeros(len(candidates))
    for shares in stages:
        largest = int(shares.argmax())
        rest = candidates.astype(np.float64)
        for place, share in enumerate(shares.tolist()):
            if place == largest or share * candidates[-1] < 1:
                continue
            wanted = share * candidates
            counts = np.floor(wanted * SAFE)
            rest -= counts
            lost += counts == 0
            missing = (wanted - counts) / wanted
            missing[counts == 0] = 0
            off = np.maximum(off, missing)
        # The largest gets what the others leave.
        wanted = shares[largest] * candidates
        surplus = np.abs(rest - wanted) / wanted
        off = np.maximum(off, surplus)
    return lost, off


def _in_time(schedule: Schedule) -> NDArray[np.int64]:
    """Returns the blocks by which stages begin near their time, the smallest first."""
    largest = _largest(schedule.length)
    most = 0.0
    if schedule.length is not None:
        most = SHIFT * schedule.length
    for smallest in (min(DEFAULT, largest), 1):
        candidates = np.arange(smallest, largest + 1)
        shift = _shift(candidates, schedule)
        if shift.min() <= most:
            return candidates[shift <= most]
    best = shift.min()
    return candidates[shift == best]


def _largest(length: float | None) -> int:
    """Returns the largest block of use.

    Of a block that the training does not reach the end of, what is read is left to chance.
    """
    if length is None:
        return LARGEST
    whole = int(length)
    return min(LARGEST, max(1, whole))


def _shift(candidates: NDArray[np.int64], schedule: Schedule) -> Array:
    """Returns (candidates,) sequences by which a stage begins too early or too late, at most."""
    most = np.zeros(len(candidates))
    both = np.lcm(candidates, schedule.batch)
    for start in schedule.starts:
        times = np.round(start / both)
        times[times == 0] = 1
        nearest = times * both
        shift = np.abs(nearest - start)
        most = np.maximum(most, shift)
    return most
