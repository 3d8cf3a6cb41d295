"""How well so many runs will rank mixtures: of a study's finished runs, or from tables.

A rank correlation is that between predicted and true losses of mixtures that no run took. A regret
is what the proposal's true loss misses of the best, as a share of what uniform's misses. Both are
of the mixer effective-data, and say nothing of how the order changes at another model size. The
tables are of mixtures that were drawn (dirichlet): what chosen ones reach was measured of regrets
alone, see docs/log.md.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mixwright.errors import counted

if TYPE_CHECKING:
    from mixwright.trust.learning_curve import LearningCurve

RECORDED = "benchmarks/RESULTS.md, expected.py of 2026-11-29"
# 5, 8 and 14 domains, nine kinds of truth; noise in units of the swarm's spread
PLANTED_SOURCE = f"planted problems, drawn mixtures, noise {{noise:g}}: {RECORDED}"
REGMIX_SOURCE = f"RegMix's published tables, 17 domains and 1 B tokens a proxy: {RECORDED}"


@dataclass(frozen=True)
class Row:
    """What so many runs a domain reached."""

    per_domain: float
    # rank correlation: the median, and what nine of ten problems reach
    rank: float
    least_rank: float
    # as a share of uniform's: the median, and what nine of ten problems stay under
    regret: float
    most_regret: float


@dataclass(frozen=True)
class Trained:
    """A study of text that was trained here, and how it ranked its held-out runs."""

    study: str
    domains: int
    runs: int
    # of each run
    tokens: int
    rank: float

    @property
    def words(self) -> str:
        """What it reached, in words, with its source."""
        text = f"{self.runs} runs of {self.domains} domains"
        text += f", {self.tokens:,} tokens each"
        text += f", reached {self.rank:.2f}"
        return f"{text} (benchmarks/RESULTS.md, {self.study})"


# Standard deviation of a run over seeds, in units of the swarm's spread -> rows by runs a domain.
PLANTED: Mapping[float, tuple[Row, ...]] = {
    0.02: (
        Row(1, 0.656, 0.509, 0.801, 4.708),
        Row(2, 0.911, 0.712, 0.323, 1.497),
        Row(3, 0.954, 0.790, 0.158, 0.945),
        Row(4, 0.974, 0.824, 0.162, 0.735),
        Row(6, 0.983, 0.851, 0.108, 0.620),
        Row(8, 0.983, 0.863, 0.146, 0.637),
        Row(12, 0.986, 0.890, 0.132, 0.524),
        Row(16, 0.988, 0.895, 0.140, 0.589),
    ),
    0.1: (
        Row(1, 0.653, 0.520, 1.078, 5.337),
        Row(2, 0.896, 0.715, 0.327, 2.569),
        Row(3, 0.943, 0.824, 0.179, 1.364),
        Row(4, 0.966, 0.836, 0.116, 0.796),
        Row(6, 0.979, 0.860, 0.095, 0.720),
        Row(8, 0.981, 0.897, 0.064, 0.832),
        Row(12, 0.985, 0.896, 0.073, 0.727),
        Row(16, 0.986, 0.909, 0.081, 0.629),
    ),
    0.3: (
        Row(1, 0.627, 0.401, 1.106, 5.835),
        Row(2, 0.809, 0.644, 0.553, 2.184),
        Row(3, 0.888, 0.769, 0.367, 2.114),
        Row(4, 0.928, 0.825, 0.216, 1.166),
        Row(6, 0.950, 0.858, 0.185, 0.905),
        Row(8, 0.960, 0.867, 0.170, 0.870),
        Row(12, 0.973, 0.890, 0.103, 0.603),
        Row(16, 0.973, 0.898, 0.109, 0.671),
    ),
}
# Taken where nobody knows the noise of a run: a signal-to-noise of 10 is an assumption.
USUAL_NOISE = 0.1
# of an interval, on either side
TAIL = 0.025
# Runs of 17 domains -> rank correlation on test runs of the proxies' own size: 3 random subsets.
REGMIX_DOMAINS = 17
REGMIX: Mapping[int, float] = {
    24: 0.979,
    32: 0.982,
    48: 0.988,
    64: 0.989,
    96: 0.991,
    128: 0.991,
    256: 0.992,
    512: 0.992,
}
# Proxies of .1 M parameters in the body. Held-out runs have noise of their own.
TRAINED = (
    Trained("make demo of 2026-11-26", 7, 32, 100_000, 0.96),
    Trained("minipile.yaml with minipile-2cores.yaml of 2026-11-21", 11, 48, 150_000, 0.94),
)


@dataclass(frozen=True)
class Expected:
    """What to expect of so many runs."""

    # rank correlation, and how low or high it may well be
    rank: float
    low: float
    high: float
    # as a share of uniform's; None where no table says it
    regret: float | None
    # where it is from, in words
    source: str
    # whether it is from runs of this very study
    measured: bool = False
    # where the runs are more than the source knows: what the numbers are then, in words
    beyond: str = ""

    @property
    def words(self) -> str:
        """The numbers in words, with their source."""
        text = f"expect rank correlation about {self.rank:.2f}"
        if self.measured:
            text += f" [{self.low:.2f}, {self.high:.2f}]"
        else:
            text += f", over {self.low:.2f} in nine cases of ten"
        if self.regret is not None:
            text += f", and {self.regret:.0%} of uniform's regret left"
        if self.beyond:
            text += f"; {self.beyond}"
        return f"{text} ({self.source})"


@dataclass(frozen=True)
class _Place:
    """Between which two lines of a table a number lies, and how far on, in logarithms."""

    before: int
    after: int
    share: float

    @classmethod
    def of(cls, number: float, places: Sequence[float]) -> "_Place":
        """Returns where a number lies; outside the table, at its end."""
        after = bisect_right(places, number)
        if after == 0:
            return cls(0, 0, 0.0)
        before = after - 1
        if after == len(places):
            return cls(before, before, 0.0)
        low = math.log(places[before])
        high = math.log(places[after])
        share = (math.log(number) - low) / (high - low)
        return cls(before, after, share)

    def between(self, first: float, second: float) -> float:
        """Returns the value there, of those at the two lines."""
        return first + self.share * (second - first)


def expected(domains: int, runs: int, noise: float = USUAL_NOISE) -> Expected | None:
    """Returns what the planted problems say of so many runs; None where they say nothing.

    Between two numbers of runs a domain it is linear in their logarithm.

    Args:
        domains: number of domains with more than one possible weight.
        runs: runs of the swarm.
        noise: of a run, in units of the swarm's spread: 1 / signal-to-noise. The table's nearest
            one that is not smaller is taken.
    """
    levels = [level for level in PLANTED if level >= noise]
    if domains < 2 or runs < domains or not levels:
        return None
    per_domain = runs / domains
    known = min(levels)
    rows = PLANTED[known]
    places = [row.per_domain for row in rows]
    place = _Place.of(per_domain, places)
    first = rows[place.before]
    second = rows[place.after]
    beyond = ""
    if per_domain > places[-1]:
        beyond = f"the table ends there, at {places[-1]} runs a domain"
    return Expected(
        rank=place.between(first.rank, second.rank),
        low=place.between(first.least_rank, second.least_rank),
        high=1.0,
        regret=place.between(first.regret, second.regret),
        source=PLANTED_SOURCE.format(noise=known),
        beyond=beyond,
    )


def published(domains: int, runs: int) -> Expected | None:
    """Returns what as many runs a domain reached on RegMix's tables; None where they have none.

    RegMix's proxies are trained long: it is what good proxies can reach, and no promise.
    """
    as_many = runs * REGMIX_DOMAINS / domains
    sizes = list(REGMIX)
    if as_many < sizes[0]:
        return None
    place = _Place.of(as_many, sizes)
    first = REGMIX[sizes[place.before]]
    second = REGMIX[sizes[place.after]]
    rank = place.between(first, second)
    beyond = ""
    if as_many > sizes[-1]:
        beyond = f"the table ends at {sizes[-1] / REGMIX_DOMAINS:.0f} runs a domain"
    return Expected(
        rank=rank,
        low=rank,
        high=rank,
        regret=None,
        source=REGMIX_SOURCE,
        beyond=beyond,
    )


def of_curve(curve: "LearningCurve", runs: int) -> Expected:
    """Returns what the learning curve of finished runs expects of so many.

    Held-out runs have noise of their own, so that it is lower than of true losses.
    """
    rank, *drawn = curve.at(runs).tolist()
    drawn.sort()
    last = len(drawn) - 1
    first_end = math.floor(TAIL * last)
    low = drawn[first_end]
    high = drawn[last - first_end]
    finished = counted(curve.runs, "finished run")
    beyond = ""
    if runs > curve.runs:
        beyond = "the curve is drawn on beyond its runs"
    return Expected(
        rank=rank,
        low=min(low, rank),
        high=max(high, rank),
        regret=None,
        source=f"learning curve of {finished}, by {curve.mixer}",
        measured=True,
        beyond=beyond,
    )


def sentence(domains: int, runs: int, known: Expected | None) -> str:
    """Returns in words what so many runs of so many domains promise."""
    in_runs = counted(runs, "run")
    in_domains = counted(domains, "domain")
    text = f"{in_runs} of {in_domains}: "
    if known is None:
        return text + "what rank correlation to expect is not known"
    return text + known.words


def other_sentences(domains: int, runs: int) -> list[str]:
    """Returns what RegMix's tables and our trained studies had, each with its source."""
    texts = []
    long_trained = published(domains, runs)
    if long_trained is not None:
        per_domain = runs / domains
        text = f"{per_domain:.1f} runs a domain reached {long_trained.rank:.2f}"
        if long_trained.beyond:
            text = f"{long_trained.beyond}, with {long_trained.rank:.2f}"
        text += f" ({long_trained.source})"
        texts.append(text)
    for trained in TRAINED:
        texts.append(trained.words)
    return texts
