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
from mixwright.simplex.alike import same_mixture
from mixwright.trust.folds import spread_of
from mixwright.trust.intervals import Interval, rank_interval
from mixwright.trust.leverage import Cover

# a run with less than this share of a domain does not tell what the domain is worth
TRACE = 1e-3
# a gain rests on a domain where proposal and natural differ by more in it
RESTS = 5e-3
# so many times as far out as the outermost run, nothing is known
FAR = 3.0
# so many spreads of the runs below the best of them, nothing was ever measured
BELOW = 3.0
CANNOT = "these runs cannot tell"
REMEDY = "train 2 or more runs near it"


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
    mixtures = int(same_mixture(held_out.weights).max()) + 1
    actual, guess = held_out.by_mixture()
    rank = rank_interval(guess, actual)
    explained = _explained(actual, guess)
    cover = Cover.of(held_out.weights)
    distance, natural_distance = cover.distance(np.stack([proposal, natural])).tolist()
    gained = float(actual.min()) - predicted
    spread = float(spread_of(actual) or actual.std())
    below = None
    if np.isfinite(gained):
        below = gained / max(spread, 1e-12)
    untried, untried_reasons = _untried(held_out.weights, domains, proposal - natural)
    reasons = list(untried_reasons)
    if mixtures == 1:
        reasons.clear()
        reasons.append(
            f"the {len(held_out.runs)} runs are of one mixture; train runs that differ by 5 to 20 %"
            " in each domain"
        )
    elif distance > FAR:
        reasons.append(f"this mixture lies {_times(distance)} the outermost run; {REMEDY}")
    if mixtures > 1 and natural_distance > FAR:
        reasons.append(
            f"natural lies {_times(natural_distance)} the outermost run; train 2 or more runs of it"
        )
    if not (rank.low > 0 and explained > 0):
        ranks = f"{rank.value:.2f} [{rank.low:.2f}, {rank.high:.2f}]"
        yardstick = "by chance"
        if rank.low > 0:
            yardstick = "by their mean"
        reasons.append(
            f"held-out runs are predicted no better than {yardstick}"
            f" (rank correlation {ranks}, {max(0.0, explained):.0%} explained);"
            " train more runs or longer ones"
        )
    if below is not None and below > BELOW:
        size = f"{gained:.3g} {unit}".rstrip()
        spreads = f"{below:.0f} times the spread of the runs"
        reason = f"it is predicted {size} better than the best run, {spreads}"
        if distance <= FAR:
            reason = f"{reason}; {REMEDY}"
        reasons.append(reason)
    return Evidence(
        runs=len(held_out.runs),
        mixtures=mixtures,
        explained=explained,
        rank=rank,
        distance=distance,
        natural_distance=natural_distance,
        below=below,
        untried=untried,
        odd=tuple(np.array(held_out.runs)[held_out.odd].tolist()),
        reasons=tuple(reasons),
    )


def _untried(
    weights: Array,
    domains: Sequence[str],
    difference: Array,
) -> tuple[tuple[str, ...], list[str]]:
    """The domains that the gain rests on and at most one mixture took, and the reasons in words."""
    never = []
    once = []
    for name, column, share in zip(domains, weights.T, difference.tolist(), strict=True):
        if abs(share) <= RESTS:
            continue
        took = weights[column > TRACE]
        if len(took) == 0:
            never.append(name)
        elif same_mixture(took).max() == 0:
            once.append(name)
    reasons = []
    if never:
        reasons.append(f"no run took {_listed(never)}")
    if once:
        reasons.append(f"only one mixture took {_listed(once)}")
    return (*never, *once), reasons


def _listed(names: Sequence[str]) -> str:
    remedy = "train 2 or more runs with 5 to 20 % of it, or cap it at 0"
    if len(names) > 1:
        remedy = "train 2 or more runs with 5 to 20 % of each, or cap them at 0"
    return f"{', '.join(names)}; {remedy}"


def _times(distance: float) -> str:
    return f"{distance:,.0f} times as far out as"


def _explained(actual: Array, predicted: Array) -> float:
    """1 minus the squared misses over the squared distances from the mean."""
    misses = float(((actual - predicted) ** 2).sum())
    total = float(((actual - actual.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    return 1 - misses / total
