"""Which run is which: the columns by which two tables are joined, chosen by what they hold."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from unicodedata import normalize

from mixwright.errors import MixwrightError, as_typed, nearest
from mixwright.measured.cells import Cells, Column, number, read_column
from mixwright.measured.headings import is_identity, is_row_number, is_setting, names_runs

# How much a pair of columns speaks for itself, from the most to the least.
SAME_NAME, BOTH_IDENTITIES, WORDS_IN_BOTH, SETTINGS_ALIKE, INDEX, ROW_NUMBERS, NUMBERS = range(7)
# What a key without a column is called.
ROW = "row"
NONE_THERE = "no column tells the runs apart in both tables; give each run an id, or say --key NAME"


@dataclass(frozen=True)
class Pair:
    """A column of each table that may tell the runs apart."""

    mixtures: Column
    losses: Column
    # ids of the losses' rows, as the mixtures write them
    names: tuple[str, ...]
    # SAME_NAME to NUMBERS
    rank: int
    # (rows of the losses,) the row of the mixtures with the same id; -1: there is none
    joined: tuple[int, ...]
    # whether both hold the same ids, each once
    agrees: bool

    @property
    def shared(self) -> int:
        """Number of rows of losses that have a mixture."""
        return sum(row >= 0 for row in self.joined)


def choose_keys(
    mixtures: Cells,
    losses: Cells,
    domains: Collection[Column],
    key: str | None = None,
) -> Pair:
    """Returns the columns that tell the runs apart.

    A pair on which both tables agree wins over one on which they do not. Of those that agree, one
    with the same heading wins over others, and all win over row numbers, which programs add to any
    table.

    Args:
        domains: columns of the mixtures that hold weights.
        key: the heading that a person names; a table without it has another one.

    Raises:
        MixwrightError: no pair is there, or two that are as good join the runs in different ways.
    """
    first = [column for column in mixtures.columns if column not in domains]
    second = list(losses.columns)
    if key is not None:
        first, second = _of_key(mixtures, losses, key, first, second)
    pairs = _pairs(first, second, named=key is not None)
    shared = _shared_numbers(first, second)
    pairs += [pair for pair in shared if is_identity(pair.losses.heading)]
    if not pairs:
        # Ids that stand twice in both tables are refused by their line.
        named_first = [column for column in first if is_identity(column.heading)]
        named_second = [column for column in second if is_identity(column.heading)]
        pairs = _pairs(named_first, named_second, named=True)
    if not pairs:
        raise MixwrightError(f"{losses.head}: {NONE_THERE}")
    agreeing = [pair for pair in pairs if pair.agrees]
    contradicted = _contradicted(pairs, agreeing)
    if contradicted is not None:
        return contradicted
    if not agreeing:
        return max(pairs, key=lambda pair: (pair.shared > 0, -pair.rank, pair.shared))
    best_rank = min(pair.rank for pair in agreeing)
    best = [pair for pair in agreeing if pair.rank == best_rank]
    rivals = list(best)
    if best_rank == ROW_NUMBERS:
        rivals += [pair for pair in (*shared, *agreeing) if _may_name_runs(pair)]
    _check_alike(losses, rivals)
    if best_rank == ROW_NUMBERS and key is None:
        _check_unnamed(losses, (*first, *second))
    return min(best, key=_preference)


def _of_key(
    mixtures: Cells,
    losses: Cells,
    key: str,
    first: list[Column],
    second: list[Column],
) -> tuple[list[Column], list[Column]]:
    """Returns the columns of this heading; in a table without it, all that there are."""
    in_first = [column for column in mixtures.columns if column.heading == key]
    in_second = [column for column in second if column.heading == key]
    if not (in_first or in_second):
        names = [column.heading for column in (*first, *second) if column.heading]
        raise MixwrightError(f"--key {key}: no column of the tables; {nearest(key, names)}")
    return in_first or first, in_second or second


def _pairs(first: Sequence[Column], second: Sequence[Column], named: bool) -> list[Pair]:
    """Returns the pairs of columns that may tell runs apart."""
    if not named:
        first = [column for column in first if _may_tell_apart(column)]
        second = [column for column in second if _may_tell_apart(column)]
    pairs = []
    for one in first:
        for other in second:
            is_key = one.is_unique or other.is_unique
            if named or is_key:
                pairs.append(_pair(one, other))
    return pairs


def _shared_numbers(first: Sequence[Column], second: Sequence[Column]) -> list[Pair]:
    """Returns the pairs of one heading that hold the same numbers with a point, each once."""
    pairs = []
    for one in first:
        for other in second:
            is_same = bool(one.heading) and one.heading == other.heading
            if is_same and one.is_numeric and not one.may_be_ids:
                pairs.append(_pair(one, other))
    return [pair for pair in pairs if pair.agrees]


def _may_tell_apart(column: Column) -> bool:
    """Whether a column may be ids; numbers with a point are, where the heading names runs."""
    return column.may_be_ids or (column.is_numeric and names_runs(column.heading))


def _pair(one: Column, other: Column) -> Pair:
    names = _as_written(one, other)
    row_of = {name: row for row, name in enumerate(one.ids)}
    joined = [row_of.get(name, -1) for name in names]
    are_unique = one.is_unique and other.is_unique
    return Pair(
        mixtures=one,
        losses=other,
        names=names,
        rank=_rank(one, other),
        joined=tuple(joined),
        agrees=are_unique and set(one.ids) == set(names),
    )


def _as_written(one: Column, other: Column) -> tuple[str, ...]:
    """Returns the ids of one table as another writes them: 007 for 7, a date without its hour.

    They stay as they are where a form is that of two ids.
    """
    first = [_form(name) for name in one.ids]
    second = [_form(name) for name in other.ids]
    unique = len(set(first)) == len(first) and len(set(second)) == len(second)
    if not unique:
        return tuple(other.ids)
    written = dict(zip(first, one.ids, strict=True))
    pairs = zip(second, other.ids, strict=True)
    return tuple(written.get(form, name) for form, name in pairs)


def _form(name: str) -> str:
    """Returns an id without what programs write in their own way: zeros, digits, hours, letters."""
    if name.isdecimal():
        return name.lstrip("0") or "0"
    value = number(name)
    if value is not None and isfinite(value):
        return f"{value:.12g}"
    try:
        return datetime.fromisoformat(name).isoformat()
    except ValueError:
        return normalize("NFC", name).casefold()


def _rank(one: Column, other: Column) -> int:
    """Returns how much the headings and the kinds of cells speak for a pair."""
    if _numbers_rows(one) and _numbers_rows(other):
        return ROW_NUMBERS
    has_same_name = bool(one.heading) and one.heading.lower() == other.heading.lower()
    if has_same_name and is_setting(one.heading):
        return SETTINGS_ALIKE
    if has_same_name:
        return SAME_NAME
    are_identities = is_identity(one.heading) and is_identity(other.heading)
    if are_identities and one.heading and other.heading:
        return BOTH_IDENTITIES
    if one.words.any() and other.words.any():
        return WORDS_IN_BOTH
    if is_row_number(one.heading) and is_row_number(other.heading):
        return INDEX
    return NUMBERS


def _numbers_rows(column: Column) -> bool:
    """Whether a column counts the rows, as programs do that nobody asked."""
    if not is_row_number(column.heading) or not column.is_whole or not column.texts:
        return False
    start = column.values[0]
    if start not in (0, 1):
        return False
    steps = column.values - start
    return all(value == row for row, value in enumerate(steps.tolist()))


def _contradicted(pairs: Sequence[Pair], agreeing: Sequence[Pair]) -> Pair | None:
    """Returns the pair that names the runs by its heading but on which the tables do not agree.

    It has half of the ids of one table, each once in one of them. Where nothing but numbers of rows
    speaks against it, one with a name for runs needs no id in common.
    """
    ranks = [pair.rank for pair in agreeing]
    best_rank = min(ranks, default=NUMBERS)
    for rank in (SAME_NAME, BOTH_IDENTITIES):
        if rank >= best_rank:
            return None
        for pair in pairs:
            if pair.rank != rank or pair.agrees:
                continue
            needs_none = best_rank >= INDEX and is_identity(pair.mixtures.heading)
            if _is_key(pair) and (needs_none or _shares_half(pair)):
                return pair
    return None


def _is_key(pair: Pair) -> bool:
    """Whether each id stands once in one of the tables at least."""
    return pair.mixtures.is_unique or pair.losses.is_unique


def _shares_half(pair: Pair) -> bool:
    """Whether half of the ids of one table are in the other."""
    first = set(pair.mixtures.ids)
    second = set(pair.names)
    fewer = min(len(first), len(second))
    return 2 * len(first & second) >= fewer


def _check_unnamed(losses: Cells, columns: Sequence[Column]) -> None:
    """Refuses to join by the numbers of rows where one table names its runs and the other not."""
    for column in columns:
        names_runs = is_identity(column.heading) and not is_row_number(column.heading)
        if names_runs and column.may_be_ids and column.is_unique:
            raise MixwrightError(
                f"{losses.source}: {column.name} names the runs in one table alone; add it to the"
                " other, or say that the rows are in the same order: --key ''"
            )


def _may_name_runs(pair: Pair) -> bool:
    """Whether both columns have a heading, and one that is no setting and no row number."""
    headings = (pair.mixtures.heading, pair.losses.heading)
    return not any(is_setting(heading) or is_row_number(heading) for heading in headings)


def _check_alike(losses: Cells, pairs: Sequence[Pair]) -> None:
    """Refuses pairs that are as good as each other and join the runs in different ways."""
    first = pairs[0]
    for pair in pairs[1:]:
        if pair.joined == first.joined:
            continue
        names = sorted({first.losses.name, pair.losses.name})
        if len(names) == 1:
            names = sorted({first.mixtures.name, pair.mixtures.name})
        listed = " and ".join(names)
        name = pair.losses.heading or first.losses.heading
        raise MixwrightError(
            f"{losses.source}: runs are told apart by {listed}, which join the tables in different"
            f" ways; say which one is right: --key {as_typed(name)}"
        )


def _preference(pair: Pair) -> tuple[bool, bool, int, int]:
    """Sorts pairs that join alike: identities first, words before numbers, then by position."""
    return (
        not is_identity(pair.losses.heading),
        not pair.losses.words.any(),
        pair.mixtures.position,
        pair.losses.position,
    )


def key_of(cells: Cells, domains: Collection[Column], key: str | None = None) -> Column:
    """Returns the column that tells the rows of one table apart.

    It is the first whose heading says so, else the first of words, else the first that may hold
    ids. A table without one is numbered.

    Raises:
        MixwrightError: no column has the heading that a person names.
    """
    if key is not None:
        return _called(cells, key)
    able = []
    for column in cells.columns:
        if column.may_be_ids and column not in domains:
            able.append(column)
    if able:
        return min(able, key=_likeness)
    numbers = [str(row) for row in range(len(cells.rows))]
    return numbered(cells, numbers)


def _called(cells: Cells, key: str) -> Column:
    """Returns the column of a heading."""
    for column in cells.columns:
        if column.heading == key:
            return column
    hint = nearest(key, cells.heading)
    raise MixwrightError(f"--key {key}: no column of {cells.source}; {hint}")


def _likeness(column: Column) -> tuple[bool, bool, bool, int]:
    return (
        is_setting(column.heading),
        not (is_identity(column.heading) and column.heading),
        not column.is_unique,
        column.position,
    )


def numbered(cells: Cells, numbers: list[str]) -> Column:
    """Returns a column of the rows' numbers, for a table without ids."""
    return read_column(len(cells.heading), ROW, numbers, ROW)


def check_ids(cells: Cells, column: Column) -> None:
    """Refuses a row without an id, and an id that stands there twice.

    Raises:
        MixwrightError: such a row is there.
    """
    name = column.heading or "id"
    counts = Counter(column.texts)
    first: dict[str, int | str] = {}
    for row, run in enumerate(column.texts):
        place = cells.line(row)
        if not run:
            raise MixwrightError(f"{place}: the id is empty; name the run or drop the row")
        if counts[run] > 1 and run in first:
            raise MixwrightError(
                f"{place} ({name} {run}): the id stands on {cells.unit} {first[run]} already;"
                " keep one of the two rows, or give each seed an id of its own in both tables"
            )
        first[run] = cells.lines[row]
