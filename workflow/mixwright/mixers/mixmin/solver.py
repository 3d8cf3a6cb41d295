"""Weights of a mixture model by maximum likelihood over a box: f(w) = -sum_j a_j log sum_i w_i L_ji + tau KL(w || prior)."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import wrightomega

from mixwright.errors import MixwrightError
from mixwright.mixers.mixmin.ratios import Ratios, example_weights
from mixwright.mixture import Array
from mixwright.numerics.sqp import Pulled, Region, Solution, known_prior, minimise, pull_of
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import Groups

WARM_ROWS = 20_000  # examples that a cold start takes; then eight times as many, and so on: few steps remain for all of them
EM_STEPS = 20_000


def solve(
    loglikelihoods: NDArray[Any],
    weights: ArrayLike | None = None,
    *,
    tolerance: float = 1e-6,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    prior: ArrayLike | None = None,
    tau: float = 0.0,
    method: str = "sqp",
    groups: Groups = (),
) -> Solution:
    """Best mixture for (examples, domains) log-likelihoods, any float, example weights a (1/n); tolerance is relative to sum a.

    sqp: active-set Newton steps. em: expectation maximisation. published: 100 steps of exponentiated gradient. Each with its gap.
    """
    if method not in METHODS:
        raise MixwrightError(f"mixmin: method {method} is unknown; use {', '.join(METHODS)}")
    values = table(loglikelihoods, 2)
    a, region = (
        example_weights(weights, len(values)),
        Region.of(values.shape[1], lower, upper, groups),
    )
    if method == "em" and tau and groups:
        raise MixwrightError(
            "mixmin: em keeps no sums of groups under a pull to a prior; use method sqp, or tau 0"
        )
    free = region.free
    ratios = Ratios.of(values, a, None if len(free) == values.shape[1] else free)
    found = METHODS[method](
        ratios,
        Pulled(ratios, known_prior(prior, values.shape[1])[free], pull_of(tau)),
        region.only(free),
        tolerance,
    )
    return spread(found, free, values.shape[1])


def resolve(
    loglikelihoods: NDArray[Any],
    weights: Array,
    bounds: Bounds,
    prior: Array,
    tau: float,
    start: Array,
    tolerance: float = 1e-5,
) -> Array:
    """(draws, domains) best mixtures of the same examples for each row of `weights` (draws, examples); tau is relative to a row's sum."""
    region = Region.of(loglikelihoods.shape[1], *bounds.parts)
    free = region.free
    ratios = Ratios.of(loglikelihoods, weights[0], None if len(free) == len(start) else free)
    inside, found = region.only(free), np.zeros((len(weights), len(start)))
    known = known_prior(prior, len(start))[free]
    begin = inside.settle(np.maximum(start[free], 1e-6 / len(free)))
    for k, own in enumerate(weights):
        drawn = replace(ratios, importance=own, constant=0.0)
        pulled = Pulled(drawn, known, tau * float(own.sum()))
        found[k, free] = newton(drawn, pulled, inside, tolerance, begin).weights
    return found


def table(values: Any, dimensions: int) -> NDArray[Any]:
    """Floats as they come, a memory map among them; whole numbers as float64."""
    found = values if isinstance(values, np.ndarray) else np.asarray(values)
    found = found.astype(np.float64) if found.dtype.kind in "iub" else found
    if found.ndim != dimensions or found.dtype.kind != "f":
        raise MixwrightError(
            f"mixmin: {found.dtype} of shape {found.shape} is no table of {dimensions} dimensions of floats; reshape it"
        )
    return found


def spread(found: Solution, free: NDArray[np.int64], domains: int) -> Solution:
    """The same over all domains, those that may have no weight at 0."""
    weights = np.zeros(domains)
    weights[free] = found.weights
    return replace(found, weights=weights)


def newton(
    ratios: Ratios, pulled: Pulled, region: Region, tolerance: float, start: Array | None = None
) -> Solution:
    """By Newton steps, at a sum of example weights of 1."""
    total = float(ratios.importance.sum())
    scaled = replace(pulled, objective=ratios.unit(), tau=pulled.tau / total)
    found = minimise(
        scaled, region, _warm_start(scaled, region) if start is None else start, tolerance
    )
    return replace(found, objective=found.objective * total, gap=found.gap * total)


def _warm_start(pulled: Pulled, region: Region) -> Array:
    """Three steps of expectation maximisation, or the answer of a sample where the examples are many."""
    ratios: Any = pulled.objective
    n, m = len(ratios.importance), ratios.domains
    if n > 2 * WARM_ROWS:
        sample = ratios.sampled(max(WARM_ROWS, n // 8)).unit()
        small = replace(pulled, objective=sample)
        found = minimise(
            small, region, _warm_start(small, region), 0.1 * m / len(sample.importance)
        )
        return region.settle(np.maximum(found.weights, 1e-6 / m))
    w = region.scale(np.full(m, 1 / m))
    for _ in range(3):
        w = region.scale(np.maximum(-w * ratios.at(w).gradient, 1e-6 / m))
    return w


def _expectation_maximisation(
    ratios: Ratios, pulled: Pulled, region: Region, tolerance: float
) -> Solution:
    """w <- the mixture that best explains the shares of the examples that each domain accounts for (with tau: that, and the pull)."""
    total = float(ratios.importance.sum())
    w = region.scale(np.full(ratios.domains, 1 / ratios.domains))
    for iterations in range(EM_STEPS + 1):  # noqa: B007
        plain = ratios.at(w)
        point = pulled.at(w) if pulled.tau else plain
        gap = region.gap(point)
        if gap <= tolerance * total:
            break
        shares = np.maximum(-w * plain.gradient, 1e-300)
        w = _between(shares, pulled, region) if pulled.tau else region.scale(shares)
    return Solution(point.weights, point.value, gap, iterations, gap <= tolerance * total)


def _between(shares: Array, pulled: Pulled, region: Region) -> Array:
    """Minimiser of -shares.log w + tau KL(w || prior): w = shares / (tau omega(log(shares / (tau prior)) + c)), c by bisection."""
    base = np.log(shares / (pulled.tau * pulled.prior))
    low, high = -1e3, 1e3 + 2 * float(shares.sum()) / pulled.tau
    for _ in range(200):
        middle = (low + high) / 2
        w = np.clip(
            shares / (pulled.tau * np.maximum(wrightomega(base + middle), 1e-300)),
            region.lower,
            region.upper,
        )
        low, high = (middle, high) if w.sum() > 1 else (low, middle)
    return region.settle(w)


def _published(ratios: Ratios, pulled: Pulled, region: Region, tolerance: float) -> Solution:
    """As published (arXiv 2502.10510): from uniform, step 1, at most 100 steps, stop at max|gradient| < 1e-4; bounds only at the end."""
    w = np.full(ratios.domains, 1 / ratios.domains)
    iterations = 0
    for iterations in range(1, 101):  # noqa: B007
        gradient = pulled.at(w).gradient
        if np.abs(gradient).max() < 1e-4:
            break
        w = w * np.exp(gradient.min() - gradient)
        w /= w.sum()
    point = pulled.at(region.scale(w))
    gap = region.gap(point)
    return Solution(
        point.weights,
        point.value,
        gap,
        iterations,
        gap <= tolerance * float(ratios.importance.sum()),
    )


METHODS = {"sqp": newton, "published": _published, "em": _expectation_maximisation}
