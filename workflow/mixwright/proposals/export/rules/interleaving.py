"""The rule of `interleave_datasets` with probabilities, which several trainers call.

Read in Hugging Face datasets 4.0.0 and 5.2.0: src/datasets/combine.py, arrow_dataset.py
(_interleave_map_style_datasets), iterable_dataset.py (CyclingMultiSourcesExamplesIterable).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.blend import (
    CHANGED,
    ENDS,
    REFUSED,
    REMARK,
    ROWS,
    Blend,
    Budget,
    Drawn,
    Entry,
    Fault,
)
from mixwright.proposals.export.order import Order, budget_of
from mixwright.proposals.export.rules.arithmetic import (
    expected,
    first_exhausted,
    is_sum_one,
    never_drawn,
    normalised,
    numbers_of,
)
from mixwright.proposals.export.rules.row_counts import rows_of
from mixwright.proposals.export.units import all_units, are_counted

FIRST, ALL, ONCE = "first_exhausted", "all_exhausted", "all_exhausted_without_replacement"
STRATEGIES = (FIRST, ALL, ONCE)
# What a user may set besides: the strategy that feeds the whole training.
AUTO = "auto"
# Memory of an index that is made at once: measured with datasets 5.2.0 at 10 million rows.
BYTES_A_ROW = 83
LARGE_INDEX = 100_000_000
# Standard errors of a count of draws, within which a source must not end.
SPARE = 5.0
# A whole, but for what rounding loses.
ALMOST = 1 - 1e-9
STREAMING = (
    "streaming: every worker of a loader stops by itself, when its files of a source end; as many"
    " work as the source of fewest files has files"
)


@dataclass(frozen=True)
class Rule:
    """How a trainer calls interleave_datasets, and what it does with the data set."""

    strategy: str = FIRST
    # whether rows are read as they come, without an index
    streaming: bool = False
    # how many times the data set is read
    repeats: int = 1
    # whether a probability of 0 is an error with all_exhausted; older versions never end
    refuses_zero: bool = False
    # whether the trainer starts the data set again until its steps are done
    restarts: bool = False


def rule_that_feeds(order: Order, entries: Sequence[Entry]) -> Rule:
    """Returns the rule whose data set is as long as the training.

    It is first_exhausted where every source has rows to spare, and else all_exhausted, with which
    sources start again. It streams where an index would take too much memory.
    """
    blend = Blend(tuple(entries))
    budget = budget_of(order, order.stages[0])
    shares = normalised(blend)
    count = all_units(ROWS, shares, blend, budget)
    if count is None:
        return Rule(ALL)
    units = shares * count
    rows = rows_of(blend, budget)
    scatter = np.sqrt(units)
    spare = rows - units - SPARE * scatter
    if bool(np.all(spare >= 0)):
        return Rule(FIRST)
    length = length_of_all(shares, rows)
    if length is None:
        return Rule(ALL)
    return Rule(
        ALL,
        streaming=length > LARGE_INDEX,
        repeats=math.ceil(count / length),
    )


def length_of_all(shares: Array, rows: Array) -> float | None:
    """Returns the expected rows of a data set with all_exhausted; None where nobody knows.

    It ends when the source that lasts longest was read once.
    """
    drawn = shares > 0
    lasting = rows[drawn] / shares[drawn]
    if len(lasting) == 0:
        return None
    longest = float(lasting.max())
    if not np.isfinite(longest):
        return None
    return longest


def interleaved(blend: Blend, budget: Budget, rule: Rule) -> Drawn:
    """Returns the expected rows of each entry, and what goes wrong.

    Args:
        blend: the probabilities.
        budget: tokens of the stage, and what there is of each source.
        rule: how the trainer calls interleave_datasets.
    """
    units = expected(ROWS, blend, budget)
    faults = _wrong_probabilities(blend)
    faults += _zeros(blend, rule)
    if rule.strategy not in STRATEGIES:
        known = ", ".join(STRATEGIES)
        message = f"{rule.strategy} is no strategy; use one of {known}"
        faults.append(Fault(REFUSED, message))
    if rule.strategy == FIRST and rule.repeats == 1:
        faults += first_exhausted(ROWS, units, blend, budget)
    if rule.strategy == ALL:
        faults += _after_all(blend, budget, rule)
    if rule.strategy == ONCE:
        units, more = _once(blend, budget)
        faults += more
    faults += never_drawn(blend, units)
    faults += _seldom(blend, units)
    if rule.streaming:
        faults.append(Fault(REMARK, STREAMING))
    return Drawn(units, tuple(faults), random=True)


def _wrong_probabilities(blend: Blend) -> list[Fault]:
    """Faults of numbers that numpy's Generator.choice refuses."""
    faults = []
    for entry in blend.entries:
        if not entry.number >= 0:
            message = f"{entry.path} has {entry.number:g}: a probability is from 0 to 1"
            fault = Fault(REFUSED, f"{message}; leave the source out")
            faults.append(fault)
    if not is_sum_one(blend):
        total = numbers_of(blend).sum()
        message = f"the probabilities sum to {total:.9g}: datasets wants 1"
        fault = Fault(REFUSED, f"{message}; divide them by it")
        faults.append(fault)
    return faults


