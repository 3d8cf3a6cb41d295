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

from mixwright.mixers.starts import best_from
from mixwright.mixture import Array
from mixwright.numerics.allocation import Allocation
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import scale_into
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
    lower, upper, groups = bounds.parts

    def value(weights: Array) -> Array:
        losses = truth(weights)
        return losses @ importance

    concentration = np.full(domains, 0.5)
    drawn = sample(concentration, lower, upper, rng, DRAWN, groups)
    even = np.full(domains, 1 / domains)
    centre = scale_into(even, lower, upper, groups)
    count = MORE_STARTS
    if truth.convex:
        count = STARTS
    values = value(drawn)
    order = np.argsort(values)
    first = order[: count - 1]
    starts = [centre, *drawn[first]]
    if truth.gains is not None and not truth.convex:
        gains = truth.gains(importance, centre)
        allocation = Allocation.of(gains, bounds, STEPS)
        starts.append(allocation.mixture(bounds))
    best = best_from(value, bounds, starts)
    losses = value(best[None])
    loss = float(losses[0])
    missed = gap(truth, importance, bounds, best)
    return Optimum(best, loss, missed)


def gap(truth: Truth, importance: Array, bounds: Bounds, weights: Array) -> float:
    """Returns what a mixture (domains,) misses at most, nats/token; NaN where no bound is known."""
    if truth.pairs is not None:
        matrix = truth.pairs(importance, weights)
        return _gap_of_pairs(matrix, bounds, weights)
    if truth.gains is None:
        return float("nan")
    gains = truth.gains(importance, weights)
    gained = gains(weights)
    there = float(gained.sum())
    if truth.convex:
        bound = _least_bound(gains, bounds)
    else:
        allocation = Allocation.of(gains, bounds, STEPS)
        bound = allocation.most
    missed = bound - there
    return max(0.0, missed)


def _least_bound(gains: Gains, bounds: Bounds) -> float:
    """Returns the least bound that prices of the sum of all weights give; gains are concave."""
    least = bounds.lower
    most = bounds.upper
    low, high = _slopes(gains, least, most)
    bound = np.inf
    for _ in range(ZOOMS):
        prices = np.linspace(low, high, PRICES)
        greatest = _greatest(gains, prices, least, most)
        totals = prices + greatest
        place = int(totals.argmin())
        total = float(totals[place])
        bound = min(bound, total)
        before = max(0, place - 1)
        after = min(PRICES - 1, place + 1)
        low = prices[before]
        high = prices[after]
    return bound


def _slopes(gains: Gains, least: Array, most: Array) -> tuple[float, float]:
    """The range of prices that are tried: steepest fall and rise of a gain over a thousandth."""
    ends = np.linspace(least, most, 1_001)
    widths = np.diff(ends, axis=0)
    widths = np.maximum(widths, 1e-12)
    values = gains(ends)
    rises = np.diff(values, axis=0)
    slopes = rises / widths
    low = float(slopes.min())
    high = float(slopes.max())
    return low, high


def _greatest(gains: Gains, prices: Array, least: Array, most: Array) -> Array:
    """(prices,) sums over the domains of the greatest gain less its price; gains are concave.

    Each domain's interval of weights is narrowed by golden sections.
    """
    price = prices[:, None]
    number = len(prices)
    lowest = np.repeat(least[None], number, axis=0)
    highest = np.repeat(most[None], number, axis=0)
    golden = (np.sqrt(5) - 1) / 2

    def net(w: Array) -> Array:
        paid = price * w
        return gains(w) - paid

    low = lowest
    high = highest
    for _ in range(SECTIONS):
        section = golden * (high - low)
        left = high - section
        right = low + section
        at_left = net(left)
        at_right = net(right)
        rising = at_left < at_right
        low = np.where(rising, left, low)
        high = np.where(rising, high, right)
    middle = (low + high) / 2
    inside = net(middle)
    at_lowest = net(lowest)
    at_highest = net(highest)
    at_ends = np.maximum(at_lowest, at_highest)
    greatest = np.maximum(inside, at_ends)
    return greatest.sum(axis=1)


def _gap_of_pairs(matrix: Array, bounds: Bounds, weights: Array) -> float:
    """What a mixture misses at most where gains are sqrt(v)' M sqrt(v).

    For any prices of the domains' bounds the greatest eigenvalue of M less the prices, plus the
    prices' worth at the bounds, is more than any mixture inside gains.
    """
    positive = np.maximum(weights, 0)
    roots = np.sqrt(positive)
    there = float(roots @ matrix @ roots)
    growth = matrix @ roots
    slope = growth / np.maximum(roots, 1e-12)
    prices = _prices(slope, weights, bounds)
    priced = matrix - np.diag(prices)
    eigenvalues = np.linalg.eigvalsh(priced)
    greatest = float(eigenvalues[-1])
    at_upper = prices * bounds.upper
    at_lower = prices * bounds.lower
    worth = np.maximum(at_upper, at_lower)
    bound = greatest + float(worth.sum())
    missed = bound - there
    return max(0.0, missed)


def _prices(slope: Array, weights: Array, bounds: Bounds) -> Array:
    """Returns (domains,) prices of the bounds: by how much a slope differs from the free ones'."""
    low = weights <= bounds.lower + 1e-6
    high = weights >= bounds.upper - 1e-6
    free = ~low & ~high
    usual = slope
    if free.any():
        usual = slope[free]
    middle = float(np.median(usual))
    surplus = slope - middle
    above = np.maximum(surplus, 0)
    below = np.minimum(surplus, 0)
    of_upper = np.where(high, above, 0)
    of_lower = np.where(low, below, 0)
    prices = of_upper + of_lower
    # a lower bound of 0 has no price: none is negative there
    unpriced = bounds.lower <= 0
    positive = np.maximum(prices, 0)
    return np.where(unpriced, positive, prices)
