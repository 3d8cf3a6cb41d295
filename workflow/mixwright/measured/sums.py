"""Of which columns the rows sum to 1: shares among settings, counters and noise."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# A row's sum may miss 1 by this much: 17 weights of three decimals may miss it by 0.0085.
ROUNDING = 0.01
# A column is judged by content alone where there are so many rows more than columns.
SPARE_ROWS = 3
# The fewest rows from which a column of an unknown heading is left out by its content.
LEAST_ROWS = 5
# Estimates that are further apart than so many standard errors differ.
STANDARD_ERRORS = 5.0
# What the last bits of a sum may miss, and of an estimate.
LAST_BITS = 1e-9
# Sums further from 1 are not rounded alone: .99 misses 1 by .01, and by a last bit in binary.
MOST_ROUNDED = ROUNDING + LAST_BITS
# No share is greater, however it was rounded.
MOST = 1.1
# Sums that are so many times less exact are spoilt; where the rows are few, so many times.
MUCH, VERY_MUCH = 2.0, 10.0


def choose(
    matrix: Array,
    unlikely: NDArray[np.bool_],
    odd: NDArray[np.bool_],
    families: Sequence[NDArray[np.bool_]] = (),
) -> NDArray[np.bool_] | None:
    """Returns which columns are domains; all likely ones where no choice sums to 1.

    Args:
        matrix: (rows, columns) numbers.
        unlikely: (columns,) whether the heading speaks against a domain.
        odd: (columns,) whether a column is written otherwise than the others.
        families: (columns,) which columns have headings that begin alike, for each such beginning.

    None: the rows leave it open.
    """
    likely = ~unlikely
    weighed = _weigh(matrix, likely)
    if weighed is not None and _fits(matrix, weighed):
        more = likely | weighed
        is_same = bool((more == weighed).all())
        if is_same or not _fits(matrix, more) or _is_spoilt(matrix, more, weighed):
            return _needed(matrix, likely & odd, weighed)
        return None
    if _fits(matrix, likely):
        with_more = _completed(matrix, likely)
        return _needed(matrix, likely & odd, with_more)
    possible = _possible(matrix, likely)
    if _fits(matrix, possible):
        return _needed(matrix, possible & odd, possible)
    choices = [family for family in families if _fits(matrix, family)]
    if len(choices) == 1 and len(matrix) >= LEAST_ROWS:
        return choices[0]
    choices = []
    for choice in _near(matrix, likely, possible):
        if _fits(matrix, choice):
            choices.append(choice)
    if len(choices) == 1:
        return _needed(matrix, likely & odd, choices[0])
    return likely


def _completed(matrix: Array, likely: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns the likely columns with an unlikely one that makes the sums far more exact."""
    if len(matrix) < LEAST_ROWS:
        return likely
    for k in np.flatnonzero(~likely).tolist():
        more = likely.copy()
        more[k] = True
        if _fits(matrix, more) and _is_spoilt(matrix, likely, more, VERY_MUCH):
            return more
    return likely


