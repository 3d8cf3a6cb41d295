"""MixMin's problem (arXiv 2502.10510): weights of a mixture model by maximum likelihood.

    minimise  f(w) = -sum_j a_j log( sum_i w_i L_ji ) + tau KL(w || p)
    over      sum_i w_i = 1,  lower_i <= w_i <= upper_i,  and bounds on sums of groups of domains

    w_i   weight of domain i
    L_ji  likelihood of example j under the proxy of domain i
    a_j   weight of example j; with a_j = 1 / (examples * tokens of j) f is in nats/token
    p     prior mixture, and tau >= 0 the strength of the pull to it; KL(w || p) = sum w log(w / p)

f is convex. Every answer comes with its gap, which bounds f(w) - min f:

    gap(w) = max over feasible s of <grad f(w), w - s>
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import wrightomega

from mixwright.errors import MixwrightError
from mixwright.mixers.mixmin.ratios import Ratios, example_weights
from mixwright.mixture import Array
from mixwright.numerics.sqp import Point, Pulled, Region, Solution, known_prior, minimise, pull_of
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import Groups

# Examples of a cold start's first sample. The next sample is eight times as large, and so on, so
# that few steps are left for all examples.
WARM_ROWS = 20_000
# Steps of expectation maximisation at most.
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
    """Minimises f over the mixtures inside the bounds.

    Args:
        loglikelihoods: (examples, domains) log L_ji in nats, of any floating type.
        weights: (examples,) a_j; 1 / examples where None.
        tolerance: gap at which to stop, relative to sum_j a_j.
        lower, upper: (domains,) or one number for all; 0 and 1 where None.
        prior: (domains,) p; uniform where None.
        tau: strength of the pull to the prior, in the unit of f.
        method: sqp (active-set Newton steps), em (expectation maximisation) or published (100
            steps of exponentiated gradient, as in the paper).
        groups: bounds on sums of domains.

    Raises:
        MixwrightError: useless numbers, an unknown method, or bounds that no mixture fits.
    """
    if method not in METHODS:
        names = ", ".join(METHODS)
        raise MixwrightError(f"mixmin: method {method} is unknown; use {names}")
    values = table(loglikelihoods, 2)
    examples, domains = values.shape
    importance = example_weights(weights, examples)
    region = Region.of(domains, lower, upper, groups)
    if method == "em" and tau and groups:
        raise MixwrightError(
            "mixmin: em keeps no sums of groups under a pull to a prior; use method sqp, or tau 0"
        )
    free = region.free
    ratios = _ratios(values, importance, free)
    known = known_prior(prior, domains)
    pulled = Pulled(ratios, known[free], pull_of(tau))
    solution = METHODS[method](ratios, pulled, region.only(free), tolerance)
    return spread(solution, free, domains)


def resolve(
    loglikelihoods: NDArray[Any],
    weights: Array,
    bounds: Bounds,
    prior: Array,
    tau: float,
    start: Array,
    tolerance: float = 1e-5,
) -> Array:
    """Minimises f again and again: the same examples under other example weights.

    Args:
        loglikelihoods: (examples, domains) nats.
        weights: (draws, examples) a_j of each draw.
        bounds: bounds of the mixture.
        prior: (domains,) p.
        tau: strength of the pull to the prior, relative to the draw's sum_j a_j.
        start: (domains,) mixture near the answers.
        tolerance: gap at which to stop, relative to the draw's sum_j a_j.

    Returns:
        (draws, domains) the best mixture of each draw.
    """
    domains = len(start)
    region = Region.of(loglikelihoods.shape[1], *bounds.parts)
    free = region.free
    ratios = _ratios(loglikelihoods, weights[0], free)
    inside = region.only(free)
    known = known_prior(prior, domains)[free]
    begin = inside.settle(np.maximum(start[free], 1e-6 / len(free)))
    mixtures = np.zeros((len(weights), domains))
    for draw, importance in enumerate(weights):
        drawn = replace(ratios, importance=importance, constant=0.0)
        pulled = Pulled(drawn, known, tau * float(importance.sum()))
        solution = newton(drawn, pulled, inside, tolerance, begin)
        mixtures[draw, free] = solution.weights
    return mixtures


def table(values: Any, dimensions: int) -> NDArray[Any]:
    """Returns `values` as an array of floats of so many dimensions.

    Floats stay as they are, a memory map among them. Whole numbers become float64.

    Raises:
        MixwrightError: other content or another number of dimensions.
    """
    array = np.asanyarray(values)
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    if array.ndim != dimensions or array.dtype.kind != "f":
        raise MixwrightError(
            f"mixmin: {array.dtype} of shape {array.shape} is no table of {dimensions} dimensions"
            " of floats; reshape it"
        )
    return array


def spread(solution: Solution, free: NDArray[np.int64], domains: int) -> Solution:
    """Returns a solution over all domains: those that are not `free` have weight 0."""
    weights = np.zeros(domains)
    weights[free] = solution.weights
    return replace(solution, weights=weights)


def rescaled(solution: Solution, total: float) -> Solution:
    """Returns the solution of a problem whose example weights were divided by `total`."""
    objective = solution.objective * total
    return replace(solution, objective=objective, gap=solution.gap * total)


def _ratios(loglikelihoods: NDArray[Any], importance: Array, free: NDArray[np.int64]) -> Ratios:
    """The objective over the `free` domains; no columns are copied where that is all of them."""
    if len(free) == loglikelihoods.shape[1]:
        return Ratios.of(loglikelihoods, importance)
    return Ratios.of(loglikelihoods, importance, free)


def newton(
    ratios: Ratios, pulled: Pulled, region: Region, tolerance: float, start: Array | None = None
) -> Solution:
    """Minimises f by Newton steps, with example weights scaled to a sum of 1 meanwhile."""
    total = float(ratios.importance.sum())
    scaled = replace(pulled, objective=ratios.unit(), tau=pulled.tau / total)
    if start is None:
        start = _warm_start(scaled, region)
    solution = minimise(scaled, region, start, tolerance)
    return rescaled(solution, total)


def _warm_start(pulled: Pulled, region: Region) -> Array:
    """A mixture to start from.

    Many examples: the answer of a sample of them. Few: three steps of expectation maximisation.
    """
    ratios: Any = pulled.objective
    examples = len(ratios.importance)
    domains = ratios.domains
    floor = 1e-6 / domains
    if examples <= 2 * WARM_ROWS:
        w = region.scale(np.full(domains, 1 / domains))
        for _ in range(3):
            shares = -w * ratios.at(w).gradient
            w = region.scale(np.maximum(shares, floor))
        return w
    rows = max(WARM_ROWS, examples // 8)
    sample = ratios.sampled(rows).unit()
    small = replace(pulled, objective=sample)
    start = _warm_start(small, region)
    tolerance = 0.1 * domains / len(sample.importance)
    solution = minimise(small, region, start, tolerance)
    w = np.maximum(solution.weights, floor)
    return region.settle(w)


def _expectation_maximisation(
    ratios: Ratios, pulled: Pulled, region: Region, tolerance: float
) -> Solution:
    """Minimises f by expectation maximisation.

    The shares of a step are what each domain accounts for of the examples:
    s_i = w_i sum_j a_j L_ji / sum_l w_l L_jl. The next w is the best mixture for these shares.
    """
    limit = tolerance * float(ratios.importance.sum())
    w = region.scale(np.full(ratios.domains, 1 / ratios.domains))
    for iterations in range(EM_STEPS + 1):  # noqa: B007
        plain = ratios.at(w)
        point = pulled.at(w) if pulled.tau else plain
        gap = region.gap(point)
        if gap <= limit:
            break
        shares = np.maximum(-w * plain.gradient, 1e-300)
        w = _pulled_shares(shares, pulled, region) if pulled.tau else region.scale(shares)
    return _certified(point, gap, iterations, limit)


def _pulled_shares(shares: Array, pulled: Pulled, region: Region) -> Array:
    """Minimises -sum_i s_i log w_i + tau KL(w || p) inside the bounds, s being `shares`.

    w_i = s_i / (tau omega(log(s_i / (tau p_i)) + c)), omega being Wright's function: the w that
    solves omega + log omega = its argument. Bisection finds the c at which w sums to 1.
    """
    base = np.log(shares / (pulled.tau * pulled.prior))
    low = -1e3
    high = 1e3 + 2 * float(shares.sum()) / pulled.tau
    for _ in range(200):
        middle = (low + high) / 2
        omega = np.maximum(wrightomega(base + middle), 1e-300)
        w = shares / (pulled.tau * omega)
        w = np.clip(w, region.lower, region.upper)
        if w.sum() > 1:
            low = middle
        else:
            high = middle
    return region.settle(w)


def _published(ratios: Ratios, pulled: Pulled, region: Region, tolerance: float) -> Solution:
    """Runs the paper's own solver: w_i <- w_i exp(-grad_i), renormalised, from uniform.

    At most 100 steps, stop at max_i |grad_i| < 1e-4. The bounds count only at the end.
    """
    limit = tolerance * float(ratios.importance.sum())
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
    return _certified(point, gap, iterations, limit)


def _certified(point: Point, gap: float, iterations: int, limit: float) -> Solution:
    """The solution at a point; it converged where the gap is within the limit."""
    return Solution(
        weights=point.weights,
        objective=point.value,
        gap=gap,
        iterations=iterations,
        converged=gap <= limit,
    )


METHODS: dict[str, Callable[[Ratios, Pulled, Region, float], Solution]] = {
    "sqp": newton,
    "published": _published,
    "em": _expectation_maximisation,
}
