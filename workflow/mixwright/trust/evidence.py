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
from mixwright.trust.leverage import Cover

# a run with less than this share of a domain does not tell what the domain is worth
TRACE = 1e-3
# a gain rests on a domain where proposal and natural differ by more in it
RESTS = 5e-3
# so many times as far out as the outermost run, nothing is known
FAR = 3.0
# what a share of a domain is worth that is so many times what runs took, and so much over it, is
# a guess
BEYOND = 2.0
MORE = 0.02
# so many spreads of the runs below the best of them, nothing was ever measured
BELOW = 3.0
CANNOT = "these runs cannot tell"
REMEDY = "train 2 or more runs near it"
# odd runs that a reason names
NAMED = 3


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
    both = np.stack([proposal, natural])
    distance, natural_distance = cover.distance(both).tolist()
    gained = float(actual.min()) - predicted
    spread = float(robust_deviation(actual) or actual.std())
    below = None
    if np.isfinite(gained):
        below = gained / max(spread, 1e-12)
    untried, reasons = _untried(held_out.weights, domains, both)
    reasons.extend(_beyond(held_out, domains, both, untried))
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
            " train more runs or longer ones, and check which loss is which run's"
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
    both: Array,
) -> tuple[tuple[str, ...], list[str]]:
    """The domains that the gain rests on and at most one mixture took, and the reasons in words.

    Args:
        both: (2, domains) proposal and natural.
    """
    never = []
    once = []
    shares = dict(zip(domains, both.T.tolist(), strict=True))
    for name, column in zip(domains, weights.T, strict=True):
        proposed, natural = shares[name]
        if abs(proposed - natural) <= RESTS:
            continue
        took = weights[column > TRACE]
        if len(took) == 0:
            never.append(name)
        elif same_mixture(took).max() == 0:
            once.append(name)
    reasons = []
    for names, took_them in ((never, "no run took"), (once, "only one mixture took")):
        if names:
            capped = all(shares[name][0] <= TRACE for name in names)
            reasons.append(f"{took_them} {_listed(names, capped, len(domains))}")
    return (*never, *once), reasons


def _beyond(
    held_out: HeldOut,
    domains: Sequence[str],
    both: Array,
    untried: Sequence[str],
) -> list[str]:
    """Reasons where proposal or natural hold far more of a domain than runs took.

    Odd runs are no witnesses. Where they alone took as much, they may be right, and the others
    say nothing of it.

    Args:
        both: (2, domains) proposal and natural.
        untried: domains that have a reason already.
    """
    odd = held_out.odd
    sound = held_out.weights[~odd]
    if len(sound) < 2:
        return []
    second = np.sort(sound, axis=0)[-2]
    most = sound.max(axis=0)
    reasons = []
    for k in np.flatnonzero(np.abs(both[0] - both[1]) > RESTS).tolist():
        name = domains[k]
        if name in untried:
            continue
        proposed, natural = both[:, k].tolist()
        share = max(proposed, natural)
        whose = "this mixture"
        if natural > proposed:
            whose = "natural"
        holds = f"{whose} holds {share:.0%} {name}"
        if share > BEYOND * second[k] and share - second[k] > MORE:
            reasons.append(
                f"{holds}, and at most one run took over {second[k]:.1%};"
                " train 2 or more runs in between"
            )
            continue
        farther = odd & (held_out.weights[:, k] > most[k])
        alike = int(farther.sum())
        # one odd run may be out there by chance
        near = alike > 1 and BEYOND * share > most[k]
        if near or (alike and share - most[k] > MORE):
            names = np.array(held_out.runs)[farther].tolist()
            reasons.append(
                f"{holds}, and the runs that took over {most[k]:.1%} lie far off what the others"
                f" say ({', '.join(names[:NAMED])}); check them, or train more such runs"
            )
    return reasons


def _listed(names: Sequence[str], capped: bool, domains: int) -> str:
    """Names of domains, and what would tell of them.

    Args:
        capped: whether the proposal holds none of them.
        domains: how many there are in all.
    """
    remedy = "train 2 or more runs with 5 to 20 % of it"
    cap = ", or cap it at 0"
    if len(names) > 1:
        remedy = "train 2 or more runs with 5 to 20 % of each"
        cap = ", or cap them at 0"
    if capped or 2 * len(names) > domains:
        cap = ""
    return f"{', '.join(names)}; {remedy}{cap}"


def _times(distance: float) -> str:
    return f"{distance:,.0f} times as far out as"


def _explained(actual: Array, predicted: Array) -> float:
    """1 minus the squared misses over the squared distances from the mean."""
    misses = float(((actual - predicted) ** 2).sum())
    total = float(((actual - actual.mean()) ** 2).sum())
    if total == 0:
        return 0.0
    return 1 - misses / total
