"""MixMin (arXiv 2502.10510) with two other objectives, solved and certified by the same steps.

Squared error, for classifiers and regressors, is a quadratic programme:

    f(w) = sum_j a_j | sum_i w_i p_ji - y_j |^2

The worst target is a maximum over targets t, each with its own examples:

    f(w) = max_t ( f_t(w) - reference_t ),  f_t(w) = -sum_j a_tj log( sum_i w_i L_tji )

    w_i    weight of domain i
    p_ji   prediction of domain i's proxy for example j, one number a class
    y_j    label of example j, a number or 1 for its class
    a_j    weight of example j
    L_tji  likelihood of target t's example j under the proxy of domain i

Both take the pull tau KL(w || prior) too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax

from mixwright.errors import MixwrightError
from mixwright.mixers.mixmin.ratios import CELLS, Ratios, example_weights
from mixwright.mixers.mixmin.solver import rescaled, spread, table
from mixwright.mixture import Array
from mixwright.numerics.sqp import (
    Objective,
    Point,
    Pulled,
    Region,
    Solution,
    known_prior,
    minimise,
    pull_of,
)
from mixwright.simplex.geometry import Groups


@dataclass(frozen=True)
class Quadratic:
    """f(w) = w'Hw / 2 - c.w + constant."""

    # (domains, domains) H
    curvature: Array
    # (domains,) c
    linear: Array
    constant: float

    def at(self, weights: Array, exact: bool = True) -> Point:
        """Returns f and its gradient at (domains,) weights."""
        product = self.curvature @ weights
        value = float(weights @ (product / 2 - self.linear)) + self.constant
        return Point(weights, value, product - self.linear)

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int = 0) -> Array:
        """Returns (active, active) curvature."""
        return self.curvature[np.ix_(active, active)].copy()


@dataclass(frozen=True)
class Worst:
    """A smooth stand-in for the greatest of several objectives: f(w) = s log sum_t exp(f_t(w) / s).

    It lies between the greatest f_t and s log(targets) above it. Its gradient is the mean of the
    targets' gradients by their shares, exp(f_t / s) / sum_u exp(f_u / s).
    """

    targets: tuple[Objective, ...]
    # s
    smoothing: float

    def at(self, weights: Array, exact: bool = True) -> Point:
        """Returns f and its gradient; the state is the targets' points and their shares."""
        points = [target.at(weights, exact) for target in self.targets]
        scaled = _values(points) / self.smoothing
        shares = softmax(scaled)
        gradients = np.stack([point.gradient for point in points])
        return Point(
            weights,
            value=self.smoothing * float(logsumexp(scaled)),
            gradient=shares @ gradients,
            state=(points, shares),
        )

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int = 0) -> Array:
        """Returns (active, active) curvature: the targets' mean, and how their gradients differ."""
        points, shares = point.state
        count = len(active)
        curvature = np.zeros((count, count))
        for target, part, share in zip(self.targets, points, shares, strict=True):
            curvature += share * target.hessian(part, active, effort)
        slopes = np.stack([part.gradient[active] for part in points])
        slopes = slopes - shares @ slopes
        unlikeness = (slopes.T * shares) @ slopes
        return np.asarray(curvature + unlikeness / self.smoothing)

    def excess(self, point: Point) -> float:
        """Returns the greatest f_t minus the mean of all f_t by their shares.

        Added to the gap of that mean it certifies the greatest.
        """
        points, shares = point.state
        values = _values(points)
        return float(values.max() - shares @ values)


def _values(points: Sequence[Point]) -> Array:
    return np.array([point.value for point in points])


def solve_squared(
    predictions: NDArray[Any],
    labels: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    tolerance: float = 1e-6,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    prior: ArrayLike | None = None,
    tau: float = 0.0,
    groups: Groups = (),
) -> Solution:
    """Minimises sum_j a_j |sum_i w_i p_ji - y_j|^2 + tau KL(w || prior).

    Args:
        predictions: (examples, domains) for one output, or (examples, classes, domains).
        labels: (examples,) numbers for one output, whole numbers from 0 on for classes; or
            (examples, classes).
        weights: (examples,) a_j; 1 / examples where None.
        tolerance: gap at which to stop, relative to sum_j a_j.
        lower, upper, prior, tau, groups: as in `solve`.

    Raises:
        MixwrightError: useless numbers, labels that do not fit, or bounds that no mixture fits.
    """
    values = np.asarray(predictions)
    if values.ndim == 2:
        values = values[:, None]
    values = table(values, 3)
    examples, classes, domains = values.shape
    a = example_weights(weights, examples)
    total = float(a.sum())
    region = Region.of(domains, lower, upper, groups)
    free = region.free
    truth = _one_hot(labels, examples, classes)
    quadratic = _quadratic(values, truth, a / a.sum(), free)
    known = known_prior(prior, domains)
    pulled = Pulled(quadratic, known[free], pull_of(tau) / total)
    inside = region.only(free)
    start = inside.scale(np.full(len(free), 1 / len(free)))
    solution = minimise(pulled, inside, start, tolerance)
    return spread(rescaled(solution, total), free, domains)


