"""Which columns of a table of mixtures are domains: those whose rows sum to 1."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError, nearest
from mixwright.measured.cells import Cells, Column, number
from mixwright.measured.decisions import DOMAIN, LEFT_OUT, Decision
from mixwright.measured.headings import match_name, no_domain, paired
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
# No share is greater, however it was rounded.
MOST = 1.1
# Sums that are so many times less exact are spoilt, or may be.
MUCH, LITTLE = 2.0, 1.05
REMEDY = "say which columns are the domains: --domains A B"


@dataclass(frozen=True)
class Domains:
    """The columns that are domains, and what was decided of the others."""

    columns: list[Column]
    decisions: list[Decision]


def choose_domains(
    cells: Cells,
    named: Sequence[str] = (),
    expected: Sequence[str] = (),
    key: str | None = None,
) -> Domains:
    """Returns the domains of a table of mixtures.

    Args:
        named: headings that a person says are the domains; short forms will do.
        expected: the domains there must be, of a fit; columns of other names are none where these
            are all there and sum to 1.
        key: the heading that a person says tells the runs apart.

    Raises:
        MixwrightError: a name is unknown, or no columns sum to 1 in every row.
    """
    columns = [column for column in cells.columns if key is None or column.heading != key]
    if named:
        return _named(cells, columns, named)
    if expected:
        domains = _expected(cells, columns, expected)
        if domains is not None:
            return domains
    return _by_content(cells, columns)


def _named(cells: Cells, columns: list[Column], named: Sequence[str]) -> Domains:
    """Returns the columns that a person named."""
    headings = [column.heading for column in columns]
    names = []
    for name in named:
        heading = match_name(name, headings)
        if heading not in headings:
            raise MixwrightError(f"--domains {name}: {cells.head}: {nearest(name, headings)}")
        names.append(heading)
    reasons = {}
    for column in columns:
        if column.heading not in names:
            reasons[column.position] = "not among --domains"
    return _decided(cells, columns, reasons, "named by --domains")


def _expected(cells: Cells, columns: list[Column], expected: Sequence[str]) -> Domains | None:
    """Returns the domains of a fit; None where they are not all there, or do not sum to 1."""
    names = paired([column.heading for column in columns], expected)
    by_domain: dict[str, Column] = {}
    for column in columns:
        name = names.get(column.heading, "")
        if column.heading == name or name not in by_domain:
            by_domain[name] = column
    if not set(expected) <= set(by_domain):
        return None
    domains = [by_domain[name] for name in expected]
    matrix = np.column_stack([column.values for column in domains])
    if not _error(matrix) <= ROUNDING:
        return None
    reasons = {}
    for column in columns:
        if column not in domains:
            reasons[column.position] = "no domain of the fit"
    return _decided(cells, columns, reasons, "a domain of the fit")


def _by_content(cells: Cells, columns: list[Column]) -> Domains:
    """Returns the columns that sum to 1, those of telling headings only where they are needed."""
    reasons: dict[int, str] = {}
    candidates = []
    for column in columns:
        if column.is_numeric or (column.words.any() and _looks_like_numbers(column)):
            candidates.append(column)
        else:
            reasons[column.position] = "words, no shares" if any(column.texts) else "no cells"
    doubts = [_why_not(column) for column in candidates]
    unlikely = np.array([bool(doubt) for doubt in doubts], dtype=bool)
    matrix = _matrix(candidates, len(cells.rows))
    chosen = _choose(matrix, unlikely)
    if chosen is None:
        raise MixwrightError(
            f"{cells.head}: the weights sum to 1 with small columns and without them; {REMEDY}"
        )
    for column, doubt, is_domain in zip(candidates, doubts, chosen, strict=True):
        if not is_domain:
            why = "the others sum to 1 without it"
            reasons[column.position] = f"{doubt}; {why}" if doubt else why
    return _decided(cells, columns, reasons, "with the other domains it sums to 1 in every row")


def _why_not(column: Column) -> str:
    """Returns why a column is probably no domain; empty where it may be one."""
    if not column.heading:
        return "it has no heading"
    if column.position == 0 and column.is_whole and column.is_unique and len(column.texts) > 2:
        return "whole numbers in the first column name the runs"
    return no_domain(column.heading)


def _looks_like_numbers(column: Column) -> bool:
    return any(malformed(text) for text in column.texts)


def malformed(text: str) -> bool:
    """Whether a cell is a number in a form that is not read: 1,5 or 3_1439 or 45 %."""
    return bool(text[:1].isdigit()) and number(text) is None and not set(text) - _MARKS


_MARKS = set("0123456789.,_'% ")


def _matrix(columns: list[Column], rows: int) -> Array:
    """Returns (rows, columns) numbers; NaN where there are none."""
    matrix = np.empty((rows, len(columns)))
    for k, column in enumerate(columns):
        matrix[:, k] = column.values
    return matrix


def _error(matrix: Array) -> float:
    """Returns how far the row sums are from 1 at most; rows with a hole are passed over."""
    sums = matrix.sum(axis=1)
    sums = sums[~np.isnan(sums)]
    if not len(sums) or matrix.shape[1] < 2:
        return math.inf
    return float(np.abs(sums - 1).max())


def _choose(matrix: Array, unlikely: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Returns which columns are domains; all likely ones where no choice sums to 1.

    None: the rows leave it open.
    """
    likely = ~unlikely
    weighed = _weigh(matrix, likely)
    if weighed is not None and _fits(matrix, weighed):
        return _settled(matrix, likely | weighed, weighed)
    if _fits(matrix, likely):
        return likely
    choices = []
    for choice in _near(matrix, likely):
        if _fits(matrix, choice):
            choices.append(choice)
    if len(choices) == 1:
        return choices[0]
    return likely


