"""Does a ranking of mixtures carry over to another model size or length? Rank correlations of few mixtures, with their intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.measured.wide import read_weights, read_wide
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.intervals import LEAST, Interval, rank_interval

MEAN = "mean of the targets"
SAME = 1e-9  # weights that differ by less are one mixture


@dataclass(frozen=True)
class Transfer:
    """What a few mixtures' losses at one size say of those at another; nats/token."""

    mixtures: tuple[str, ...]
    ranks: dict[str, Interval]  # target, and the mean of the targets
    pick: str  # the best mixture at the first size, mean of the targets
    regret: float  # its loss at the second size above the best one's there
    spread: float  # worst minus best at the second size

    @property
    def verdict(self) -> str:
        rank = self.ranks[MEAN]
        said = f"rank correlation {rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}] over {len(self.mixtures)} mixtures"
        cost = f"the first size's pick, {self.pick}, costs {self.regret:.3f} nats/token of the {self.spread:.3f} there are to lose"
        if rank.low > 0:
            return f"the order carries over: {said}; {cost}"
        return f"not shown that the order carries over: {said}; {cost}; measure more mixtures at both sizes"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"verdict": self.verdict}


def transfer(
    mixtures: Sequence[str],
    targets: Sequence[str],
    first: Array,
    second: Array,
    importance: Array | None = None,
) -> Transfer:
    """Compares (mixtures, targets) losses at two sizes, row by row; all targets count alike in the mean, or by `importance`."""
    if len(mixtures) < LEAST:
        raise MixwrightError(
            f"transfer: {len(mixtures)} mixtures at both sizes rank nothing; measure at least {LEAST}"
        )
    means = np.average(first, 1, importance), np.average(second, 1, importance)
    ranks = {MEAN: rank_interval(*means)} | {
        t: rank_interval(first[:, k], second[:, k]) for k, t in enumerate(targets)
    }
    pick = int(means[0].argmin())
    return Transfer(
        tuple(mixtures),
        ranks,
        mixtures[pick],
        float(means[1][pick] - means[1].min()),
        float(np.ptp(means[1])),
    )


def transfer_of_runs(
    first: Observations, second: Observations, targets: Mapping[str, float]
) -> Transfer:
    """The runs of the second size beside those of the first with the same weights by design; `targets` count by their weights."""
    apart = np.abs(second.weights[:, None] - first.weights[None]).max(axis=2)
    there = np.flatnonzero(apart.min(axis=1) < SAME)  # a run that diverged at one size has no other
    here = apart.argmin(axis=1)[there]
    small, large = (
        seen.losses[:, [seen.targets.index(name) for name in targets]] for seen in (first, second)
    )
    return transfer(
        [first.runs[k] for k in here],
        list(targets),
        small[here],
        large[there],
        np.array(list(targets.values())),
    )


def read_transfer(mixtures: Path, first: Path, second: Path) -> Transfer:
    """The mixtures (wide CSV) whose losses stand in both tables (wide CSV), on the targets of both."""
    known, tables = read_weights(mixtures), (read_wide(first).sorted(), read_wide(second).sorted())
    for table in tables:
        strange = sorted(set(table.ids) - set(known.ids))
        if strange:
            raise MixwrightError(
                f"{table.source}: {strange[0]} is no mixture of {mixtures}; add it there or drop the row"
            )
    shared = [name for name in tables[0].ids if name in set(tables[1].ids)]
    targets = [name for name in tables[0].columns if name in set(tables[1].columns)]
    if not targets:
        raise MixwrightError(
            f"{second}: no target of {first}; measure the same targets at both sizes"
        )
    values = (
        t.values[[t.ids.index(name) for name in shared]][
            :, [t.columns.index(name) for name in targets]
        ]
        for t in tables
    )
    return transfer(shared, targets, *values)
