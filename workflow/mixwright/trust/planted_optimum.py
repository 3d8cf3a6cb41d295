"""The best mixture of a planted truth inside bounds, and a bound on what it misses.

It is found by local searches from several mixtures. For convex truths any of them is enough, and a
price of the sum of all weights certifies it: for every price p

    max over v of sum_i h_i(v_i)  <=  p + sum_i max over v_i of (h_i(v_i) - p v_i)

where h is what the truth says a mixture gains at most. Where domains gain in pairs, the greatest
eigenvalue of the pairs' matrix, less prices of the bounds, stands for the right side.

A truth that is not convex, but a sum over the domains, is solved on a grid of weights, by adding
one domain at a time; with weights rounded up the same sums bound the optimum. Any other is
searched from more mixtures, and its gap is not known.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.starts import best_from
from mixwright.mixture import Array
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import scale_into, settle
from mixwright.simplex.sampling import sample
from mixwright.trust.planted import Gains, Truth

# Local searches of a truth that is convex, and of one that is not.
STARTS, MORE_STARTS = 2, 12
# Mixtures of which the best ones are where searches start.
DRAWN = 2_000
# Prices that a certificate tries at a time, and how often it looks closer.
PRICES, ZOOMS = 33, 6
# Golden sections of a domain's weight.
SECTIONS = 60
# Steps of the weights' grid.
STEPS = 1_000


@dataclass(frozen=True)
class Optimum:
    """The best known mixture of a truth."""

    # (domains,)
    weights: Array
    # importance @ losses there, nats/token
    loss: float
    # what it misses at most, nats/token; NaN where no bound is known
    gap: float


def optimum(truth: Truth, importance: Array, bounds: Bounds, seed: int = 0) -> Optimum:
    """Returns the best mixture inside the bounds that several searches reach.

    Args:
        truth: the losses of every mixture.
        importance: (targets,) weights of the losses in what is minimised.
        bounds: of the weights; the certificate leaves bounds of groups out, and is valid with them.
        seed: of the mixtures where searches start.
    """
    domains = len(bounds.lower)
    rng = np.random.default_rng(seed)
    even = np.ones(domains)
    lower, upper, groups = bounds.parts
    drawn = sample(even / 2, lower, upper, rng, DRAWN, groups)
    centre = scale_into(even / domains, lower, upper, groups)
    values = truth(drawn) @ importance
    count = STARTS if truth.convex else MORE_STARTS
    starts = [centre, *drawn[np.argsort(values)[: count - 1]]]
    if truth.gains is not None and not truth.convex:
        starts.append(_Steps.of(truth.gains(importance, centre), bounds).mixture(bounds))

    def value(weights: Array) -> Array:
        return truth(weights) @ importance

    best = best_from(value, bounds, starts)
    loss = float((truth(best[None]) @ importance)[0])
    return Optimum(best, loss, gap(truth, importance, bounds, best))


def gap(truth: Truth, importance: Array, bounds: Bounds, weights: Array) -> float:
    """Returns what a mixture (domains,) misses at most, nats/token; NaN where no bound is known."""
    if truth.pairs is not None:
        return _gap_of_pairs(truth.pairs(importance, weights), bounds, weights)
    if truth.gains is None:
        return float("nan")
    gains = truth.gains(importance, weights)
    there = float(gains(weights).sum())
    if not truth.convex:
        return max(0.0, _Steps.of(gains, bounds).most - there)
    least = bounds.lower
    most = bounds.upper
    low, high = _slopes(gains, least, most)
    bound = np.inf
    for _ in range(ZOOMS):
        prices = np.linspace(low, high, PRICES)
        totals = prices + _greatest(gains, prices, least, most)
        place = int(totals.argmin())
        bound = min(bound, float(totals[place]))
        low = prices[max(0, place - 1)]
        high = prices[min(PRICES - 1, place + 1)]
    return max(0.0, bound - there)


def _slopes(gains: Gains, least: Array, most: Array) -> tuple[float, float]:
    """The range of prices that are tried: steepest fall and rise of a gain over a thousandth."""
    ends = np.linspace(least, most, 1_001)
    steps = np.maximum(np.diff(ends, axis=0), 1e-12)
    slopes = np.diff(gains(ends), axis=0) / steps
    return float(slopes.min()), float(slopes.max())


def _greatest(gains: Gains, prices: Array, least: Array, most: Array) -> Array:
    """(prices,) sums over the domains of the greatest gain less its price; gains are concave.

    Each domain's interval of weights is narrowed by golden sections.
    """
    price = prices[:, None]
    low = np.repeat(least[None], len(prices), axis=0)
    high = np.repeat(most[None], len(prices), axis=0)
    golden = (np.sqrt(5) - 1) / 2

    def net(w: Array) -> Array:
        return gains(w) - price * w

    for _ in range(SECTIONS):
        left = high - golden * (high - low)
        right = low + golden * (high - low)
        rising = net(left) < net(right)
        low = np.where(rising, left, low)
        high = np.where(rising, high, right)
    inside = net((low + high) / 2)
    at_ends = np.maximum(
        net(np.tile(least, (len(prices), 1))), net(np.tile(most, (len(prices), 1)))
    )
    return np.maximum(inside, at_ends).sum(axis=1)


@dataclass(frozen=True)
class _Steps:
    """The greatest sums of gains that rise with the weights, on a grid of weights."""

    # (STEPS + domains + 1,) greatest sum of the gains of so many steps
    sums: Array
    # (domains, STEPS + domains + 1) steps of each domain in that sum, when it was added
    taken: NDArray[np.int64]

    @classmethod
    def of(cls, gains: Gains, bounds: Bounds) -> "_Steps":
        """Adds one domain at a time. A weight may be rounded up to the next step."""
        domains = len(bounds.lower)
        total = STEPS + domains
        steps = np.arange(STEPS + 1)
        weights = np.minimum(steps[:, None] / STEPS, bounds.upper)
        values = gains(weights)
        outside = (steps[:, None] < bounds.lower * STEPS - 1e-9) | (
            steps[:, None] > np.ceil(bounds.upper * STEPS - 1e-9)
        )
        values = np.where(outside, -np.inf, values)
        sums = np.full(total + 1, -np.inf)
        sums[0] = 0.0
        taken = np.zeros((domains, total + 1), dtype=np.int64)
        for domain in range(domains):
            greater = np.full(total + 1, -np.inf)
            for step in np.flatnonzero(np.isfinite(values[:, domain])):
                trial = sums[: total + 1 - step] + values[step, domain]
                better = trial > greater[step:]
                greater[step:][better] = trial[better]
                taken[domain, step:][better] = step
            sums = greater
        return cls(sums, taken)

    @property
    def most(self) -> float:
        """More than any mixture inside the bounds gains."""
        return float(self.sums.max())

    def mixture(self, bounds: Bounds) -> Array:
        """Returns the mixture (domains,) of greatest gain on the grid, moved into the bounds."""
        left = STEPS
        weights = np.zeros(len(self.taken))
        for domain in range(len(self.taken) - 1, -1, -1):
            step = self.taken[domain, left]
            weights[domain] = step / STEPS
            left -= step
        return settle(np.clip(weights, bounds.lower, bounds.upper), *bounds.parts)


def _gap_of_pairs(matrix: Array, bounds: Bounds, weights: Array) -> float:
    """What a mixture misses at most where gains are sqrt(v)' M sqrt(v).

    For any prices of the domains' bounds the greatest eigenvalue of M less the prices, plus the
    prices' worth at the bounds, is more than any mixture inside gains.
    """
    roots = np.sqrt(np.maximum(weights, 0))
    there = float(roots @ matrix @ roots)
    slope = (matrix @ roots) / np.maximum(roots, 1e-12)
    low = weights <= bounds.lower + 1e-6
    high = weights >= bounds.upper - 1e-6
    free = ~low & ~high
    middle = float(np.median(slope[free])) if free.any() else float(np.median(slope))
    surplus = slope - middle
    prices = np.where(high, np.maximum(surplus, 0), 0) + np.where(low, np.minimum(surplus, 0), 0)
    prices = np.where(bounds.lower[:] <= 0, np.maximum(prices, 0), prices)
    greatest = float(np.linalg.eigvalsh(matrix - np.diag(prices))[-1])
    worth = np.maximum(prices * bounds.upper, prices * bounds.lower)
    return max(0.0, greatest + float(worth.sum()) - there)
