"""Whether a ranking of mixtures carries over to several sizes and learning rates.

The order at a small size can depend on the learning rate (arXiv 2512.24503): at some rates it is
much more like the order of a large model that is trained well. So the swarm's first mixtures are
ranked at every combination, and each ranking is compared with the swarm's own and, where there
are several rates, with that of the largest size at its best rate.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Readout
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman
from mixwright.observations import Observations
from mixwright.study.transfers import in_words
from mixwright.trust.intervals import LEAST, Interval, rank_interval
from mixwright.trust.transfer import MEAN, SAME, Transfer, transfer_of_runs

# Resampled mixtures, for the interval of a difference of two rank correlations.
DRAWS = 1_000
# Below this rank correlation two rates do not agree on an order of mixtures.
AGREE = 0.9


@dataclass(frozen=True)
class Point:
    """The swarm's first mixtures at one model, length and factor of the learning rates."""

    model: str
    tokens: int
    rate: float
    # parameters of its model, about
    weights: float
    runs: Observations

    @property
    def name(self) -> str:
        """What it is called."""
        return in_words(self.facts)

    @property
    def facts(self) -> dict[str, Any]:
        """Its model, length and factor."""
        return {"model": self.model, "tokens": self.tokens, "rate": self.rate}

    @property
    def size(self) -> tuple[float, int]:
        """What the largest is judged by: parameters, then tokens."""
        return self.weights, self.tokens


@dataclass(frozen=True)
class Rates:
    """The proxies' learning rates, judged by how like the largest size they rank."""

    # what they are judged by: the largest size at the rate of its least losses
    reference: str
    # factor of the learning rates -> rank correlation of its order with the reference's
    ranks: Mapping[float, Interval]
    # the factor that ranks most like it
    best: float
    # its rank correlation minus that at rate 1
    gain: Interval

    @property
    def advice(self) -> str:
        """Which rate ranks most like the reference, and whether that is shown."""
        words = []
        for rate, rank in sorted(self.ranks.items()):
            words.append(_of_rate(rate, rank))
        rates = ", ".join(words)
        start = f"order of {self.reference}, by the proxies' {rates}"
        if self.best == 1:
            return f"{start}: the recipe's own rate ranks most like it"
        if self.gain.low > 0:
            return (
                f"{start}: rate x {self.best:g} ranks more like it; multiply muon_lr and adam_lr"
                f" of proxy.optimizer by {self.best:g}"
            )
        gain = _ranged(self.gain)
        return (
            f"{start}: that rate x {self.best:g} is better than the recipe's own is not shown"
            f" (difference {gain}); raise transfer.mixtures"
        )

    def as_json(self) -> dict[str, Any]:
        """Returns the content of the key `rates` of `transfer.json`."""
        ranks = {}
        for rate, rank in self.ranks.items():
            word = f"{rate:g}"
            ranks[word] = asdict(rank)
        return {
            "reference": self.reference,
            "ranks": ranks,
            "best": self.best,
            "gain": asdict(self.gain),
            "advice": self.advice,
        }


def transfers_json(
    swarm: Observations, points: Sequence[Point], targets: Mapping[str, float], proxies: Point
) -> dict[str, Any]:
    """Returns the content of `transfer.json` where sizes or rates are several.

    The keys of a single comparison are there of the largest size at the swarm's own rate, or at
    the nearest one to it.

    Args:
        swarm: the proxies' own runs.
        points: every combination, with its runs.
        targets: target -> its weight in the mean.
        proxies: the swarm's own size and rate; its runs are the swarm's.

    Raises:
        MixwrightError: a combination has fewer than 4 mixtures.
    """
    compared = []
    combinations = []
    standings = []
    for point in points:
        result = transfer_of_runs(swarm, point.runs, targets)
        compared.append(result)
        facts = {"name": point.name} | point.facts
        combinations.append(facts | result.as_json())
        standing = (point.size, -_off(point.rate))
        standings.append(standing)
    greatest = max(standings)
    first = standings.index(greatest)
    content = compared[first].as_json()
    content["combinations"] = combinations
    content["compared"] = points[first].name
    rates = rates_of([proxies, *points], targets)
    if rates is not None:
        content["rates"] = rates.as_json()
    content["dependence"] = dependence(points, compared, proxies)
    return content


