"""MixMin with other objectives, solved and certified by the same steps: squared error of mixed probabilities, and the worst target."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax

from mixwright.errors import MixwrightError
from mixwright.mixers.mixmin.ratios import CELLS, Ratios, example_weights
from mixwright.mixers.mixmin.solver import spread, table
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
    """w'Hw / 2 - c.w + constant."""

    curvature: Array
    linear: Array
    constant: float

    def at(self, weights: Array, exact: bool = True) -> Point:
        bent = self.curvature @ weights
        return Point(
            weights, float(weights @ (bent / 2 - self.linear)) + self.constant, bent - self.linear
        )

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int = 0) -> Array:
        return self.curvature[np.ix_(active, active)].copy()


@dataclass(frozen=True)
class Worst:
    """s log sum_t exp(f_t / s), which is at most s log(targets) above the greatest f_t."""

    targets: tuple[Objective, ...]
    smoothing: float

    def at(self, weights: Array, exact: bool = True) -> Point:
        points = [target.at(weights, exact) for target in self.targets]
        scaled = np.array([point.value for point in points]) / self.smoothing
        share = softmax(scaled)
        gradient = share @ np.stack([point.gradient for point in points])
        return Point(weights, self.smoothing * float(logsumexp(scaled)), gradient, (points, share))

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int = 0) -> Array:
        points, share = point.state
        slopes = np.stack([each.gradient[active] for each in points])
        slopes = slopes - share @ slopes
        bent = sum(
            s * target.hessian(each, active, effort)
            for target, each, s in zip(self.targets, points, share, strict=True)
        )
        return np.asarray(bent + (slopes.T * share) @ slopes / self.smoothing)

    def excess(self, point: Point) -> float:
        """Greatest f_t minus the shares' mean of them: added to the gap of that mean it certifies the greatest."""
        points, share = point.state
        values = np.array([each.value for each in points])
        return float(values.max() - share @ values)


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
    """Least sum_j a_j |sum_i w_i p_ji - y_j|^2 + tau KL(w || prior): the quadratic programme of arXiv 2502.10510 for squared error.

    `predictions` are (examples, domains), or (examples, classes, domains) with whole-number classes as labels.
    """
    values = np.asarray(predictions)
    values = table(values[:, None] if values.ndim == 2 else values, 3)
    n, classes, m = values.shape
    a, region = example_weights(weights, n), Region.of(m, lower, upper, groups)
    quadratic, free = (
        _quadratic(values, _one_hot(labels, n, classes), a / a.sum(), region.free),
        region.free,
    )
    total = float(a.sum())
    pulled, inside = (
        Pulled(quadratic, known_prior(prior, m)[free], pull_of(tau) / total),
        region.only(free),
    )
    found = minimise(pulled, inside, inside.scale(np.full(len(free), 1 / len(free))), tolerance)
    return spread(replace(found, objective=found.objective * total, gap=found.gap * total), free, m)


