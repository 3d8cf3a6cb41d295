"""Whether a ranking of mixtures carries over to another model size or length.

Rank correlations of few mixtures are uncertain, so they come with their intervals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Readout, check_one_unit
from mixwright.learners import LOSS, Metric
from mixwright.measured.cells import Cells, read_cells
from mixwright.measured.decisions import NOTHING, ColumnOptions
from mixwright.measured.headings import paired
from mixwright.measured.reader import Reading, read_tables
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.intervals import LEAST, Interval, rank_interval

MEAN = "mean of the targets"
# weights that differ by less are one mixture
SAME = 1e-9


@dataclass(frozen=True)
class Transfer:
    """What a few mixtures' losses at one size say of those at another."""

    mixtures: tuple[str, ...]
    # rank correlation between the sizes, for each target and for the mean of the targets
    ranks: dict[str, Interval]
    # the best mixture at the first size, by the mean of the targets
    pick: str
    # its loss at the second size minus the least one there
    regret: float
    # greatest minus least loss at the second size
    spread: float
    # of regret and spread
    unit: str = LOSS.unit

    @property
    def verdict(self) -> str:
        """Whether the order carries over, and what the first size's pick costs at the second."""
        rank = self.ranks[MEAN]
        interval = f"{rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}]"
        evidence = f"rank correlation {interval} over {len(self.mixtures)} mixtures"
        cost = (
            f"the first size's pick, {self.pick}, costs {self.regret:.3f} {self.unit}"
            f" of the {self.spread:.3f} there are to lose"
        )
        if rank.low > 0:
            return f"the order carries over: {evidence}; {cost}"
        remedy = "measure more mixtures at both sizes"
        return f"not shown that the order carries over: {evidence}; {cost}; {remedy}"

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `transfer.json`."""
        return asdict(self) | {"verdict": self.verdict}


def remarks_of(content: Mapping[str, Any]) -> tuple[str, ...]:
    """Returns what a `transfer.json` says of learning rates: advice, and what depends on them."""
    rates = content.get("rates") or {}
    advice = rates.get("advice", "")
    if advice:
        advice = f"{advice[:1].upper()}{advice[1:]}."
    return tuple(filter(None, (content.get("dependence", ""), advice)))


def transfer(
    mixtures: Sequence[str],
    targets: Sequence[str],
    first: Array,
    second: Array,
    importance: Mapping[str, float] | None = None,
    metrics: Mapping[str, Metric] | None = None,
) -> Transfer:
    """Compares losses of the same mixtures at two sizes, row by row.

    Args:
        first: (mixtures, targets) what mixers minimise at the first size.
        second: (mixtures, targets) the same at the second size.
        importance: target -> weight in the mean; none: all count alike.
        metrics: target -> what its numbers are; losses in nats/token where nothing stands.

    Raises:
        MixwrightError: there are fewer than 4 mixtures.
    """
    if len(mixtures) < LEAST:
        few = f"{len(mixtures)} mixtures at both sizes rank nothing"
        raise MixwrightError(f"transfer: {few}; measure at least {LEAST}")
    weights = importance or dict.fromkeys(targets, 1.0)
    readout = Readout.of(weights, targets, metrics or {})
    sign = -1.0 if readout.metric.higher else 1.0
    first_mean = sign * readout.objective(first)
    second_mean = sign * readout.objective(second)
    ranks = {MEAN: rank_interval(first_mean, second_mean)}
    for column, target in enumerate(targets):
        ranks[target] = rank_interval(first[:, column], second[:, column])
    pick = int(first_mean.argmin())
    return Transfer(
        mixtures=tuple(mixtures),
        ranks=ranks,
        pick=mixtures[pick],
        regret=float(second_mean[pick] - second_mean.min()),
        spread=float(np.ptp(second_mean)),
        unit=readout.metric.unit,
    )


def transfer_of_runs(
    first: Observations,
    second: Observations,
    targets: Mapping[str, float],
) -> Transfer:
    """Compares the runs of the second size with those of the first that have the same weights.

    Args:
        targets: target -> its weight in the mean.
    """
    differences = np.abs(second.weights[:, None] - first.weights[None])
    apart = differences.max(axis=2)
    # a run that diverged at one size has no partner
    in_second = np.flatnonzero(apart.min(axis=1) < SAME)
    in_first = apart.argmin(axis=1)[in_second]
    # Runs of one mixture count once, by the mean of their losses.
    mixtures = np.unique(in_first, return_index=True)[1]
    mixtures = np.sort(mixtures)
    same_first = apart[in_second[mixtures]] < SAME
    same_second = same_first[:, in_first].argmax(axis=0)
    of_second = _losses(second, targets)[in_second]
    return transfer(
        mixtures=[first.runs[k] for k in in_first[mixtures]],
        targets=list(targets),
        first=_means(same_first, _losses(first, targets)),
        second=_means(same_second == np.arange(len(mixtures))[:, None], of_second),
        importance=targets,
        metrics=second.metrics,
    )


def read_transfer(
    mixtures: Path, first: Path, second: Path, options: ColumnOptions = NOTHING
) -> Transfer:
    """Reads three wide CSV files and compares the mixtures whose losses stand in both tables.

    Args:
        mixtures: the mixtures' weights.
        first: their losses at the first size.
        second: their losses at the second size. Targets of both count.
        options: what a person says of the columns.

    Raises:
        MixwrightError: a table names an unknown mixture, a loss is no number, the two share no
            target, or a target's numbers are not of one kind in both.
    """
    cells = read_cells(mixtures)
    small = _read(cells, first, options)
    large = _read(cells, second, options)
    shared = sorted(set(small.losses.ids) & set(large.losses.ids))
    names = paired(small.losses.columns, large.losses.columns)
    targets = sorted(names)
    if not targets:
        problem = f"{second}: no target of {first}"
        raise MixwrightError(f"{problem}; measure the same targets at both sizes")
    for name in targets:
        one = small.metrics[name]
        other = large.metrics[names[name]]
        if (one.name, one.unit) != (other.name, other.unit):
            raise MixwrightError(
                f"{second}: {names[name]} is in {other.unit or other.title}, and in"
                f" {one.unit or one.title} in {first}; measure the same, or say what it is: --unit"
            )
    check_one_unit(targets, small.metrics, "transfer", "choose targets of one unit: --targets")
    return transfer(
        mixtures=shared,
        targets=targets,
        first=_values(small, shared, targets),
        second=_values(large, shared, [names[name] for name in targets]),
        metrics=small.metrics,
    )


def _means(members: Array, losses: Array) -> Array:
    """(mixtures, targets) mean losses of each mixture's runs: `members` is (mixtures, runs)."""
    share = members / members.sum(axis=1, keepdims=True)
    return np.asarray(share @ losses)


