"""What runs cover: whether a mixture lies inside, and the reasons where it does not.

It holds facts of the runs in brief, not the runs: a file may carry it to where no runs are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import shortened
from mixwright.mixture import Array
from mixwright.simplex.alike import same_mixture
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
REMEDY = "train 2 or more runs near it"
# odd runs that a reason names
NAMED = 3


@dataclass(frozen=True)
class Reached:
    """How a mixture and natural lie to the runs."""

    # from the runs' centre, that of the outermost run being 1
    distance: float
    natural_distance: float
    # domains that the gain rests on and that at most one mixture took
    untried: tuple[str, ...]
    # why the runs say nothing of the mixture; none: it lies inside
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Reach:
    """What runs took of each domain, and the ellipsoid of their mixtures."""

    domains: tuple[str, ...]
    # how many, and of how many different mixtures
    runs: int
    mixtures: int
    # (domains,) mean of the runs' mixtures
    centre: Array
    # (domains,) how many different mixtures took more than a trace
    took: NDArray[np.int64]
    # (domains,) the largest share that a run took, and the second largest; odd runs are no
    # witnesses. Both are 1 where fewer than two runs are witnesses: nothing is beyond
    most: Array
    second: Array
    # (domains,) names of the odd runs that took more than the largest share
    odd: tuple[tuple[str, ...], ...]
    cover: Cover

    @classmethod
    def of(
        cls,
        runs: Sequence[str],
        weights: Array,
        odd: NDArray[np.bool_],
        domains: Sequence[str],
    ) -> "Reach":
        """Sums up runs.

        Args:
            runs: their names.
            weights: (runs, domains).
            odd: (runs,) which lie far off what the others say.
        """
        took = []
        for column in weights.T:
            took.append(_mixtures(weights[column > TRACE]))
        ones = np.ones(len(domains))
        most = ones
        second = ones
        beyond: list[tuple[str, ...]] = [()] * len(domains)
        sound = weights[~odd]
        if len(sound) > 1:
            in_order = np.sort(sound, axis=0)
            most = in_order[-1]
            second = in_order[-2]
            names = np.array(runs)
            for k in range(len(domains)):
                farther = odd & (weights[:, k] > most[k])
                beyond[k] = tuple(names[farther].tolist())
        return cls(
            domains=tuple(domains),
            runs=len(runs),
            mixtures=_mixtures(weights),
            centre=weights.mean(axis=0),
            took=np.array(took),
            most=most,
            second=second,
            odd=tuple(beyond),
            cover=Cover.of(weights),
        )

    def of_mixture(self, proposal: Array, natural: Array) -> Reached:
        """Returns how a proposal (domains,) and natural (domains,), which it is compared with, lie.

        What both hold alike of a domain does not matter.
        """
        both = np.stack([proposal, natural])
        distance, natural_distance = self.cover.distance(both).tolist()
        untried, reasons = self._untried(both)
        reasons.extend(self._beyond(both, untried))
        if self.mixtures == 1:
            reasons = [
                f"the {self.runs} runs are of one mixture; train runs that differ by 5 to 20 %"
                " in each domain"
            ]
        elif distance > FAR:
            reasons.append(f"this mixture lies {_times(distance)} the outermost run; {REMEDY}")
        if self.mixtures > 1 and natural_distance > FAR:
            far = f"natural lies {_times(natural_distance)} the outermost run"
            reasons.append(f"{far}; train 2 or more runs of it")
        return Reached(
            distance=distance,
            natural_distance=natural_distance,
            untried=untried,
            reasons=tuple(reasons),
        )

    def _untried(self, both: Array) -> tuple[tuple[str, ...], list[str]]:
        """The domains that the gain rests on and at most one mixture took, and the reasons.

        Args:
            both: (2, domains) proposal and natural.
        """
        never = []
        once = []
        shares = dict(zip(self.domains, both.T.tolist(), strict=True))
        for name, took in zip(self.domains, self.took.tolist(), strict=True):
            proposed, natural = shares[name]
            if abs(proposed - natural) <= RESTS:
                continue
            if took == 0:
                never.append(name)
            elif took == 1:
                once.append(name)
        reasons = []
        for names, took_them in ((never, "no run took"), (once, "only one mixture took")):
            if names:
                capped = all(shares[name][0] <= TRACE for name in names)
                reasons.append(f"{took_them} {_listed(names, capped, len(self.domains))}")
        return (*never, *once), reasons

    def _beyond(self, both: Array, untried: Sequence[str]) -> list[str]:
        """Reasons where proposal or natural hold far more of a domain than runs took.

        Odd runs are no witnesses. Where they alone took as much, they may be right, and the others
        say nothing of it.

        Args:
            both: (2, domains) proposal and natural.
            untried: domains that have a reason already.
        """
        reasons = []
        for k in np.flatnonzero(np.abs(both[0] - both[1]) > RESTS).tolist():
            name = self.domains[k]
            if name in untried:
                continue
            proposed, natural = both[:, k].tolist()
            share = max(proposed, natural)
            whose = "this mixture"
            if natural > proposed:
                whose = "natural"
            holds = f"{whose} holds {share:.0%} {name}"
            second = self.second[k]
            if share > BEYOND * second and share - second > MORE:
                reasons.append(
                    f"{holds}, and at most one run took over {second:.1%};"
                    " train 2 or more runs in between"
                )
                continue
            most = self.most[k]
            names = self.odd[k]
            # one odd run may be out there by chance
            near = len(names) > 1 and BEYOND * share > most
            if near or (names and share - most > MORE):
                reasons.append(
                    f"{holds}, and the runs that took over {most:.1%} lie far off what the others"
                    f" say ({shortened(names, NAMED)}); check them, or train more such runs"
                )
        return reasons


def _mixtures(weights: Array) -> int:
    """How many different mixtures (runs, domains) are of."""
    if not len(weights):
        return 0
    return int(same_mixture(weights).max()) + 1


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