def _zeros(blend: Blend, rule: Rule) -> list[Fault]:
    """The fault of sources that are never drawn, of a strategy that waits for their end."""
    zeros = []
    for entry in blend.entries:
        if entry.number == 0:
            zeros.append(entry.path)
    if not zeros or rule.strategy == FIRST:
        return []
    paths = ", ".join(zeros)
    refused = rule.refuses_zero and not rule.streaming
    if rule.strategy == ALL and refused:
        message = f"{paths}: datasets refuses a probability of 0 with {rule.strategy}"
        return [Fault(REFUSED, f"{message}; leave it out")]
    message = f"{paths}: a source of probability 0 never ends, nor does the data set"
    message = f"{message} with {rule.strategy}; leave it out"
    return [Fault(ENDS, message)]


def _after_all(blend: Blend, budget: Budget, rule: Rule) -> list[Fault]:
    """Faults of a data set that ends when every source was read once."""
    shares = normalised(blend)
    rows = rows_of(blend, budget)
    length = length_of_all(shares, rows)
    if length is None:
        return []
    faults = []
    if length > LARGE_INDEX and not rule.streaming:
        size = length * BYTES_A_ROW / 1e9
        message = f"all_exhausted makes an index of {length:.3g} rows"
        message = f"{message}, about {size:,.0f} GB of memory; stream the sources"
        faults.append(Fault(REMARK, message))
    count = all_units(ROWS, shares, blend, budget)
    fed = length * rule.repeats
    if count is None or count <= fed:
        return faults
    part = fed / count
    message = f"every source was read once at {part:.1%} of the tokens"
    if rule.restarts:
        message = f"{message}; the data set starts again, if max_steps asks for more"
        faults.append(Fault(REMARK, message))
    else:
        message = f"{message}, and the data set ends there; repeat it"
        faults.append(Fault(ENDS, message))
    return faults


def _once(blend: Blend, budget: Budget) -> tuple[Array, list[Fault]]:
    """Returns (entries,) rows where no row is read twice, and what goes wrong.

    Where a source ends, the others take its draws: in all, every row is read once.
    """
    shares = normalised(blend)
    rows = rows_of(blend, budget)
    if np.isnan(rows).any():
        message = "no row is read twice: the shares hold until the first source ends"
        units = expected(ROWS, blend, budget)
        return units, [Fault(REMARK, message)]
    total = float(rows.sum())
    wanted = all_units(ROWS, shares, blend, budget)
    if wanted is None:
        wanted = total
    units, ended = _cascade(shares, rows, min(wanted, total))
    faults = []
    if ended:
        message = f"{ended} of {len(rows)} sources end before the training"
        message = f"{message}: the others take their draws, for no row is read twice"
        faults.append(Fault(CHANGED, f"{message}; use {ALL}"))
    if wanted > total:
        part = total / wanted
        message = f"the training ends at {part:.1%} of its tokens: no row is read twice"
        faults.append(Fault(ENDS, f"{message}; use {ALL}"))
    return units, faults


def _cascade(shares: Array, rows: Array, wanted: float) -> tuple[Array, int]:
    """Returns (sources,) rows, and how many sources ended before `wanted` rows were read."""
    units = np.zeros(len(shares))
    lasting = (shares > 0) & (rows > 0)
    ended = 0
    while lasting.any():
        weights = np.where(lasting, shares, 0.0)
        weights = weights / weights.sum()
        left = wanted - units.sum()
        unread = rows - units
        until_end = np.full(len(shares), np.inf)
        until_end[lasting] = unread[lasting] / weights[lasting]
        place = int(until_end.argmin())
        step = float(until_end[place])
        if step >= left * ALMOST:
            units = units + weights * left
            break
        units = units + weights * step
        units[place] = rows[place]
        lasting[place] = False
        ended += 1
    return units, ended


def _seldom(blend: Blend, units: Array) -> list[Fault]:
    """Remarks on sources of which less than a row is expected."""
    faults: list[Fault] = []
    if not are_counted(units):
        # shares, of an unknown number of rows
        return faults
    for entry, count in zip(blend.entries, units.tolist(), strict=True):
        if 0 < count < 1:
            message = f"{entry.path}: {count:.2g} rows are expected"
            message = f"{message}, so that it may never be read; read more rows, or leave it out"
            faults.append(Fault(REMARK, message))
    return faults
