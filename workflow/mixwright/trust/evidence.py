"""Whether runs can speak of a mixture at all: without evidence there is no verdict.

An interval follows from what a mixer's form says. Where no run is near, the form alone speaks, and
so do the priors that stand in for domains nobody tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.numerics.spread import robust_deviation
from mixwright.simplex.alike import same_mixture
from mixwright.trust.intervals import Interval, rank_interval
from mixwright.trust.reach import FAR, REMEDY, Reach

# so many spreads of the runs below the best of them, nothing was ever measured
BELOW = 3.0
CANNOT = "these runs cannot tell"


@dataclass(frozen=True)
class Evidence:
    """What the runs tell of a proposal, and why they cannot where they do not."""

    # runs, and how many mixtures they are of
    runs: int
    mixtures: int
    # share of the variance of held-out runs' objectives that their predictions explain
    explained: float
    # rank correlation of the two
    rank: Interval
    # distances from the runs' centre, that of the outermost run being 1
    distance: float
    natural_distance: float
    # predicted gain over the best run, in spreads of the runs' objectives; None: runs of another
    # length measured nothing like it
    below: float | None
    # domains that the gain rests on and that at most one mixture took
    untried: tuple[str, ...]
    # names of runs that lie far off
    odd: tuple[str, ...]
    # why there is no verdict; none: there is one
    reasons: tuple[str, ...]

    @property
    def enough(self) -> bool:
        """Whether the runs can tell."""
        return not self.reasons

    @property
    def sentence(self) -> str:
        """Why these runs cannot tell, and what would; empty where they can."""
        if self.enough:
            return ""
        return f"{CANNOT}: {'; '.join(self.reasons[:2])}"

    def as_json(self) -> dict[str, Any]:
        """Returns the facts by name."""
        facts = dict(vars(self))
        facts["rank"] = vars(self.rank)
        for name in ("untried", "odd", "reasons"):
            facts[name] = list(facts[name])
        return facts


@dataclass(frozen=True)
class Foreseen:
    """How well held-out runs were predicted."""

    # share of the variance of their objectives that the predictions explain
    explained: float
    # rank correlation of the two
    rank: Interval

    @classmethod
    def of(cls, actual: Array, predicted: Array) -> "Foreseen":
        """Compares (mixtures,) measured objectives with what was predicted of them."""
        return cls(_explained(actual, predicted), rank_interval(predicted, actual))

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the predictions say nothing; none where they are better than chance."""
        rank = self.rank
        if rank.low > 0 and self.explained > 0:
            return ()
        ranks = f"{rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}]"
        yardstick = "by chance"
        if rank.low > 0:
            yardstick = "by their mean"
        return (
            f"held-out runs are predicted no better than {yardstick}"
            f" (rank correlation {ranks}, {max(0.0, self.explained):.0%} explained);"
            " train more runs or longer ones, and check which loss is which run's",
        )


@dataclass(frozen=True)
class HeldOut:
    """What runs measured of the objective, and what was predicted of them without them.

    Less is better, in the unit that the objective is shown in.
    """

    # names
    runs: tuple[str, ...]
    # (runs, domains)
    weights: Array
    # (runs,) each
    actual: Array
    predicted: Array
    odd: NDArray[np.bool_]

    def by_mixture(self) -> tuple[Array, Array]:
        """Returns (mixtures,) means of what was measured and predicted, without odd runs."""
        good = ~self.odd
        group = same_mixture(self.weights[good])
        if group.max() == 0:
            group = np.arange(len(group))
        count = np.bincount(group)
        actual = np.bincount(group, self.actual[good]) / count
        predicted = np.bincount(group, self.predicted[good]) / count
        return actual, predicted


def weigh(
    held_out: HeldOut,
    domains: Sequence[str],
    proposal: Array,
    natural: Array,
    predicted: float,
    unit: str,
) -> Evidence:
    """Returns the evidence that runs hold on a proposal (domains,) against natural (domains,).

    Args:
        predicted: the objective that is predicted of the proposal; less is better. NaN: it is
            predicted for another length than the runs', which no run measured.
        unit: of the objective.
    """
    actual, guess = held_out.by_mixture()
    foreseen = Foreseen.of(actual, guess)
    gained = float(actual.min()) - predicted
    spread = float(robust_deviation(actual) or actual.std())
    below = None
    if np.isfinite(gained):
        below = gained / max(spread, 1e-12)
    reach = Reach.of(held_out.runs, held_out.weights, held_out.odd, domains)
    reached = reach.of_mixture(proposal, natural)
    reasons = [*reached.reasons, *foreseen.reasons]
    if below is not None and below > BELOW:
        size = f"{gained:.3g} {unit}".rstrip()
        spreads = f"{below:.0f} times the spread of the runs"
        reason = f"it is predicted {size} better than the best run, {spreads}"
        if reached.distance <= FAR:
            reason = f"{reason}; {REMEDY}"
        reasons.append(reason)
    return Evidence(
        runs=len(held_out.runs),
        mixtures=reach.mixtures,
        explained=foreseen.explained,
        rank=foreseen.rank,
        distance=reached.distance,
        natural_distance=reached.natural_distance,
        below=below,
        untried=reached.untried,
        odd=tuple(np.array(held_out.runs)[held_out.odd].tolist()),
        reasons=tuple(reasons),
    )


def _explained(actual: Array, predicted: Array) -> float:
    """1 minus the squared misses over the squared distances from the mean."""
    misses = float(((actual - predicted) ** 2).sum())
    total = float(((actual - actual.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    return 1 - misses / total
