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
        return in_words({"model": self.model, "tokens": self.tokens, "rate": self.rate})

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
            words.append(f"rate x {rate:g} {_ranged(rank)}")
        start = f"order of {self.reference}, by the proxies' {', '.join(words)}"
        if self.best == 1:
            return f"{start}: the recipe's own rate ranks most like it"
        if self.gain.low > 0:
            return (
                f"{start}: rate x {self.best:g} ranks more like it; multiply muon_lr and adam_lr"
                f" of proxy.optimizer by {self.best:g}"
            )
        return (
            f"{start}: that rate x {self.best:g} is better than the recipe's own is not shown"
            f" (difference {_ranged(self.gain)}); raise transfer.mixtures"
        )

    def as_json(self) -> dict[str, Any]:
        """Returns the content of the key `rates` of `transfer.json`."""
        ranks = {}
        for rate, rank in self.ranks.items():
            ranks[f"{rate:g}"] = asdict(rank)
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
    compared = [transfer_of_runs(swarm, point.runs, targets) for point in points]
    combinations = []
    for point, result in zip(points, compared, strict=True):
        facts = {
            "name": point.name,
            "model": point.model,
            "tokens": point.tokens,
            "rate": point.rate,
        }
        combinations.append(facts | result.as_json())
    first = 0
    for place, point in enumerate(points):
        if _leads(point, points[first]):
            first = place
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
        if point.size != proxies.size or point.rate == proxies.rate:
            continue
        rank = result.ranks[MEAN]
        if rank.high < AGREE:
            words.append(f"rate x {point.rate:g} {_ranged(rank)}")
    if not words:
        return ""
    return (
        "The order of mixtures depends on the learning rate: rank correlation with the recipe's"
        f" own rate at {', '.join(words)}. Noise of the runs has a part in that."
    )


def rates_of(points: Sequence[Point], targets: Mapping[str, float]) -> Rates | None:
    """Returns how like the largest size the rates of the smallest one rank.

    None where there is one rate, or one size.

    Args:
        points: the swarm's own first, then every combination.
        targets: target -> its weight in the mean.
    """
    proxies = points[0]
    small = [point for point in points if point.size == proxies.size]
    largest = max(point.size for point in points)
    if len(small) < 2 or largest <= proxies.size:
        return None
    large = [point for point in points if point.size == largest]
    shared = _shared([*small, *large])
    if len(shared) < LEAST:
        return None
    # a rate that trains the large model badly is no reference
    reference = large[0]
    truth = _objective(reference, shared, targets)
    for point in large[1:]:
        losses = _objective(point, shared, targets)
        if losses.mean() < truth.mean():
            reference = point
            truth = losses
    orders = {}
    ranks = {}
    for point in small:
        order = _objective(point, shared, targets)
        orders[point.rate] = order
        ranks[point.rate] = rank_interval(order, truth)
    # of rates that rank alike, the one nearest to the recipe's
    nearest_first = sorted(ranks, key=_off)
    best = max(nearest_first, key=lambda rate: ranks[rate].value)
    gain = _gain(orders[best], orders[proxies.rate], truth)
    return Rates(reference.name, ranks, best, gain)


def _shared(points: Sequence[Point]) -> Array:
    """Returns (mixtures, domains) weights of the mixtures that every point has."""
    weights = points[-1].runs.weights
    everywhere = np.ones(len(weights), dtype=bool)
    for point in points:
        apart = _apart(weights, point)
        everywhere &= apart.min(axis=1) < SAME
    # runs of one mixture count once
    return np.unique(weights[everywhere].round(9), axis=0)


def _objective(point: Point, mixtures: Array, targets: Mapping[str, float]) -> Array:
    """Returns (mixtures,) weighted means of the targets at a point; less is better."""
    readout = Readout.of(targets, point.runs.targets, point.runs.metrics)
    values = readout.objective(point.runs.losses)
    if readout.metric.higher:
        values = -values
    same = _apart(mixtures, point) < 2 * SAME
    return np.asarray(same @ values / same.sum(axis=1))


def _apart(mixtures: Array, point: Point) -> Array:
    """Returns (mixtures, runs) by how much weights differ at the most."""
    differences = np.abs(mixtures[:, None] - point.runs.weights[None])
    return np.asarray(differences.max(axis=2))


def _gain(order: Array, usual: Array, truth: Array) -> Interval:
    """Returns by how much more one order agrees with the truth, with its interval.

    Mixtures are drawn again with replacement, alike for both orders (a paired bootstrap).
    """
    rng = np.random.default_rng(0)
    differences = []
    for _ in range(DRAWS):
        drawn = rng.integers(len(truth), size=len(truth))
        truth_drawn = truth[drawn]
        rank = spearman(order[drawn], truth_drawn)
        usual_rank = spearman(usual[drawn], truth_drawn)
        differences.append(rank - usual_rank)
    low, high = np.quantile(differences, [0.025, 0.975]).tolist()
    value = spearman(order, truth) - spearman(usual, truth)
    return Interval(value, min(value, low), max(value, high))


def _leads(point: Point, other: Point) -> bool:
    """Whether a point is of a larger size than another, or of its size and nearer to rate 1."""
    if point.size != other.size:
        return point.size > other.size
    return _off(point.rate) < _off(other.rate)


def _off(rate: float) -> float:
    """How far a factor is from 1, alike for halves and doubles."""
    return abs(float(np.log(rate)))


def _ranged(interval: Interval) -> str:
    return f"{interval.value:.2f} [{interval.low:.2f}, {interval.high:.2f}]"
