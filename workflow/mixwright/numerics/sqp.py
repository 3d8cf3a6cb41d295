"""Convex minimisation over the simplex cut by a box: Newton steps on the likely domains, each a small quadratic programme."""

from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.numerics.interior_point import minimise_inside
from mixwright.numerics.quadratic import entropic_step, quadratic_step
from mixwright.simplex.geometry import Groups, check_box, minimise_linear, scale_into, settle

ROUGH = (
    1e-2  # a gap below which the next point may be the last, and is summed in float64 throughout
)
FINE = 1e-4  # a gap below which products in float32 do not tell neighbours apart
SLOW = 0.3  # where a step leaves more of the gap, curvature is read off four times as many examples from then on
EARLY = 5  # steps in which a wide gap is that of domains yet to come in, and not of the curvature
SHRINK = 0.01  # where a full step fails, none takes a weight below this share of itself: an early exact zero can cost an example all
MOST = 200  # steps
MANY = 8  # domains without weight that a step may bring in


@dataclass(frozen=True)
class Solution:
    """Weights on the simplex, the objective there, and `gap`, which bounds its distance from the minimum."""

    weights: Array
    objective: float
    gap: float
    iterations: int
    converged: bool


@dataclass(frozen=True)
class Point:
    """What an objective knows at a mixture; `state` is its own."""

    weights: Array
    value: float
    gradient: Array
    state: Any = None


class Objective(Protocol):
    """A convex function of the weights, about 1 in scale."""

    def at(self, weights: Array, exact: bool) -> Point: ...

    def hessian(self, point: Point, active: NDArray[np.int64], effort: int) -> Array: ...


@dataclass(frozen=True)
class Pulled:
    """An objective + tau KL(w || prior)."""

    objective: Objective
    prior: Array
    tau: float

    def at(self, weights: Array, exact: bool = True) -> Point:
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
        """The gradient of the pull."""
        return np.asarray(self.tau * (np.log(np.maximum(weights, 1e-300) / self.prior) + 1))


def known_prior(prior: ArrayLike | None, domains: int) -> Array:
    """(domains,) summing to 1, nowhere 0; uniform where none is given."""
    known = np.ones(domains) if prior is None else _a_number_each("prior", prior, domains)
    if not known.sum() > 0:
        raise MixwrightError("mixmin: the prior is 0 everywhere; give some domain a share")
    known = np.maximum(known / known.sum(), 1e-12)
    return np.asarray(known / known.sum())


def pull_of(tau: float) -> float:
    """A strength from 0 on."""
    if not (np.isfinite(tau) and tau >= 0):
        raise MixwrightError(f"mixmin: tau is {tau}; give a number from 0 on")
    return float(tau)


def _a_number_each(name: str, values: ArrayLike, domains: int) -> Array:
    """(domains,) finite numbers from 0 on; one number stands for all."""
    found = np.asarray(values, dtype=np.float64)
    if (
        found.shape not in ((), (1,), (domains,))
        or not np.isfinite(found).all()
        or (found < 0).any()
    ):
        raise MixwrightError(
            f"mixmin: {name} is one finite number from 0 on, or one for each of the {domains} domains; correct it"
        )
    return np.broadcast_to(found, (domains,))


@dataclass(frozen=True)
class Region:
    """{w : lower <= w <= upper, sum w = 1}, cut by sums of groups."""

    lower: Array
    upper: Array
    groups: Groups = ()

    @classmethod
    def of(
        cls, domains: int, lower: ArrayLike | None, upper: ArrayLike | None, groups: Groups = ()
    ) -> "Region":
        low = np.zeros(domains) if lower is None else _a_number_each("lower", lower, domains)
        high = (
            np.ones(domains)
            if upper is None
            else np.minimum(_a_number_each("upper", upper, domains), 1.0)
        )
        check_box(low, high, groups)
        return cls(low, high, tuple(groups))

    def gap(self, point: Point) -> float:
        """max over feasible s of <gradient, w - s>, by filling the cheapest domains first; bounds f(w) - min f by convexity."""
        found = float(
            point.gradient
            @ (point.weights - minimise_linear(point.gradient, self.lower, self.upper, self.groups))
        )
        return float("inf") if np.isnan(found) else max(0.0, found)

    @property
    def free(self) -> NDArray[np.int64]:
        """The domains that may have weight: a cap of 0 is as if the domain were not there."""
        return np.flatnonzero(self.upper > 0)

    def only(self, domains: NDArray[np.int64]) -> "Region":
        place = {old: new for new, old in enumerate(domains.tolist())}
        groups = (
            replace(g, members=tuple(place[i] for i in g.members if i in place))
            for g in self.groups
        )
        return Region(self.lower[domains], self.upper[domains], tuple(groups))

    def settle(self, w: Array) -> Array:
        return settle(w, self.lower, self.upper, self.groups)

    def scale(self, w: Array) -> Array:
        return scale_into(w, self.lower, self.upper, self.groups)