def solve_worst(
    loglikelihoods: Sequence[NDArray[Any]],
    weights: Sequence[ArrayLike] | None = None,
    *,
    reference: ArrayLike | None = None,
    tolerance: float = 1e-6,
    lower: ArrayLike | None = None,
    upper: ArrayLike | None = None,
    prior: ArrayLike | None = None,
    tau: float = 0.0,
    groups: Groups = (),
) -> Solution:
    """Least max_t (f_t(w) - reference_t) + tau KL(w || prior), f_t of each target's (examples, domains) and example weights.

    With the targets' losses at natural as reference it is the mixture whose least gain is greatest. Smoothed maxima sharpen until the
    gap of the maximum itself closes; tolerance is relative to the greatest of the targets' sums of example weights.
    """
    if not len(loglikelihoods):
        raise MixwrightError("mixmin: no target; give the log-likelihoods of one or more")
    values = [table(block, 2) for block in loglikelihoods]
    m = values[0].shape[1]
    given = [None] * len(values) if weights is None else list(weights)
    if any(block.shape[1] != m for block in values) or len(given) != len(values):
        raise MixwrightError(
            "mixmin: every target has a table of the same domains and its own example weights; correct them"
        )
    a = [example_weights(own, len(block)) for block, own in zip(values, given, strict=True)]
    region, total = Region.of(m, lower, upper, groups), max(float(own.sum()) for own in a)
    free, offsets = (
        region.free,
        np.zeros(len(values)) if reference is None else np.asarray(reference, dtype=np.float64),
    )
    if offsets.shape != (len(values),) or not np.isfinite(offsets).all():
        raise MixwrightError(
            f"mixmin: the reference is one finite number for each of the {len(values)} targets; correct it"
        )
    ratios = [
        Ratios.of(block, own / total, None if len(free) == m else free)
        for block, own in zip(values, a, strict=True)
    ]
    targets = tuple(
        replace(r, constant=r.constant - offset / total)
        for r, offset in zip(ratios, offsets.tolist(), strict=True)
    )
    found = _sharpened(
        targets,
        partial(Pulled, prior=known_prior(prior, m)[free], tau=pull_of(tau) / total),
        region.only(free),
        tolerance,
    )
    return spread(replace(found, objective=found.objective * total, gap=found.gap * total), free, m)


def _sharpened(
    targets: tuple[Ratios, ...], pulled: Any, region: Region, tolerance: float
) -> Solution:
    """Each smoothing's answer starts the next, a fifth as smooth."""
    w, steps = region.scale(np.full(targets[0].domains, 1 / targets[0].domains)), 0
    least = tolerance / (2 * np.log(max(2, len(targets))))
    smoothing = max(0.1, least)
    while True:
        worst = Worst(targets, smoothing)
        objective = pulled(worst)
        found = minimise(objective, region, w, max(tolerance / 2, 0.1 * smoothing))
        w, steps = found.weights, steps + found.iterations
        if smoothing <= least:
            break
        smoothing = max(smoothing / 5, least)
    point = worst.at(w)
    gap = found.gap + worst.excess(point)
    value = found.objective - point.value + max(each.value for each in point.state[0])
    return Solution(w, value, gap, steps, gap <= tolerance)


def _quadratic(
    values: NDArray[Any], labels: Array, importance: Array, free: NDArray[np.int64]
) -> Quadratic:
    """The objective's coefficients, accumulated in blocks of examples."""
    m = len(free)
    curvature, linear, constant, size = (
        np.zeros((m, m)),
        np.zeros(m),
        0.0,
        max(1, CELLS // (m * values.shape[1])),
    )
    for start in range(0, len(values), size):
        rows = slice(start, start + size)
        block = np.asarray(values[rows][:, :, free], dtype=np.float64).reshape(-1, m)
        if not np.isfinite(block).all():
            row = start + int((~np.isfinite(block)).any(axis=1).argmax()) // values.shape[1]
            raise MixwrightError(
                f"mixmin: example {row} has a prediction that is not finite; score it again"
            )
        a, y = np.repeat(importance[rows], values.shape[1]), labels[rows].reshape(-1)
        curvature += 2 * (block.T * a) @ block
        linear += 2 * (a * y) @ block
        constant += float(a @ y**2)
    return Quadratic(curvature, linear, constant)


def _one_hot(labels: ArrayLike, examples: int, classes: int) -> Array:
    """(examples, classes): numbers as they are for one output, classes as rows of an identity."""
    found = np.asarray(labels)
    if found.shape == (examples, classes):
        return found.astype(np.float64)
    if found.shape != (examples,):
        raise MixwrightError(
            f"mixmin: labels of shape {found.shape} do not fit {examples} examples; give one an example"
        )
    if classes == 1:
        return found.astype(np.float64)[:, None]
    if found.dtype.kind not in "iu" or found.min() < 0 or found.max() >= classes:
        raise MixwrightError(
            f"mixmin: labels are whole numbers from 0 to {classes - 1}; number the classes so"
        )
    return np.eye(classes)[found]
