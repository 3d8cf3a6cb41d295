"""Minimises a convex function over the simplex inside bounds, by sequential quadratic programmes.

    minimise  f(w) + tau KL(w || prior)   over  lower <= w <= upper,  sum w = 1,  sums of groups

Each Newton step minimises a quadratic model over the domains that are likely to have weight
(the mixsqp method of Kim, Carbonetto and Stephens, arXiv 1806.01412), with the sum of 1 kept in
the programme. Convexity certifies the result: f(w) - min f is at most the gap
max_s <gradient, w - s> over all mixtures s inside the bounds.
"""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.numerics.interior_point import minimise_inside
from mixwright.numerics.quadratic import entropic_step, quadratic_step
from mixwright.numerics.quadratic_model import QuadraticModel, pull_slope
from mixwright.simplex.geometry import Groups, check_box, frank_wolfe_gap, scale_into, settle

# Below this gap the next point may be the last: it is computed in float64 throughout.
ROUGH = 1e-2
# Below this gap products in float32 do not tell neighbours apart.
FINE = 1e-4
# Where a step leaves more than this share of the gap, the curvature is read off four times as
# many examples from then on.
SLOW = 0.3
# In the first steps a wide gap comes from domains yet to come in, not from the curvature.
EARLY = 5
# Where a full step fails, no step takes a weight below this share of itself: an early exact zero
# can cost an example all its likelihood.
SHRINK = 0.01
# Steps, at most.
MOST = 200
# Domains without weight that a step may bring in.
MANY = 8
# A line search gives up below this length.
SHORTEST = 1e-9


@dataclass(frozen=True)
class Solution:
    """A mixture, how good it is, and what is certain of it."""

    # (domains,) on the simplex
    weights: Array
    # the function there
    objective: float
    # the objective is at most so far above its minimum
    gap: float
    iterations: int
    # whether the gap is within the tolerance
    converged: bool


@dataclass(frozen=True)
class Point:
    """What an objective knows at a mixture."""

    # (domains,)
    weights: Array
    value: float
    # (domains,)
    gradient: Array
    # whatever the objective keeps for its curvature
    state: Any = None


class Objective(Protocol):
    """A convex function of the weights, about 1 in scale."""

    def at(self, weights: Array, exact: bool) -> Point:
        """Returns value and gradient at weights (domains,); in float64 throughout if exact."""

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int) -> Array:
        """Returns the (active, active) Hessian at a point.

        It may be estimated from a sample of the examples, 4^effort times a first one.
        """


@dataclass(frozen=True)
class Pulled:
    """An objective plus tau KL(w || prior), which pulls the mixture to the prior."""

    objective: Objective
    # (domains,) above 0, summing to 1
    prior: Array
    # from 0 on, in the objective's unit
    tau: float

    def at(self, weights: Array, exact: bool = True) -> Point:
        """Returns value and gradient at weights (domains,)."""
        point = self.objective.at(weights, exact)
        if not self.tau:
            return point
        pull = self.slope(weights)
        return replace(
            point,
            value=point.value + float(weights @ pull) - self.tau,
            gradient=point.gradient + pull,
        )

    def slope(self, weights: Array) -> Array:
        """Returns the (domains,) gradient tau (log(w / prior) + 1) of the pull."""
        return pull_slope(weights, self.prior, self.tau)


def known_prior(prior: ArrayLike | None, domains: int) -> Array:
    """Returns a prior (domains,) that sums to 1 and is nowhere 0; uniform where it is None.

    Raises:
        MixwrightError: the prior is no list of numbers from 0 on, or 0 everywhere.
    """
    shares = np.ones(domains)
    if prior is not None:
        shares = _a_number_each("prior", prior, domains)
    if not shares.sum() > 0:
        raise MixwrightError("mixmin: the prior is 0 everywhere; give some domain a share")
    shares = np.maximum(shares / shares.sum(), 1e-12)
    return np.asarray(shares / shares.sum())


