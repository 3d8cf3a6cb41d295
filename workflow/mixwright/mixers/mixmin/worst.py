"""MixMin (arXiv 2502.10510) for the worst target: solved and certified by the same steps.

Each target t has its own examples, and the greatest loss is minimised:

    f(w) = max_t ( f_t(w) - reference_t ) + tau KL(w || prior)
    f_t(w) = -sum_j a_tj log( sum_i w_i L_tji )

    w_i          weight of domain i
    a_tj         weight of target t's example j
    L_tji        likelihood of target t's example j under the proxy of domain i
    reference_t  what target t's loss is compared with
    tau          strength of the pull to the prior

The mixer's reference is each target's loss at natural: the least gain over natural is maximised.
Without it the target that is hardest to predict would decide alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp, softmax

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.mixmin.examples import GoalExamples
from mixwright.mixers.mixmin.ratios import Ratios, example_weights
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


def solve_examples(
    examples: GoalExamples,
    goal: Goal,
    tau: float,
    tolerance: float,
) -> Solution:
    """Minimises the greatest of the targets' excesses over their losses at natural.

    Args:
        examples: of the targets, each with weights a_tj of its own.
        goal: its bounds and its natural mixture.
        tau: strength of the pull to natural, in the unit of the losses.
        tolerance: as in `solve_worst`.

    Raises:
        MixwrightError: as `solve_worst`.
    """
    blocks = []
    weights = []
    reference = []
    for rows in examples.by_target().values():
        part = examples.only(rows)
        at_natural = part.losses(goal.natural[None])
        blocks.append(part.values)
        weights.append(part.importance)
        reference.append(float(at_natural[0]))
    return solve_worst(
        blocks,
        weights,
        reference=reference,
        tolerance=tolerance,
        lower=goal.bounds.lower,
        upper=goal.bounds.upper,
        prior=goal.natural,
        tau=tau,
        groups=goal.bounds.groups,
    )


def greatest_total(examples: GoalExamples) -> float:
    """Returns the greatest of the targets' sums of example weights."""
    totals = []
    for rows in examples.by_target().values():
        totals.append(float(examples.importance[rows].sum()))
    return max(totals)


def least_gain(examples: GoalExamples, gains: Array) -> float:
    """Returns the least of the targets' sums of (examples,) gains."""
    sums = []
    for rows in examples.by_target().values():
        sums.append(float(gains[rows].sum()))
    return min(sums)


def worst_note(
    examples: GoalExamples,
    gains: Array,
    targets: Sequence[str],
    tau: float,
    where: str,
) -> str:
    """Returns a sentence: each target's gain over natural, the worst target first.

    The gain counts as one where every target's is over twice its standard error.

    Args:
        examples: that the gains are of.
        gains: (examples,) gains over natural.
        targets: names of the fit's targets.
        tau: pull to natural, for the sentence.
        where: which examples they are, for the sentence.
    """
    by_name = {}
    gained = True
    for k, rows in examples.by_target().items():
        mean, error = _sum_with_error(gains[rows])
        by_name[targets[k]] = (mean, error)
        gained = gained and mean > 2 * error
    worst_first = sorted(by_name, key=lambda name: by_name[name])
    parts = []
    for name in worst_first:
        mean, error = by_name[name]
        parts.append(f"{name} {mean:+.4f} +- {error:.4f}")
    verdict = "gain over natural" if gained else "no gain over natural"
    return (
        f"{verdict} of the worst target, {worst_first[0]}, on {where}: {', '.join(parts)}"
        f" nats/token of the mixed proxies (pull to natural {tau:g})"
    )


def _sum_with_error(gains: Array) -> tuple[float, float]:
    """The sum of (examples,) gains and its standard error, which one example cannot tell."""
    count = len(gains)
    mean = float(gains.sum())
    if count < 2:
        return mean, np.inf
    deviation = float(gains.std(ddof=1))
    return mean, deviation * count**0.5


def cost_note(targets: Sequence[str], changes: Array) -> str:
    """Returns a sentence: (targets,) losses less those at the best mixture for the mean."""
    parts = []
    for name, change in zip(targets, changes.tolist(), strict=True):
        parts.append(f"{name} {change:+.4f}")
    return (
        "loss beside that of objective mean at the same pull, on the examples that chose:"
        f" {', '.join(parts)} nats/token of the mixed proxies"
    )


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
    unshifted = []
    for block, a in zip(values, importance, strict=True):
        unshifted.append(Ratios.of(block, a / total, columns))
    targets = []
    offsets = _offsets(reference, len(values))
    for ratios, offset in zip(unshifted, offsets, strict=True):
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