def _settled(
    matrix: Array, more: NDArray[np.bool_], fewer: NDArray[np.bool_]
) -> NDArray[np.bool_] | None:
    """Returns one of two choices by how exact the sums are; None where both are as good.

    A column that holds little but rounding weighs nothing either. So it must also spoil the sums
    before it is taken for no domain.
    """
    if not _fits(matrix, more):
        return fewer
    spoilt = _spread(matrix[:, more])
    exact = _spread(matrix[:, fewer])
    if spoilt > MUCH * exact + LAST_BITS:
        return fewer
    if spoilt > LITTLE * exact + LAST_BITS:
        return None
    return more


def _spread(matrix: Array) -> float:
    """Returns the root mean square of what row sums miss; rows with a hole are passed over."""
    missing = matrix.sum(axis=1) - 1
    return float(np.sqrt(np.nanmean(missing**2)))


def _fits(matrix: Array, chosen: NDArray[np.bool_]) -> bool:
    """Whether these columns are shares of 1 in every row."""
    part = matrix[:, chosen]
    return _error(part) <= ROUNDING and not (part < 0).any()


def _weigh(matrix: Array, likely: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """Returns which columns a row's sum of 1 is made of, by least squares.

    The coefficients x of `matrix x = 1` are 1 for domains and 0 for others. A column stays what
    its heading says unless x speaks clearly against it. None: the rows do not tell.
    """
    complete = matrix[np.isfinite(matrix).all(axis=1)]
    used = np.abs(complete).max(axis=0, initial=0.0) > 0
    rows, count = len(complete), int(used.sum())
    if count < 2 or rows < count + SPARE_ROWS:
        return None
    scale = np.abs(complete[:, used]).max(axis=0)
    scaled = complete[:, used] / scale
    if np.linalg.matrix_rank(scaled, tol=LAST_BITS * rows) < count:
        return None
    solution = np.linalg.lstsq(scaled, np.ones(rows), rcond=None)[0]
    residuals = scaled @ solution - 1
    variance = float(residuals @ residuals) / (rows - count)
    covariance = np.linalg.inv(scaled.T @ scaled)
    errors = np.sqrt(variance * np.diag(covariance)) / scale
    shares = solution / scale
    margin = STANDARD_ERRORS * errors + LAST_BITS / scale
    chosen = likely.copy()
    from_zero = np.abs(shares)
    from_one = np.abs(shares - 1)
    is_off = (from_one > margin) & (from_zero < from_one)
    is_on = (from_zero > margin) & (from_zero >= from_one)
    chosen[used] = np.where(likely[used], ~is_off, is_on)
    return chosen


def _near(matrix: Array, likely: NDArray[np.bool_]) -> list[NDArray[np.bool_]]:
    """Returns choices that differ from the likely one by little.

    One unlikely column more, or, where there are rows enough, one likely column less; and both
    without the columns that can be no shares.
    """
    filled = np.nan_to_num(matrix)
    impossible: NDArray[np.bool_] = (filled.min(axis=0) < 0) | (filled.min(axis=0) > MOST)
    starts = [likely]
    if len(matrix) >= LEAST_ROWS and (likely & impossible).any():
        starts.append(likely & ~impossible)
    choices = list(starts)
    for start in starts:
        for k in range(matrix.shape[1]):
            turned = start.copy()
            turned[k] = not start[k]
            if start[k] and len(matrix) < LEAST_ROWS:
                continue
            if not (start[k] or likely[k]) and impossible[k]:
                continue
            choices.append(turned)
    unique = {choice.tobytes(): choice for choice in choices}
    return list(unique.values())


def _decided(
    cells: Cells,
    columns: list[Column],
    reasons: dict[int, str],
    why: str,
) -> Domains:
    """Returns the columns that no reason speaks against, in the order of the table."""
    domains = []
    decisions = []
    base = Decision(cells.source, "", DOMAIN, why)
    for column in columns:
        reason = reasons.get(column.position)
        if reason is None:
            domains.append(column)
            decisions.append(replace(base, name=column.name))
        else:
            decisions.append(replace(base, name=column.name, role=LEFT_OUT, why=reason))
    return Domains(domains, decisions)
