"""Reads a table of mixtures and one of losses: decides what each column is, and says why."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from mixwright.errors import MixwrightError, counted
from mixwright.learners import LOSS, Metric
from mixwright.measured.cells import Cells, Column, numbers_of
from mixwright.measured.decisions import (
    KEY,
    NOTHING,
    ColumnOptions,
    Decision,
    Known,
    briefly,
)
from mixwright.measured.domains import (
    REMEDY,
    Domains,
    choose_domains,
    malformed,
)
from mixwright.measured.keys import ROW_NUMBERS, Pair, check_ids, choose_keys, key_of
from mixwright.measured.sums import MOST_ROUNDED, ROUNDING
from mixwright.measured.targets import Context, Targets, choose_targets
from mixwright.measured.wide import Wide
from mixwright.mixture import Array

# A sum that misses 1 by less than this is exact but for the last bits.
EXACT = 1e-9
NOTHING_KNOWN = Known()
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """Two tables as they were understood."""

    mixtures: Wide
    # numbers as they were measured; NaN where there is none
    losses: Wide
    # target -> what its numbers are, of every target
    metrics: dict[str, Metric]
    # target -> the domain whose text it is, where its name is another
    texts: dict[str, str]
    # what was decided of each column
    decisions: tuple[Decision, ...]
    # (rows of the losses, targets) what the cells hold
    cells: tuple[tuple[str, ...], ...]
    # whether the runs are told apart by nothing but the number of the row
    by_row: bool

    def minimised(self, losses: Wide) -> Array:
        """Returns (runs, targets) what mixers minimise for these losses, columns of any order."""
        columns = []
        for name, values in zip(losses.columns, losses.values.T, strict=True):
            columns.append(self.metrics[name].minimised(values))
        return np.ascontiguousarray(np.column_stack(columns))

    @property
    def unusual(self) -> dict[str, Metric]:
        """Target -> what its numbers are, where they are no losses in nats/token."""
        return {name: metric for name, metric in self.metrics.items() if metric != LOSS}

    def say(self) -> None:
        """Logs in brief what was decided."""
        for line in briefly(self.decisions):
            log.info("%s", line)


def read_tables(
    mixtures: Cells,
    losses: Cells,
    options: ColumnOptions = NOTHING,
    known: Known = NOTHING_KNOWN,
) -> Reading:
    """Reads two wide tables.

    Args:
        options: what a person says of the columns.
        known: what is known of them from elsewhere.

    Raises:
        MixwrightError: a column may be several things, a cell holds no number, or an id stands
            there twice. Runs that are in one table only are no error here.
    """
    _check_turned(mixtures, losses)
    _check_turned(losses, mixtures)
    _check_long(mixtures, "domain")
    _check_long(losses, "target")
    domains = choose_domains(mixtures, options.domains, known.domains, options.key)
    pair = choose_keys(mixtures, losses, domains.columns, options.key)
    check_ids(mixtures, pair.mixtures)
    check_ids(losses, pair.losses)
    weights = _weights(mixtures, pair.mixtures, domains)
    context = Context(options, known, weights.columns, _joined(weights, pair))
    targets = choose_targets(losses, pair.losses, context)
    _say_forms(mixtures, losses, pair)
    table = replace(_table(losses, pair.losses, targets.columns), ids=pair.names)
    texts = [column.texts for column in targets.columns]
    by_row = pair.rank == ROW_NUMBERS and not pair.losses.heading
    return Reading(
        mixtures=weights,
        losses=table,
        metrics=targets.metrics,
        texts=targets.texts,
        decisions=_decisions(mixtures, losses, pair, domains, targets),
        cells=tuple(zip(*texts, strict=True)),
        by_row=by_row,
    )


def read_shares(
    cells: Cells, options: ColumnOptions = NOTHING, known: Known = NOTHING_KNOWN
) -> Wide:
    """Reads a table of mixtures alone; logs which columns are no domains.

    Raises:
        MixwrightError: the domains are open, a cell holds no number, or an id stands there twice.
    """
    domains = choose_domains(cells, options.domains, known.domains, options.key)
    key = key_of(cells, domains.columns, options.key)
    check_ids(cells, key)
    decisions = []
    for decision in domains.decisions:
        if decision.name != key.name:
            decisions.append(decision)
    for line in briefly(decisions):
        log.info("%s", line)
    wide = _weights(cells, key, domains)
    return replace(wide, ids=tuple(key.texts))


def _check_turned(cells: Cells, other: Cells) -> None:
    """Refuses a table whose headings are the ids of the other: its runs stand in columns."""
    headings = {heading.split(" - ")[0] for heading in cells.heading}
    for column in other.columns:
        if not (column.words.all() and column.is_unique):
            continue
        turned = headings & set(column.texts)
        if len(turned) > 1 and 2 * len(turned) >= len(column.texts):
            raise MixwrightError(
                f"{cells.head}: the headings are ids of {other.source}, such as {min(turned)};"
                " a table has one row a run: turn rows and columns round"
            )


def _check_long(cells: Cells, noun: str) -> None:
    """Refuses a table with a line for each run and domain or target: two names and one number."""
    words = [column for column in cells.columns if column.words.all()]
    numbers = [column for column in cells.columns if column.is_numeric and not column.is_unique]
    if len(words) != 2 or len(numbers) > 1:
        return
    first, second = words
    pairs = set(zip(first.texts, second.texts, strict=True))
    if first.is_unique or second.is_unique or len(pairs) < len(first.texts):
        return
    raise MixwrightError(
        f"{cells.head}: a line for each {first.name} and {second.name}, and a table has one row a"
        f" run and one column a {noun}; pivot it"
    )


def _say_forms(mixtures: Cells, losses: Cells, pair: Pair) -> None:
    """Logs that ids are joined which the tables write in two ways."""
    for name, other in zip(pair.names, pair.losses.ids, strict=True):
        if name != other:
            log.info(
                "%s: ids are taken as %s writes them: %s for %s",
                losses.source,
                mixtures.source,
                name,
                other,
            )
            return


def _decisions(
    mixtures: Cells, losses: Cells, pair: Pair, domains: Domains, targets: Targets
) -> tuple[Decision, ...]:
    """Returns what was decided of every column, each table's key first."""
    why = "both tables hold these ids, each once"
    if not pair.agrees:
        why = "most ids are in both tables"
    first = Decision(mixtures.source, pair.mixtures.name, KEY, why)
    second = Decision(losses.source, pair.losses.name, KEY, why)
    of_mixtures = [part for part in domains.decisions if part.name != pair.mixtures.name]
    return (first, *of_mixtures, second, *targets.decisions)


