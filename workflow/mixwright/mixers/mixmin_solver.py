"""Weights of a mixture model by maximum likelihood over a box: f(w) = -sum_j a_j log sum_i w_i L_ji + tau KL(w || prior)."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixers.quadratic import quadratic_step
from mixwright.mixture import Array
from mixwright.simplex import check_box, minimise_linear, scale_into, settle

WARM_ROWS = 20_000  # a random sample this large brings the start near enough for one or two full steps
BLOCK = 65_536  # rows of the Hessian accumulated at once
SHRINK = 0.01  # a step takes no weight below this share of itself: rows of long examples overflow at an early exact zero


@dataclass(frozen=True)
class Solution:
    """Weights on the simplex, the objective there, and `gap`, which bounds its distance from the minimum."""

    weights: Array
    objective: float
    gap: float
    iterations: int
    converged: bool


@dataclass(frozen=True)
class Problem:
    """The problem, made ready: rows scaled by their maximum so that the largest likelihood of each is 1."""

    ratios: Array  # (examples, domains) exp(loglikelihood - row maximum)
    importance: Array  # (examples,) a_j
    constant: float  # -sum a_j maximum_j
    prior: Array
    tau: float
    lower: Array
    upper: Array

    def value(self, w: Array, mixed: Array | None = None) -> float:
        mixed = self.ratios @ w if mixed is None else mixed
        fit = self.constant - float(self.importance @ np.log(np.maximum(mixed, 1e-300)))
        return fit + self.tau * float((w * np.log(np.maximum(w, 1e-300) / self.prior)).sum()) if self.tau else float(fit)

    def gradient(self, w: Array, mixed: Array) -> Array:
        gradient = -((self.importance / np.maximum(mixed, 1e-300)) @ self.ratios)
        return gradient + self.tau * (np.log(np.maximum(w, 1e-300) / self.prior) + 1) if self.tau else gradient

    def gap(self, w: Array, gradient: Array) -> float:
        """max over feasible s of <gradient, w - s>, by filling the cheapest domains first; bounds f(w) - min f by convexity."""
        return max(0.0, float(gradient @ (w - minimise_linear(gradient, self.lower, self.upper))))

    def hessian(self, w: Array, mixed: Array, active: NDArray[np.int64]) -> Array:
        """On the active domains, accumulated in row blocks."""
        curvature = np.diag(self.tau / w[active]) if self.tau else np.zeros((len(active), len(active)))
        for start in range(0, len(mixed), BLOCK):
            rows = slice(start, start + BLOCK)
            scaled = self.ratios[rows][:, active] * (np.sqrt(self.importance[rows]) / mixed[rows])[:, None]
            curvature += scaled.T @ scaled
        return curvature


def solve(
    loglikelihoods: Array,
    weights: Array | None = None,
    *,
    tolerance: float = 1e-6,
    lower: Array | None = None,
    upper: Array | None = None,
    prior: Array | None = None,
    tau: float = 0.0,
    method: str = "sqp",
) -> Solution:
    """Best mixture for (examples, domains) log-likelihoods with example weights a (default 1/n); tolerance is relative to sum a."""
    if method not in ("sqp", "published"):
        raise MixwrightError(f"mixmin: method {method} is unknown; use sqp or published")
    asked = prepare(loglikelihoods, weights, lower, upper, prior, tau)
    total = float(asked.importance.sum())
    if method == "published":
        return _exponentiated_gradient(asked, tolerance * total)
    # long examples make the sum tiny: solved at a sum of 1, where rounding and tolerances mean something
    problem = replace(asked, importance=asked.importance / total, constant=asked.constant / total, tau=tau / total)
    found = _sequential_quadratic(problem, tolerance, _warm_start(problem))
    return replace(found, objective=found.objective * total, gap=found.gap * total)


def prepare(
    loglikelihoods: Array, weights: Array | None, lower: Array | None, upper: Array | None, prior: Array | None, tau: float
) -> Problem:
    """Checks the numbers and scales the rows."""
    values = np.asarray(loglikelihoods, dtype=np.float64)
    n, m = values.shape
    if n == 0:
        raise MixwrightError("mixmin: no examples; raise evaluation.examples")
    if np.isnan(values).any():
        raise MixwrightError(f"mixmin: example {int(np.isnan(values).any(axis=1).argmax())} has a log-likelihood of NaN; score it again")
    top = values.max(axis=1)
    if not np.isfinite(top).all():
        raise MixwrightError(f"mixmin: no proxy gives example {int((~np.isfinite(top)).argmax())} any likelihood; drop the example")
    importance = np.full(n, 1 / n) if weights is None else np.asarray(weights, dtype=np.float64)
    low = np.zeros(m) if lower is None else np.asarray(lower, dtype=np.float64)
    high = np.ones(m) if upper is None else np.minimum(np.asarray(upper, dtype=np.float64), 1.0)
    check_box(low, high)
    known = np.full(m, 1 / m) if prior is None else np.maximum(np.asarray(prior, dtype=np.float64), 1e-12)
    return Problem(np.exp(values - top[:, None]), importance, -float(importance @ top), known / known.sum(), tau, low, high)


def _warm_start(problem: Problem) -> Array:
    """Three steps of expectation maximisation, or the answer of a random sample where the examples are many."""
    n, m = problem.ratios.shape
    middle = scale_into(np.full(m, 1 / m), problem.lower, problem.upper)
    if n > 2 * WARM_ROWS:
        rows = np.random.default_rng(0).choice(n, WARM_ROWS, replace=False)
        share = problem.importance.sum() / problem.importance[rows].sum()
        small = Problem(
            problem.ratios[rows], problem.importance[rows] * share, 0.0, problem.prior, problem.tau, problem.lower, problem.upper
        )
        found = _sequential_quadratic(small, 1e-5, _warm_start(small), snap=False).weights
        return settle(np.maximum(found, 1e-6 / m), problem.lower, problem.upper)
    for _ in range(3):
        pull = (problem.importance / (problem.ratios @ middle)) @ problem.ratios
        middle = scale_into(np.maximum(middle * pull / problem.importance.sum(), 1e-6 / m), problem.lower, problem.upper)
    return middle


def _sequential_quadratic(problem: Problem, tolerance: float, w: Array, snap: bool = True, most: int = 200) -> Solution:
    """Newton steps on the likely domains, each a small quadratic programme, until the gap closes (mixsqp, arXiv 1806.01412)."""
    mixed = problem.ratios @ w
    value = problem.value(w, mixed)
    iterations = 0
    while True:
        gradient = problem.gradient(w, mixed)
        gap = problem.gap(w, gradient)
        if gap <= tolerance or iterations == most:
            break
        iterations += 1
        step = _newton_step(problem, w, mixed, gradient, tolerance)
        change, length = problem.ratios @ step, 1.0
        while length > 1e-12:
            trial = problem.value(w + length * step, mixed + length * change)
            if trial <= value + 1e-2 * length * float(gradient @ step):
                break
            length /= 2
        else:
            break
        w = settle(w + length * step, problem.lower, problem.upper)
        mixed = problem.ratios @ w
        value = problem.value(w, mixed)
    return _finish(problem, w, gap, tolerance, iterations, snap)


def _newton_step(problem: Problem, w: Array, mixed: Array, gradient: Array, tolerance: float) -> Array:
    """Minimises the quadratic model over the active domains within the box; the others stay, among them those with a cap of 0."""
    m = len(w)
    active = np.flatnonzero(problem.upper > 0)  # at a weight of 0 the pull's curvature is infinite
    if m > 32:
        likely = np.zeros(m, dtype=bool)
        likely[np.argsort(gradient)[: max(8, m // 8)]] = True
        keeps_gap = (w - problem.lower) * (gradient - gradient.min()) > tolerance / (2 * m)  # dust that would hold the gap open
        active = np.flatnonzero((problem.upper > 0) & (likely | keeps_gap | (w > problem.lower + 1e-4 / m) | (w >= problem.upper)))
    curvature = problem.hessian(w, mixed, active)
    curvature[np.diag_indices(len(active))] += 1e-10 * max(np.trace(curvature) / len(active), 1e-300)
    low = np.maximum(problem.lower, SHRINK * w)[active] - w[active]
    step = np.zeros(m)
    step[active] = quadratic_step(curvature, gradient[active], np.minimum(low, 0.0), np.maximum(problem.upper[active] - w[active], 0.0))
    return step


def _finish(problem: Problem, w: Array, gap: float, tolerance: float, iterations: int, snap: bool) -> Solution:
    """Sets dust to its floor where the certificate still holds."""
    dust = w < problem.lower + 1e-6
    if snap and not problem.tau and dust.any() and not dust.all():
        clean = settle(np.where(dust, problem.lower, w), problem.lower, problem.upper)
        mixed = problem.ratios @ clean
        if mixed.min() > 1e-200 and (clean_gap := problem.gap(clean, problem.gradient(clean, mixed))) <= max(gap, tolerance):
            w, gap = clean, clean_gap
    return Solution(w, problem.value(w), gap, iterations, gap <= tolerance)


def _exponentiated_gradient(problem: Problem, tolerance: float) -> Solution:
    """As published (arXiv 2502.10510): from uniform, step 1, at most 100 steps, stop at max|gradient| < 1e-4; bounds only at the end."""
    m = len(problem.lower)
    w = np.full(m, 1 / m)
    iterations = 0
    for iterations in range(1, 101):  # noqa: B007
        gradient = problem.gradient(w, problem.ratios @ w)
        if np.abs(gradient).max() < 1e-4:
            break
        w = w * np.exp(gradient.min() - gradient)
        w /= w.sum()
    w = scale_into(w, problem.lower, problem.upper)
    return _finish(problem, w, problem.gap(w, problem.gradient(w, problem.ratios @ w)), tolerance, iterations, snap=False)