def dependence(points: Sequence[Point], compared: Sequence[Transfer], proxies: Point) -> str:
    """Returns a sentence where the order at the proxies' own size depends on the rate; else none.

    It does where the whole interval of the rank correlation with the swarm's own order is under
    AGREE. Noise of the runs lowers that too.
    """
    words = []
    for point, result in zip(points, compared, strict=True):
        if point.size != proxies.size:
            continue
        if point.rate == proxies.rate:
            continue
        rank = result.ranks[MEAN]
        if rank.high < AGREE:
            words.append(_of_rate(point.rate, rank))
    if not words:
        return ""
    rates = ", ".join(words)
    return (
        "The order of mixtures depends on the learning rate: rank correlation with the recipe's"
        f" own rate at {rates}. Noise of the runs has a part in that."
    )


def rates_of(points: Sequence[Point], targets: Mapping[str, float]) -> Rates | None:
    """Returns how like the largest size the rates of the smallest one rank.

    None where there is one rate, or one size.

    Args:
        points: the swarm's own first, then every combination.
        targets: target -> its weight in the mean.
    """
    proxies = points[0]
    largest = max(point.size for point in points)
    if largest <= proxies.size:
        return None
    small = _of_size(points, proxies.size)
    if len(small) < 2:
        return None
    large = _of_size(points, largest)
    shared = _shared([*small, *large])
    if len(shared) < LEAST:
        return None

    def objective(point: Point) -> Array:
        return _objective(point, shared, targets)

    def level(point: Point) -> float:
        mean = objective(point).mean()
        return float(mean)

    # a rate that trains the large model badly is no reference
    reference = min(large, key=level)
    truth = objective(reference)
    orders = {}
    ranks = {}
    for point in small:
        order = objective(point)
        orders[point.rate] = order
        ranks[point.rate] = rank_interval(order, truth)

    def standing(rate: float) -> tuple[float, float]:
        # of equal ones the nearest to the recipe's own
        return ranks[rate].value, -_off(rate)

    best = max(ranks, key=standing)
    usual = orders[proxies.rate]
    gain = _gain(orders[best], usual, truth)
    return Rates(reference.name, ranks, best, gain)


def _of_size(points: Sequence[Point], size: tuple[float, int]) -> list[Point]:
    return [point for point in points if point.size == size]


def _shared(points: Sequence[Point]) -> Array:
    """Returns (mixtures, domains) weights of the mixtures that every point has."""
    weights = points[-1].runs.weights
    everywhere = np.ones(len(weights), dtype=bool)
    for point in points:
        apart = _apart(weights, point)
        nearest = apart.min(axis=1)
        everywhere &= nearest < SAME
    # runs of one mixture count once
    rounded = weights[everywhere].round(9)
    return np.unique(rounded, axis=0)


def _objective(point: Point, mixtures: Array, targets: Mapping[str, float]) -> Array:
    """Returns (mixtures,) weighted means of the targets at a point; less is better."""
    runs = point.runs
    readout = Readout.of(targets, runs.targets, runs.metrics)
    values = readout.objective(runs.losses)
    if readout.metric.higher:
        values = -values
    apart = _apart(mixtures, point)
    same = apart < 2 * SAME
    sums = same @ values
    counts = same.sum(axis=1)
    return np.asarray(sums / counts)


def _apart(mixtures: Array, point: Point) -> Array:
    """Returns (mixtures, runs) by how much weights differ at the most."""
    weights = point.runs.weights
    differences = mixtures[:, None] - weights[None]
    distances = np.abs(differences)
    apart: Array = distances.max(axis=2)
    return apart


def _gain(order: Array, usual: Array, truth: Array) -> Interval:
    """Returns by how much more one order agrees with the truth, with its interval.

    Mixtures are drawn again with replacement, alike for both orders (a paired bootstrap).
    """
    rng = np.random.default_rng(0)
    number = len(truth)

    def difference(drawn: NDArray[np.int64]) -> float:
        drawn_truth = truth[drawn]
        of_order = spearman(order[drawn], drawn_truth)
        of_usual = spearman(usual[drawn], drawn_truth)
        return of_order - of_usual

    differences = []
    for _ in range(DRAWS):
        drawn = rng.integers(number, size=number)
        differences.append(difference(drawn))
    ends = np.quantile(differences, [0.025, 0.975])
    low, high = ends.tolist()
    value = difference(np.arange(number))
    low = min(value, low)
    high = max(value, high)
    return Interval(value, low, high)


def _off(rate: float) -> float:
    """How far a factor is from 1, alike for halves and doubles."""
    log = float(np.log(rate))
    return abs(log)


def _of_rate(rate: float, rank: Interval) -> str:
    ranged = _ranged(rank)
    return f"rate x {rate:g} {ranged}"


def _ranged(interval: Interval) -> str:
    ends = f"[{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.value:.2f} {ends}"
