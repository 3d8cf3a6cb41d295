"""Whether merged proxies rank mixtures as trained ones do."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError, counted
from mixwright.mixture import Array
from mixwright.trust.intervals import LEAST, Interval, rank_interval

MEAN = "mean of the targets"
# Orders are alike from this rank correlation on, by the lower end of its interval. Published merges
# claim .8 to .9.
ALIKE = 0.8


@dataclass(frozen=True)
class Merged:
    """What merged proxies say of the mixtures of a swarm, beside the trained ones."""

    # the swarm's
    runs: int
    # rank correlation with the trained proxies, of each target and of the weighted mean
    ranks: Mapping[str, Interval]
    # mean over mixtures of merged minus trained loss, nats/token, of the weighted mean
    excess: float
    # loss of the trained proxy whose merged one is best, minus the best trained loss
    regret: float
    # greatest minus least trained loss
    spread: float
    # mean trained loss minus the least one: the regret of a mixture picked by chance
    chance: float
    # checkpoint that all runs began at; empty: the first weights of one seed
    start: str = ""
    # runs of the swarm that diverged
    left_out: int = 0

    @property
    def verdict(self) -> str:
        """Whether the order holds, and what the merged proxies' pick costs."""
        rank = self.ranks[MEAN]
        evidence = (
            f"rank correlation {rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}] over"
            f" {counted(self.runs, 'mixture')}; their pick costs {self.regret:.3f} nats/token of"
            f" the {self.spread:.3f} there are to lose, a pick by chance {self.chance:.3f}"
        )
        if rank.low >= ALIKE:
            return f"merged and trained proxies order mixtures alike: {evidence}"
        if rank.low > 0:
            return f"merged proxies order mixtures in part as trained ones do: {evidence}"
        return f"not shown that merged proxies order mixtures: {evidence}"

    def as_json(self) -> dict[str, Any]:
        """Returns the content of `merged.json`."""
        return asdict(self) | {"verdict": self.verdict}


def compare(
    targets: Sequence[str], merged: Array, trained: Array, importance: Mapping[str, float]
) -> Merged:
    """Compares losses of merged and of trained proxies on the same mixtures, row by row.

    Args:
        targets: of the columns.
        merged: (mixtures, targets) nats/token.
        trained: the same of trained proxies.
        importance: target -> weight in the mean.

    Raises:
        MixwrightError: there are fewer than 4 mixtures.
    """
    if len(merged) < LEAST:
        raise MixwrightError(
            f"merged: {counted(len(merged), 'mixture')} rank nothing; train {LEAST} or more"
        )
    weights = np.array([importance.get(target, 0.0) for target in targets])
    of_merged = merged @ weights / weights.sum()
    of_trained = trained @ weights / weights.sum()
    ranks = {MEAN: rank_interval(of_merged, of_trained)}
    for column, target in enumerate(targets):
        ranks[target] = rank_interval(merged[:, column], trained[:, column])
    pick = int(of_merged.argmin())
    return Merged(
        runs=len(merged),
        ranks=ranks,
        excess=float((of_merged - of_trained).mean()),
        regret=float(of_trained[pick] - of_trained.min()),
        spread=float(np.ptp(of_trained)),
        chance=float(of_trained.mean() - of_trained.min()),
    )
