"""Estimates with their intervals: of differences between arms and of rank correlations."""

from dataclasses import dataclass
from math import atanh, inf, sqrt, tanh

import numpy as np
from scipy.special import ndtri

from mixwright.learners import LOSS, Metric
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman

LEVEL = 0.95
REFERENCE = "natural"  # the mixture that all others are compared with


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """`arm` minus `reference` on the weighted mean of the targets, in the metric's unit, with its confidence interval."""

    arm: str
    reference: str
    value: float
    low: float
    high: float
    seeds: int
    seed_error: float  # standard error of the mean over seeds; NaN with one seed
    document_error: (
        float  # standard error over documents, paired; NaN where no per-document losses are known
    )
    identical: bool = False  # the two arms are the same model
    metric: Metric = LOSS

    @property
    def verdict(self) -> str:
        """better, worse, not distinguishable, identical, or undecided (one seed: no interval)."""
        if self.identical:
            return "identical"
        if np.isnan(self.seed_error):
            return "undecided"
        below, above = ("worse", "better") if self.metric.higher else ("better", "worse")
        return below if self.high < 0 else above if self.low > 0 else "not distinguishable"

    @property
    def sentence(self) -> str:
        """`better than natural by 0.031 nats/token [0.012, 0.050]`; the numbers count in the direction that the words name."""
        if self.verdict == "identical":
            return f"the same mixture as {self.reference}"
        if self.verdict == "undecided":
            side = "below" if self.value < 0 else "above"
            return f"{abs(self.value):.3f} {self.metric.unit} {side} {self.reference}, but one seed cannot tell that from luck"
        if self.verdict == "not distinguishable":
            return f"not distinguishable from {self.reference} ([{self.low:+.3f}, {self.high:+.3f}] {self.metric.unit})"
        near, far = sorted((abs(self.low), abs(self.high)))
        return f"{self.verdict} than {self.reference} by {abs(self.value):.3f} {self.metric.unit} [{near:.3f}, {far:.3f}]"


LEAST = 4  # mixtures: fewer leave no interval


def rank_interval(first: Array, second: Array) -> Interval:
    """Spearman's rank correlation and its 95% interval: Fisher's z, its variance (1 + r^2 / 2) / (n - 3) (Bonett and Wright, 2000).

    Fewer than four pairs leave [-1, 1]; a constant ranks nothing and counts as 0.
    """
    rank = spearman(first, second)
    if len(first) < LEAST:
        return Interval(rank, -1.0, 1.0)
    half = float(ndtri((1 + LEVEL) / 2)) * sqrt((1 + rank**2 / 2) / (len(first) - 3))
    z = atanh(rank) if abs(rank) < 1 else inf * np.sign(rank)
    # a perfect order of few mixtures is still no certainty: its z is that of one step short of perfect
    most = atanh(1 - 6 * 2 / (len(first) * (len(first) ** 2 - 1))) if abs(rank) == 1 else abs(z)
    z = float(np.clip(z, -most, most))
    return Interval(rank, min(rank, tanh(z - half)), max(rank, tanh(z + half)))