def pull_of(tau: float) -> float:
    """Returns tau, the strength of the pull to the prior.

    Raises:
        MixwrightError: it is no finite number from 0 on.
    """
    if not (np.isfinite(tau) and tau >= 0):
        raise MixwrightError(f"mixmin: tau is {tau}; give a number from 0 on")
    return float(tau)


def _a_number_each(name: str, values: ArrayLike, domains: int) -> Array:
    """Returns (domains,) finite numbers from 0 on; one number stands for all domains."""
    numbers = np.asarray(values, dtype=np.float64)
    fits = numbers.shape in ((), (1,), (domains,))
    if not fits or not np.isfinite(numbers).all() or (numbers < 0).any():
        raise MixwrightError(
            f"mixmin: {name} is one finite number from 0 on,"
            f" or one for each of the {domains} domains; correct it"
        )
    return np.broadcast_to(numbers, (domains,))


@dataclass(frozen=True)
class Region:
    """The mixtures to choose from: {w : lower <= w <= upper, sum w = 1}, cut by sums of groups."""

    # (domains,) each
    lower: Array
    upper: Array
    groups: Groups = ()

    @classmethod
    def of(
        cls,
        domains: int,
        lower: ArrayLike | None,
        upper: ArrayLike | None,
        groups: Groups = (),
    ) -> "Region":
        """Builds the region of bounds that are one number, one a domain, or None for no bound.

        Raises:
            MixwrightError: a bound is no number, or no mixture fits.
        """
        low = np.zeros(domains)
        if lower is not None:
            low = _a_number_each("lower", lower, domains)
        high = np.ones(domains)
        if upper is not None:
            high = np.minimum(_a_number_each("upper", upper, domains), 1.0)
        check_box(low, high, groups)
        return cls(low, high, tuple(groups))

    def gap(self, point: Point) -> float:
        """Returns max over mixtures s inside of <gradient, w - s>; it bounds f(w) - min f."""
        gap = frank_wolfe_gap(point.gradient, point.weights, self.lower, self.upper, self.groups)
        if np.isnan(gap):
            return float("inf")
        return max(0.0, gap)

    @property
    def free(self) -> NDArray[np.int64]:
        """Indices of the domains that may have weight: a cap of 0 takes a domain out."""
        return np.flatnonzero(self.upper > 0)

    def only(self, domains: NDArray[np.int64]) -> "Region":
        """Returns the region of some of the domains, by their indices."""
        place = {old: new for new, old in enumerate(domains.tolist())}
        groups = []
        for group in self.groups:
            members = tuple(place[i] for i in group.members if i in place)
            groups.append(replace(group, members=members))
        return Region(self.lower[domains], self.upper[domains], tuple(groups))

    def settle(self, w: Array) -> Array:
        """Returns w (domains,) with rounding taken off: inside the bounds, its sum exactly 1."""
        return settle(w, self.lower, self.upper, self.groups)

    def scale(self, w: Array) -> Array:
        """Returns the mixture inside that is nearest to w (domains,) in divergence."""
        return scale_into(w, self.lower, self.upper, self.groups)


def minimise(pulled: Pulled, region: Region, start: Array, tolerance: float) -> Solution:
    """Minimises a pulled objective over a region, until the certified gap is within tolerance.

    Args:
        pulled: the convex objective, about 1 in scale.
        region: the mixtures to choose from.
        start: (domains,) a mixture inside.
        tolerance: the gap to reach, in the objective's unit.

    Returns:
        The solution; `converged` is false where steps stopped helping, or after MOST of them.
    """
    point = pulled.at(start, False)
    exact = False
    before = np.inf
    shrink = 0.0
    effort = 0
    iterations = 0
    while True:
        gap = region.gap(point)
        if gap <= max(tolerance, FINE) and not exact:
            point = pulled.at(point.weights, True)
            exact = True
            gap = region.gap(point)
        if gap <= tolerance or iterations == MOST:
            return Solution(point.weights, point.value, gap, iterations, gap <= tolerance)
        iterations += 1
        if gap > SLOW * before and (gap < ROUGH or iterations > EARLY):
            effort += 1
        before = gap
        step = _newton_step(pulled, region, point, tolerance, shrink, effort)
        next_exact = exact or gap < ROUGH
        lower_point = _line_search(pulled, region, point, step, next_exact)
        if lower_point is not None:
            point = lower_point
            exact = next_exact
        elif not exact:
            point = pulled.at(point.weights, True)
            exact = True
        elif shrink == 0.0:
            shrink = SHRINK
        else:
            return Solution(point.weights, point.value, gap, iterations, False)