def _needed(
    matrix: Array, odd: NDArray[np.bool_], chosen: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """Returns the chosen columns without one that makes the sums far less exact.

    A column of small numbers may be a domain, or a setting with a heading that nobody knows. Where
    it is written otherwise than the others, it is a domain only if the sums are more exact with it.

    None: they are as exact without it, or several columns spoil them.
    """
    if len(matrix) < LEAST_ROWS:
        return chosen
    spoilers = []
    doubtful = False
    for k in np.flatnonzero(chosen).tolist():
        fewer = chosen.copy()
        fewer[k] = False
        if not _fits(matrix, fewer) or not np.nan_to_num(matrix[:, k]).any():
            continue
        if _is_spoilt(matrix, chosen, fewer, VERY_MUCH):
            spoilers.append(fewer)
        elif odd[k] and not _is_spoilt(matrix, fewer, chosen):
            doubtful = True
    if len(spoilers) == 1:
        return spoilers[0]
    return None if spoilers or doubtful else chosen


def _is_spoilt(
    matrix: Array,
    one: NDArray[np.bool_],
    other: NDArray[np.bool_],
    much: float = MUCH,
) -> bool:
    """Whether the sums of one choice are so many times less exact than those of the other."""
    return _spread(matrix[:, one]) > much * _spread(matrix[:, other]) + LAST_BITS


def _spread(matrix: Array) -> float:
    """Returns the root mean square of what row sums miss; rows with a hole are passed over."""
    missing = matrix.sum(axis=1) - 1
    missing = missing[~np.isnan(missing)]
    if not len(missing):
        return math.inf
    return float(np.sqrt(np.mean(missing**2)))


def _fits(matrix: Array, chosen: NDArray[np.bool_]) -> bool:
    """Whether these columns are shares of 1 in every row."""
    part = matrix[:, chosen]
    return error(part) <= MOST_ROUNDED and not (part < 0).any()


def error(matrix: Array) -> float:
    """Returns how far the row sums are from 1 at most; rows with a hole are passed over."""
    sums = matrix.sum(axis=1)
    sums = sums[~np.isnan(sums)]
    if not len(sums) or matrix.shape[1] < 2:
        return math.inf
    return float(np.abs(sums - 1).max())


def _weigh(matrix: Array, likely: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Returns which columns a row's sum of 1 is made of, by least squares.

    The coefficients x of `matrix x = 1` are 1 for domains and 0 for others. A column stays what
    its heading says unless x speaks clearly against it. None: the rows do not tell.
    """
    has_no_hole = np.isfinite(matrix).all(axis=1)
    complete = matrix[has_no_hole]
    if not len(complete):
        return None
    used = np.abs(complete).max(axis=0) > 0
    # What is the same in all rows is a sum of shares in itself.
    differs = np.ptp(complete, axis=0) > 0
    used &= likely | differs
    estimates = _coefficients(complete[:, used])
    if estimates is None:
        return None
    shares, margin = estimates
    from_zero = np.abs(shares)
    from_one = np.abs(shares - 1)
    is_nearer_zero = from_zero < from_one
    is_off = is_nearer_zero & (from_one > margin)
    is_on = ~is_nearer_zero & (from_zero > margin)
    chosen = likely.copy()
    chosen[used] = np.where(
        likely[used],
        ~is_off,
        is_on,
    )
    return chosen


def _coefficients(matrix: Array) -> tuple[Array, Array] | None:
    """Returns x of `matrix x = 1` by least squares, and how far off it may be.

    None: there are too few rows, or columns that depend on each other.
    """
    rows, columns = matrix.shape
    if columns < 2 or rows < columns + SPARE_ROWS:
        return None
    scale = np.abs(matrix).max(axis=0)
    scaled = matrix / scale
    rank = np.linalg.matrix_rank(scaled, tol=LAST_BITS * rows)
    if rank < columns:
        return None
    gram = scaled.T @ scaled
    inverse = np.linalg.inv(gram)
    solution = np.linalg.lstsq(scaled, np.ones(rows), rcond=None)[0]
    residuals = scaled @ solution - 1
    variance = residuals @ residuals / (rows - columns)
    errors = np.sqrt(variance * np.diag(inverse))
    margin = STANDARD_ERRORS * errors + LAST_BITS
    return solution / scale, margin / scale


def _possible(matrix: Array, likely: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Returns the likely columns that may be shares; all likely ones where the rows are few."""
    if len(matrix) < LEAST_ROWS:
        return likely
    filled = np.nan_to_num(matrix)
    least = filled.min(axis=0)
    possible: NDArray[np.bool_] = likely & (least >= 0) & (least <= MOST)
    return possible


def _near(
    matrix: Array, likely: NDArray[np.bool_], possible: NDArray[np.bool_]
) -> list[NDArray[np.bool_]]:
    """Returns choices that differ by one column from the likely ones, or from the possible ones.

    A column is taken out only where there are rows enough.
    """
    choices = {}
    for start in (likely, possible):
        for k in range(matrix.shape[1]):
            if start[k] and len(matrix) < LEAST_ROWS:
                continue
            turned = start.copy()
            turned[k] = not start[k]
            choices[turned.tobytes()] = turned
    return list(choices.values())
