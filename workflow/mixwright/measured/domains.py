"""Which columns of a table of mixtures are domains: those whose rows sum to 1."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.measured.cells import Cells, Column, number, numbers_of
from mixwright.measured.decisions import DOMAIN, LEFT_OUT, Decision
from mixwright.measured.headings import named_headings, no_domain, paired, shared_start
from mixwright.measured.sums import MOST_ROUNDED, choose, error

# Rows in which decimals are counted.
SAMPLE = 100
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
    names = named_headings("--domains", named, headings, cells.head)
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
    if not error(matrix) <= MOST_ROUNDED:
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
    matrix = numbers_of(candidates, len(cells.rows))
    odd = np.array(_odd(candidates), dtype=bool)
    chosen = choose(matrix, unlikely, odd, _families(candidates))
    if chosen is None:
        raise MixwrightError(
            f"{cells.head}: the weights sum to 1 with {_small(candidates, unlikely)} and without;"
            f" {REMEDY}"
        )
    for column, doubt, is_domain in zip(candidates, doubts, chosen, strict=True):
        if not is_domain:
            why = "the others sum to 1 without it"
            reasons[column.position] = f"{doubt}; {why}" if doubt else why
    return _decided(cells, columns, reasons, "with the other domains it sums to 1 in every row")


def _small(columns: Sequence[Column], unlikely: NDArray[np.bool_]) -> str:
    """Returns the name of the column of the smallest numbers."""
    sizes = {}
    for column, is_unlikely in zip(columns, unlikely, strict=True):
        size = float(np.nanmax(np.abs(column.values), initial=0.0))
        if size > 0 and not is_unlikely:
            sizes[column.name] = size
    return min(sizes, key=sizes.__getitem__)


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
    """Whether a cell is a number in a form that is not read.

    Such are 1,5 and 3_1439, 45 %, .48 ± .01, and what Python prints: tensor(3.1) and [3.1].
    """
    if number(text) is not None:
        return False
    is_marked = bool(text[:1].isdigit()) and not set(text) - _MARKS
    forms = (_WITH_ERROR, _IN_BRACKETS)
    return is_marked or any(form.fullmatch(text) for form in forms)


_MARKS = set("0123456789.,_'% ")
# One number, named or not, with settings behind it: tensor(3.1, device='cuda:0'), {'loss': 3.1}.
_IN_BRACKETS = re.compile(
    r"[\w.]*[(\[{]+(?:['\"]?\w+['\"]?: ?)?[-+]?[\d.]+(?:e[-+]?\d+)?(?:, ?[a-z_]+=.*)?[)\]}]+"
)
# A number and its error: 0.48 ± 0.01, 0.48 +/- 0.01, 0.48 (0.01).
_WITH_ERROR = re.compile(r"[-+]?[\d.]+ ?%? ?(?:±|\+/?-|\()[\d. ]+%?\)?")


def _families(columns: Sequence[Column]) -> list[NDArray[np.bool_]]:
    """Returns the columns whose headings begin alike, such as `data.`, for each beginning."""
    starts = []
    for column in columns:
        pieces = re.split(r"(?<=[/.:_-])", column.heading)
        starts.append("".join(pieces[:-1]))
    families = []
    for start in sorted(set(starts)):
        family = np.array([other == start for other in starts], dtype=bool)
        if start and family.sum() > 1:
            families.append(family)
    return families


def _odd(columns: Sequence[Column]) -> list[bool]:
    """Returns of each column whether it is written otherwise than all others.

    Its numbers have more decimals, or it lacks a word that all other headings begin with.
    """
    likely = [column for column in columns if not _why_not(column)]
    decimals = {}
    for column in likely:
        decimals[column.position] = _decimals(column)
    result = []
    for column in columns:
        others = [other for other in likely if other is not column]
        if column not in likely or len(others) < 2:
            result.append(False)
            continue
        finest = max(decimals[other.position] for other in others)
        is_finer = decimals[column.position] > finest
        headings = [other.heading for other in others]
        start = shared_start(headings)
        has_start = column.heading.startswith(start)
        result.append(is_finer or not has_start)
    return result


def _decimals(column: Column) -> int:
    """Returns how many decimals the numbers of a column have at most, in its first rows."""
    most = 0
    for text in column.texts[:SAMPLE]:
        value = number(text)
        if value is None or not math.isfinite(value):
            continue
        exponent = Decimal(text or "0").as_tuple().exponent
        most = max(most, -int(exponent))
    return most


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