def _line_search(
    pulled: Pulled,
    region: Region,
    point: Point,
    step: Array,
    exact: bool,
) -> Point | None:
    """Returns the first of full, half, quarter ... steps that lowers the objective, else None."""
    # Less its mean, which does nothing to a step that keeps the sum, but costs digits.
    slope = float((point.gradient - point.gradient.mean()) @ step)
    length = 1.0
    while length > SHORTEST:
        trial = pulled.at(region.settle(point.weights + length * step), exact)
        rounding = 1e-14 * (1 + abs(point.value))
        if trial.value <= point.value + 1e-2 * length * slope + rounding:
            return trial
        length /= 2
    return None


def _newton_step(
    pulled: Pulled,
    region: Region,
    point: Point,
    tolerance: float,
    shrink: float,
    effort: int,
) -> Array:
    """Returns the step (domains,) to the least of the quadratic model within the bounds.

    Only active domains move. The pull to the prior stands in the model as it is.
    """
    w = point.weights
    active = _active_domains(pulled, region, point, tolerance)
    curvature = pulled.objective.hessian(point, active, effort)
    mean_curvature = np.trace(curvature) / max(len(active), 1)
    # A ridge, so that a factorisation of a singular curvature does not fail.
    curvature[np.diag_indices(len(active))] += 1e-10 * max(mean_curvature, 1e-300)
    if region.groups:
        model = QuadraticModel(w, point.gradient, active, curvature, pulled.prior, pulled.tau)
        best, _ = minimise_inside(model, np.ones(1), region.lower, region.upper, region.groups)
        return best - w

    step = np.zeros(len(w))
    weights = w[active]
    slope = point.gradient[active]
    if pulled.tau and len(active) > 1:
        best = entropic_step(
            curvature,
            slope - pulled.slope(w)[active],
            pulled.tau,
            pulled.prior[active],
            region.lower[active],
            region.upper[active],
            weights,
        )
        step[active] = best - weights
        return step

    lowest = np.maximum(region.lower, shrink * w)[active]
    step[active] = quadratic_step(
        curvature,
        slope,
        np.minimum(lowest - weights, 0.0),
        np.maximum(region.upper[active] - weights, 0.0),
    )
    return step


def _active_domains(
    pulled: Pulled,
    region: Region,
    point: Point,
    tolerance: float,
) -> NDArray[np.int64]:
    """Returns the indices of the domains that a step may move.

    With a pull or with groups these are all that have room. Else they are the ones with weight,
    the ones that hold the gap open, and the few others with the lowest gradient.
    """
    if pulled.tau or region.groups:
        return np.flatnonzero(region.upper > region.lower)
    w = point.weights
    gradient = point.gradient
    m = len(w)
    cheapest = np.argsort(np.where(w < region.upper, gradient, np.inf))
    likely = np.zeros(m, dtype=bool)
    likely[cheapest[: max(MANY, m // 8)]] = True
    # Weights too small to count may still hold the gap open.
    excess = (w - region.lower) * (gradient - gradient.min())
    holds_gap = excess > tolerance / (2 * m)
    weighty = w > region.lower + 1e-4 / m
    return np.flatnonzero(likely | holds_gap | weighty | (w >= region.upper))