def _table(cells: Cells, key: Column, columns: Sequence[Column]) -> Wide:
    """Returns the numbers of these columns by id."""
    default = "id" if cells.unit == "line" else "run"
    return Wide(
        source=cells.source,
        key=key.heading or default,
        ids=tuple(key.ids),
        lines=tuple(cells.lines),
        columns=tuple(column.heading for column in columns),
        values=numbers_of(columns, len(cells.rows)),
        unit=cells.unit,
    )


def _joined(weights: Wide, pair: Pair) -> Array:
    """Returns (rows of the losses, domains) weights; NaN where a row has no mixture."""
    rows = np.array(pair.joined, dtype=int)
    joined = weights.values[rows]
    joined[rows < 0] = math.nan
    return joined


def _weights(cells: Cells, key: Column, domains: Domains) -> Wide:
    """Returns the weights, whose rows sum to 1 but for rounding, which is taken off."""
    wide = _table(cells, key, domains.columns)
    if len(wide.columns) < 2:
        raise MixwrightError(
            f"{wide.head}: one domain alone leaves nothing to mix; give a column a domain,"
            f" or {REMEDY}"
        )
    for name in wide.columns:
        if not name:
            raise MixwrightError(f"{wide.head}: a domain has no heading; give the column one")
    _check_cells(wide, domains.columns)
    if (wide.values < 0).any():
        row, k = np.argwhere(wide.values < 0)[0].tolist()
        raise MixwrightError(
            f"{wide.where(row)}: {wide.columns[k]} has weight {wide.values[row, k]:g};"
            f" weights are shares from 0 on, correct it or drop the row, or {REMEDY}"
        )
    # Exact sums, so that the order of columns never matters.
    sums = np.array([math.fsum(row) for row in wide.values.tolist()])
    missing = np.abs(sums - 1)
    if (missing > MOST_ROUNDED).any():
        row = int((missing > MOST_ROUNDED).argmax())
        raise MixwrightError(
            f"{wide.where(row)}: the weights sum to {sums[row]:.4g}, not to 1 within {ROUNDING};"
            f" complete its domains, or divide its weights by their sum, or {REMEDY}"
        )
    if missing.max() > EXACT:
        log.info(
            "%s: %d of %s renormalised: rounding left their sums up to %.2g from 1",
            wide.source,
            int((missing > EXACT).sum()),
            counted(len(missing), "row"),
            missing.max(),
        )
    return replace(wide, values=wide.values / sums[:, None])


def _check_cells(wide: Wide, columns: Sequence[Column]) -> None:
    """Refuses a weight that is no finite number."""
    faulty = ~np.isfinite(wide.values)
    if not faulty.any():
        return
    row, k = np.argwhere(faulty)[0].tolist()
    cell = columns[k].texts[row]
    remedy = "write the domain's share, 0 where it has none, or drop the row"
    if malformed(cell):
        remedy = "write a share of 1 with a point, without marks or signs"
    raise MixwrightError(
        f"{wide.where(row)}: {wide.columns[k]} is {cell or 'empty'}, no finite number; {remedy}"
    )
