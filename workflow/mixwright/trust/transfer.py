"""Whether a ranking of mixtures carries over to another model size or length.

Rank correlations of few mixtures are uncertain, so they come with their intervals.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.measured.wide import Wide, read_weights, read_wide
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.intervals import LEAST, Interval, rank_interval

MEAN = "mean of the targets"
# weights that differ by less are one mixture
SAME = 1e-9


@dataclass(frozen=True)
class Transfer:
    """What a few mixtures' losses at one size say of those at another; nats/token."""

    mixtures: tuple[str, ...]
    # rank correlation between the sizes, for each target and for the mean of the targets
    ranks: dict[str, Interval]
    # the best mixture at the first size, by the mean of the targets
    pick: str
    # its loss at the second size minus the least one there
    regret: float
    # greatest minus least loss at the second size
    spread: float

    @property
    def verdict(self) -> str:
        """Whether the order carries over, and what the first size's pick costs at the second."""
        rank = self.ranks[MEAN]
        interval = f"{rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}]"
        evidence = f"rank correlation {interval} over {len(self.mixtures)} mixtures"
        cost = (
            f"the first size's pick, {self.pick}, costs {self.regret:.3f} nats/token"
            f" of the {self.spread:.3f} there are to lose"
        )
        if rank.low > 0:
            return f"the order carries over: {evidence}; {cost}"
        remedy = "measure more mixtures at both sizes"
        return f"not shown that the order carries over: {evidence}; {cost}; {remedy}"

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `transfer.json`."""
        return asdict(self) | {"verdict": self.verdict}


def transfer(
    mixtures: Sequence[str],
    targets: Sequence[str],
    first: Array,
    second: Array,
    importance: Array | None = None,
) -> Transfer:
    """Compares losses of the same mixtures at two sizes, row by row.

    Args:
        first: (mixtures, targets) losses at the first size, nats/token.
        second: (mixtures, targets) losses at the second size.
        importance: (targets,) weights in the mean; none: all count alike.

    Raises:
        MixwrightError: there are fewer than 4 mixtures.
    """
    if len(mixtures) < LEAST:
        few = f"{len(mixtures)} mixtures at both sizes rank nothing"
        raise MixwrightError(f"transfer: {few}; measure at least {LEAST}")
    first_mean = np.average(first, 1, importance)
    second_mean = np.average(second, 1, importance)
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
        importance=np.array(list(targets.values())),
    )


def read_transfer(mixtures: Path, first: Path, second: Path) -> Transfer:
    """Reads three wide CSV files and compares the mixtures whose losses stand in both tables.

    Args:
        mixtures: the mixtures' weights.
        first: their losses at the first size.
        second: their losses at the second size. Targets of both count.

    Raises:
        MixwrightError: a table names an unknown mixture, or the two share no target.
    """
    known = read_weights(mixtures)
    small = read_wide(first).sorted()
    large = read_wide(second).sorted()
    for table in (small, large):
        unknown = sorted(set(table.ids) - set(known.ids))
        if unknown:
            problem = f"{table.source}: {unknown[0]} is no mixture of {mixtures}"
            raise MixwrightError(f"{problem}; add it there or drop the row")
    shared = [name for name in small.ids if name in large.ids]
    targets = [name for name in small.columns if name in large.columns]
    if not targets:
        problem = f"{second}: no target of {first}"
        raise MixwrightError(f"{problem}; measure the same targets at both sizes")
    return transfer(
        mixtures=shared,
        targets=targets,
        first=_values(small, shared, targets),
        second=_values(large, shared, targets),
    )


def _means(members: Array, losses: Array) -> Array:
    """(mixtures, targets) mean losses of each mixture's runs: `members` is (mixtures, runs)."""
    share = members / members.sum(axis=1, keepdims=True)
    return np.asarray(share @ losses)


def _losses(observations: Observations, targets: Mapping[str, float]) -> Array:
    """(runs, targets) losses of these targets."""
    columns = [observations.targets.index(name) for name in targets]
    return observations.losses[:, columns]


def _values(table: Wide, rows: Sequence[str], columns: Sequence[str]) -> Array:
    """(rows, columns) of the table, by name."""
    row_numbers = [table.ids.index(name) for name in rows]
    column_numbers = [table.columns.index(name) for name in columns]
    return table.values[row_numbers][:, column_numbers]