def _read(mixtures: Cells, losses: Path, options: ColumnOptions) -> Reading:
    """Reads the losses of mixtures, each of which must be a number."""
    reading = read_tables(mixtures, read_cells(losses), options)
    reading.say()
    table = reading.losses
    unknown = sorted(set(table.ids) - set(reading.mixtures.ids))
    if unknown:
        problem = f"{table.source}: {unknown[0]} is no mixture of {mixtures.source}"
        raise MixwrightError(f"{problem}; add it there or drop the row")
    faulty = ~np.isfinite(table.values)
    if faulty.any():
        row, k = np.argwhere(faulty)[0].tolist()
        raise MixwrightError(
            f"{table.where(row)}: {table.columns[k]} is {reading.cells[row][k] or 'empty'};"
            " measure it, or drop the row"
        )
    return reading


def _losses(observations: Observations, targets: Mapping[str, float]) -> Array:
    """(runs, targets) losses of these targets."""
    columns = [observations.targets.index(name) for name in targets]
    return observations.losses[:, columns]


def _values(reading: Reading, rows: Sequence[str], columns: Sequence[str]) -> Array:
    """(rows, columns) what mixers minimise, by name."""
    table = reading.losses
    row_numbers = [table.ids.index(name) for name in rows]
    column_numbers = [table.columns.index(name) for name in columns]
    return reading.minimised(table)[row_numbers][:, column_numbers]