def solve_worst(
    loglikelihoods: Sequence[NDArray[Any]],
    weights: Sequence[ArrayLike | None] | None = None,
    *,
    reference: ArrayLike | None = None,
    tolerance: float = 1e-6,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    prior: ArrayLike | None = None,
    tau: float = 0.0,
    groups: Groups = (),
) -> Solution:
    """Minimises max_t (f_t(w) - reference_t) + tau KL(w || prior).

    With the targets' losses at natural as reference it finds the mixture whose least gain over
    natural is greatest. Smoothed maxima sharpen until the gap of the maximum itself closes.

    Args:
        loglikelihoods: of each target (examples, domains) nats.
        weights: of each target (examples,) a_tj; 1 / examples where None.
        reference: (targets,) reference_t; 0 where None.
        tolerance: gap at which to stop, relative to the greatest of the targets' sum_j a_tj.
        lower, upper, prior, tau, groups: as in `solve`.

    Raises:
        MixwrightError: useless numbers, tables that do not fit each other, or bounds that no
            mixture fits.
    """
    values, importance = _tables(loglikelihoods, weights)
    domains = values[0].shape[1]
    region = Region.of(domains, lower, upper, groups)
    free = region.free
    total = max(float(a.sum()) for a in importance)
    columns = None if len(free) == domains else free
    targets = []
    offsets = _offsets(reference, len(values))
    for block, a, offset in zip(values, importance, offsets, strict=True):
        ratios = Ratios.of(block, a / total, columns)
        constant = ratios.constant - offset / total
        targets.append(replace(ratios, constant=constant))
    known = known_prior(prior, domains)
    pulled = partial(Pulled, prior=known[free], tau=pull_of(tau) / total)
    solution = _sharpened(tuple(targets), pulled, region.only(free), tolerance)
    return spread(rescaled(solution, total), free, domains)


def _tables(
    loglikelihoods: Sequence[NDArray[Any]], weights: Sequence[ArrayLike | None] | None
) -> tuple[list[NDArray[Any]], list[Array]]:
    """The targets' tables and their example weights, checked."""
    if not len(loglikelihoods):
        raise MixwrightError("mixmin: no target; give the log-likelihoods of one or more")
    values = [table(block, dimensions=2) for block in loglikelihoods]
    if weights is None:
        weights = [None] * len(values)
    domains = {block.shape[1] for block in values}
    if len(domains) > 1 or len(weights) != len(values):
        raise MixwrightError(
            "mixmin: every target has a table of the same domains and its own example weights;"
            " correct them"
        )
    importance = []
    for block, a in zip(values, weights, strict=True):
        importance.append(example_weights(a, len(block)))
    return values, importance


def _offsets(reference: ArrayLike | None, targets: int) -> list[float]:
    """One number to subtract from each target's objective."""
    if reference is None:
        return [0.0] * targets
    offsets = np.asarray(reference, dtype=np.float64)
    if offsets.shape != (targets,) or not np.isfinite(offsets).all():
        raise MixwrightError(
            f"mixmin: the reference is one finite number for each of the {targets} targets;"
            " correct it"
        )
    return offsets.tolist()


def _sharpened(
    targets: tuple[Ratios, ...], pulled: Any, region: Region, tolerance: float
) -> Solution:
    """Minimises the greatest target. The answer at one smoothing starts the next, a fifth of it."""
    domains = targets[0].domains
    w = region.scale(np.full(domains, 1 / domains))
    steps = 0
    # At this smoothing the stand-in is within half the tolerance of the greatest target.
    finest = tolerance / (2 * np.log(max(2, len(targets))))
    smoothing = max(0.1, finest)
    while True:
        worst = Worst(targets, smoothing)
        rough = max(tolerance / 2, 0.1 * smoothing)
        solution = minimise(pulled(worst), region, w, rough)
        w = solution.weights
        steps += solution.iterations
        if smoothing <= finest:
            break
        smoothing = max(smoothing / 5, finest)
    point = worst.at(w)
    gap = solution.gap + worst.excess(point)
    # The pull stays, the greatest target takes the place of its stand-in.
    points, _ = point.state
    greatest = max(part.value for part in points)
    return Solution(
        weights=w,
        objective=solution.objective - point.value + greatest,
        gap=gap,
        iterations=steps,
        converged=gap <= tolerance,
    )


def _quadratic(
    values: NDArray[Any], labels: Array, importance: Array, free: NDArray[np.int64]
) -> Quadratic:
    """The objective's coefficients, accumulated in blocks of examples.

    Args:
        values: (examples, classes, domains) predictions.
        labels: (examples, classes).
        importance: (examples,) a_j.
        free: domains that may have weight.
    """
    domains = len(free)
    examples, classes, _ = values.shape
    size = max(1, CELLS // (domains * classes))
    curvature = np.zeros((domains, domains))
    linear = np.zeros(domains)
    constant = 0.0
    for start in range(0, examples, size):
        rows = slice(start, start + size)
        block = values[rows][:, :, free]
        block = np.asarray(block, dtype=np.float64).reshape(-1, domains)
        finite = np.isfinite(block).all(axis=1)
        if not finite.all():
            example = start + int(finite.argmin()) // classes
            raise MixwrightError(
                f"mixmin: example {example} has a prediction that is not finite; score it again"
            )
        a = np.repeat(importance[rows], classes)
        y = labels[rows].reshape(-1)
        curvature += 2 * (block.T * a) @ block
        linear += 2 * (a * y) @ block
        constant += float(a @ y**2)
    return Quadratic(curvature, linear, constant)


def _one_hot(labels: ArrayLike, examples: int, classes: int) -> Array:
    """(examples, classes): for one output the numbers as they are, for classes 1 for the class."""
    array = np.asarray(labels)
    if array.shape == (examples, classes):
        return array.astype(np.float64)
    if array.shape != (examples,):
        raise MixwrightError(
            f"mixmin: labels of shape {array.shape} do not fit {examples} examples;"
            " give one an example"
        )
    if classes == 1:
        return array.astype(np.float64)[:, None]
    if array.dtype.kind not in "iu" or array.min() < 0 or array.max() >= classes:
        raise MixwrightError(
            f"mixmin: labels are whole numbers from 0 to {classes - 1}; number the classes so"
        )
    return np.eye(classes)[array]
