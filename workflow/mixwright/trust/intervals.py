"""Estimates with their 95% intervals: differences between arms, and rank correlations."""

from dataclasses import dataclass
from math import atanh, inf, sqrt, tanh

import numpy as np
from scipy.special import ndtri

from mixwright.learners import LOSS, Metric
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman

LEVEL = 0.95
# the mixture that all others are compared with
REFERENCE = "natural"
# pairs: fewer leave a rank correlation no interval
LEAST = 4


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """`arm` minus `reference` on the weighted mean of the targets, in the metric's unit.

    It holds the confidence interval too, and the errors that make it.
    """

    arm: str
    reference: str
    value: float
    low: float
    high: float
    seeds: int
    # standard error of the mean over seeds; NaN with one seed
    seed_error: float
    # standard error over documents, paired; NaN where no losses by document are known
    document_error: float
    # whether the two arms are the same model
    identical: bool = False
    metric: Metric = LOSS

    @property
    def of(self) -> str:
        """What it is of, as words after the reference; empty: the mean of the targets."""
        return ""

    @property
    def verdict(self) -> str:
        """`better`, `worse`, `not distinguishable`, `identical`, or `undecided`.

        One seed leaves no interval, and is undecided.
        """
        if self.identical:
            return "identical"
        if np.isnan(self.seed_error):
            return "undecided"
        rises = self.low > 0
        falls = self.high < 0
        if not (rises or falls):
            return "not distinguishable"
        if rises == self.metric.higher:
            return "better"
        return "worse"

    @property
    def sentence(self) -> str:
        """The verdict in words, such as `better than natural by 0.031 nats/token [0.012, 0.050]`.

        The numbers count in the direction that the words name.
        """
        unit = f" {self.metric.unit}".rstrip()
        size = f"{abs(self.value):.3f}{unit}"
        reference = f"{self.reference}{self.of}"
        if self.verdict == "identical":
            return f"the same mixture as {self.reference}"
        if self.verdict == "undecided":
            side = "above"
            if self.value < 0:
                side = "below"
            return f"{size} {side} {reference}, but one seed cannot tell that from luck"
        if self.verdict == "not distinguishable":
            interval = f"[{self.low:+.3f}, {self.high:+.3f}]"
            return f"not distinguishable from {reference} ({interval}{unit})"
        near, far = sorted((abs(self.low), abs(self.high)))
        return f"{self.verdict} than {reference} by {size} [{near:.3f}, {far:.3f}]"


@dataclass(frozen=True)
class OfWorst(Difference):
    """A difference on the target that gains least over the reference, in that target's metric."""

    # its name; empty where two arms are compared that may have different ones
    target: str = ""

    @property
    def of(self) -> str:
        """What it is of, as words after the reference."""
        return of_worst(self.target)


def of_worst(target: str) -> str:
    """Returns ` on the worst target (NAME)`; without a name ` on the worst target`."""
    name = f" ({target})" if target else ""
    return f" on the worst target{name}"


def rank_interval(first: Array, second: Array) -> Interval:
    """Returns Spearman's rank correlation of two rows (pairs,) and its 95% interval.

    A constant ranks nothing and counts as 0.
    """
    return fisher_interval(spearman(first, second), len(first))


def fisher_interval(rank: float, pairs: int) -> Interval:
    """Returns a rank correlation of so many pairs, and its 95% interval.

    The interval is Fisher's: z = atanh(r) has the variance (1 + r^2 / 2) / (n - 3)
    (Bonett and Wright, 2000). Fewer than four pairs leave [-1, 1].
    """
    if pairs < LEAST:
        return Interval(rank, -1.0, 1.0)
    quantile = float(ndtri((1 + LEVEL) / 2))
    variance = (1 + rank**2 / 2) / (pairs - 3)
    half = quantile * sqrt(variance)
    if abs(rank) < 1:
        z = atanh(rank)
        most = abs(z)
    else:
        z = inf * np.sign(rank)
        # a perfect order of few pairs is no certainty: its z is that of one step short of it
        nearly = 1 - 6 * 2 / (pairs * (pairs**2 - 1))
        most = atanh(nearly)
    z = float(np.clip(z, -most, most))
    low = tanh(z - half)
    high = tanh(z + half)
    return Interval(rank, min(rank, low), max(rank, high))