@dataclass(frozen=True)
class Model:
    """The quadratic model around a point, with the pull to the prior as it is, as one target's loss."""

    pulled: Pulled
    point: Point
    active: NDArray[np.int64]  # the curvature's domains
    bent: Array

    def predict(self, weights: Array) -> Array:
        return np.array([[self._value(w)] for w in weights])

    def slopes(self, w: Array) -> Array:
        found = self._plain + self._pull(w)
        found[self.active] += self.bent @ (w - self.point.weights)[self.active]
        return np.asarray(found)[None]

    def curvature(self, importance: Array, w: Array) -> Array:
        found = np.diag(self.pulled.tau / np.maximum(w, 1e-300))
        found[np.ix_(self.active, self.active)] += self.bent
        return np.asarray(importance[0] * found)

    @property
    def _plain(self) -> Array:
        return self.point.gradient - self._pull(self.point.weights)

    def _pull(self, w: Array) -> Array:
        return self.pulled.slope(w) if self.pulled.tau else np.zeros(len(w))

    def _value(self, w: Array) -> float:
        step = w - self.point.weights
        bent = float(step[self.active] @ self.bent @ step[self.active]) / 2
        return float(self._plain @ step) + bent + float(w @ self._pull(w))


def minimise(pulled: Pulled, region: Region, start: Array, tolerance: float) -> Solution:
    """Until the gap closes (mixsqp, arXiv 1806.01412, with the sum of 1 kept in the programme)."""
    point, exact, before = pulled.at(start, False), False, np.inf
    shrink, iterations, effort = 0.0, 0, 0
    while True:
        gap = region.gap(point)
        if gap <= max(tolerance, FINE) and not exact:
            point, exact = pulled.at(point.weights, True), True
            gap = region.gap(point)
        if gap <= tolerance or iterations == MOST:
            return Solution(point.weights, point.value, gap, iterations, gap <= tolerance)
        iterations += 1
        effort += int(gap > SLOW * before and (gap < ROUGH or iterations > EARLY))
        step, before = _newton_step(pulled, region, point, tolerance, shrink, effort), gap
        found = _searched(pulled, region, point, step, exact or gap < ROUGH)
        if found is not None:
            point, exact = found, exact or gap < ROUGH
        elif not exact:
            point, exact = pulled.at(point.weights, True), True
        elif shrink == 0.0:
            shrink = SHRINK
        else:
            return Solution(point.weights, point.value, gap, iterations, False)


def _searched(
    pulled: Pulled, region: Region, point: Point, step: Array, exact: bool
) -> Point | None:
    """The first of full, half … steps that lowers the objective enough; none where the direction has no such step."""
    slope, length = float((point.gradient - point.gradient.mean()) @ step), 1.0
    while length > 1e-9:
        trial = pulled.at(region.settle(point.weights + length * step), exact)
        if trial.value <= point.value + 1e-2 * length * slope + 1e-14 * (1 + abs(point.value)):
            return trial
        length /= 2
    return None


def _newton_step(
    pulled: Pulled, region: Region, point: Point, tolerance: float, shrink: float, effort: int
) -> Array:
    """Minimises the quadratic model over the active domains within the box, with the pull to the prior as it is; the others stay."""
    w, gradient, m = point.weights, point.gradient, len(point.weights)
    active = np.flatnonzero(region.upper > region.lower)
    if not pulled.tau and not region.groups:
        likely = np.zeros(m, dtype=bool)
        likely[np.argsort(np.where(w < region.upper, gradient, np.inf))[: max(MANY, m // 8)]] = True
        keeps_gap = (w - region.lower) * (gradient - gradient.min()) > tolerance / (
            2 * m
        )  # dust that would hold the gap open
        active = np.flatnonzero(
            likely | keeps_gap | (w > region.lower + 1e-4 / m) | (w >= region.upper)
        )
    curvature = pulled.objective.hessian(point, active, effort)
    curvature[np.diag_indices(len(active))] += 1e-10 * max(
        np.trace(curvature) / max(len(active), 1), 1e-300
    )
    step, given = np.zeros(m), w[active]
    if region.groups:
        model = Model(pulled, point, active, curvature)
        return minimise_inside(model, np.ones(1), region.lower, region.upper, region.groups)[0] - w
    if pulled.tau and len(active) > 1:
        plain = gradient[active] - pulled.slope(w)[active]
        box = region.lower[active], region.upper[active]
        step[active] = (
            entropic_step(curvature, plain, pulled.tau, pulled.prior[active], *box, given) - given
        )
    else:
        low = np.maximum(region.lower, shrink * w)[active] - given
        step[active] = quadratic_step(
            curvature,
            gradient[active],
            np.minimum(low, 0.0),
            np.maximum(region.upper[active] - given, 0.0),
        )
    return step
