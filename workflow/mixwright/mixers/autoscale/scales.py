"""One scale of AutoScale: a base run and each domain's amount up and down; three points a domain, fitted by a power law."""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

SAME = (
    1.05,
    1.1,
    1.2,
    1.35,
)  # realised amounts within such a factor are the same amount: counts differ by a sequence or two
OFFSETS = np.concatenate([[0.0], np.geomspace(0.01, 3.0, 24)])  # a, in units of the base amount
EXPONENTS = np.geomspace(0.003, 3.0, 40)  # b


@dataclass(frozen=True)
class Scale:
    """The runs at one total: row 0 of `amounts` and `losses` is the base, rows 2i+1 and 2i+2 have domain i down and up."""

    amounts: Array  # (2 domains + 1, domains) tokens
    losses: Array  # (2 domains + 1, targets) nats/token

    @property
    def base(self) -> Array:
        return self.amounts[0]

    def points(self) -> Array:
        """(domains, 3) amounts down, base and up in units of the base amount."""
        m = len(self.base)
        steps = np.arange(m)
        return (
            np.stack(
                [self.amounts[1 + 2 * steps, steps], self.base, self.amounts[2 + 2 * steps, steps]],
                axis=1,
            )
            / self.base[:, None]
        )

    def responses(self, values: Array) -> Array:
        """(domains, 3) relative change of `values` (2 domains + 1,), one a run, at those points."""
        return (
            np.stack([values[1::2], np.full(len(self.base), values[0]), values[2::2]], axis=1)
            / values[0]
        )


def find_scales(amounts: Array, losses: Array) -> list[Scale]:
    """The scales among (runs, domains) amounts, smallest first: a base run is one that 2 x domains others leave in a single domain."""
    return [scale for _, scale in scales_with_runs(amounts, losses)]


def scales_with_runs(amounts: Array, losses: Array) -> list[tuple[NDArray[np.int64], Scale]]:
    """The scales, smallest first, and the rows of their runs.

    The narrowest tolerance that gives the most scales counts: a wide one takes runs of neighbouring totals for each other.
    """
    tried = [_scales_within(np.log(factor), amounts, losses) for factor in SAME]
    scales = max(tried, key=len)
    if not scales:
        raise MixwrightError(
            "autoscale: no base run with every domain up and down among the perturb runs; train the whole perturb design"
        )
    return sorted(scales, key=lambda found: float(found[1].base.sum()))


def _scales_within(
    tolerance: float, amounts: Array, losses: Array
) -> list[tuple[NDArray[np.int64], Scale]]:
    """The scales found when amounts whose logarithms differ by less than `tolerance` are the same."""
    left: NDArray[np.int64] = np.arange(len(amounts))
    m, scales = amounts.shape[1], list[tuple[NDArray[np.int64], Scale]]()
    logs = np.log(np.maximum(amounts, 1e-9))
    while len(left):
        away = np.abs(logs[left, None] - logs[None, left]) > tolerance
        neighbours = (away.sum(axis=2) == 1).sum(axis=1)
        middle = int(np.lexsort((amounts[left].sum(axis=1), -neighbours))[0])
        if neighbours[middle] < 2 * m:
            break
        found = _scale(left, away[middle], amounts, losses, middle)
        if found is None:
            break
        scales.append(found)
        left = np.setdiff1d(left, found[0])
    return scales


def _scale(
    left: NDArray[np.int64], away: NDArray[np.bool_], amounts: Array, losses: Array, middle: int
) -> tuple[NDArray[np.int64], Scale] | None:
    """The runs of the scale around a base run, and the scale; None where a domain lacks its run up or down."""
    base = left[middle]
    same, one = left[away.sum(axis=1) == 0], away.sum(axis=1) == 1
    order, rows = [base], [losses[same].mean(axis=0)]
    for i in range(amounts.shape[1]):
        runs = left[one & away[:, i]]
        if not len(runs):
            return None
        order += [runs[np.argmin(amounts[runs, i])], runs[np.argmax(amounts[runs, i])]]
        if not amounts[order[-2], i] < amounts[base, i] < amounts[order[-1], i]:
            return None
        rows += [losses[order[-2]], losses[order[-1]]]
    return np.concatenate([left[one], same]), Scale(amounts[order], np.stack(rows))


def fit_published(points: Array, responses: Array) -> tuple[Array, Array]:
    """Offsets and exponents (domains,) of y = (x + a)^(-b) + c by scipy's curve_fit from its default start, as the paper's code."""
    from scipy.optimize import OptimizeWarning, curve_fit

    def law(x: Array, a: float, b: float, c: float) -> Array:
        return (x + a) ** -b + c

    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", OptimizeWarning
            )  # three points leave no covariance to estimate
            found = np.array(
                [
                    curve_fit(law, x, y, maxfev=20_000)[0]
                    for x, y in zip(points, responses, strict=True)
                ]
            )
    except RuntimeError:
        raise MixwrightError(
            "autoscale: the published fit of a domain does not converge; use fit: robust"
        ) from None
    return found[:, 0], found[:, 1]


@dataclass(frozen=True)
class PowerLaws:
    """All laws y = (x + a)^(-b) + c of a grid that explain each domain's three points about as well as the best."""

    offsets: Array  # (laws,) a of the grid
    exponents: Array  # (laws,) b
    likelihood: Array  # (domains, laws) rows sum to 1

    def centre(self) -> tuple[Array, Array]:
        """The law nearest the middle of each domain's cloud: mean of a, geometric mean of b."""
        return self.likelihood @ self.offsets, np.exp(self.likelihood @ np.log(self.exponents))

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """One law a domain, by likelihood."""
        index = np.array([rng.choice(len(row), p=row) for row in self.likelihood])
        return self.offsets[index], self.exponents[index]


def fit_robust(points: Array, responses: Array, noise: float) -> PowerLaws:
    """Weighs every law of a bounded grid by its likelihood under relative `noise`; three points do not identify three parameters."""
    a, b = (grid.ravel() for grid in np.meshgrid(OFFSETS, EXPONENTS, indexing="ij"))
    curves = (points[:, None, :] + a[:, None]) ** -b[:, None]  # (domains, laws, 3)
    misfit = responses[:, None, :] - curves
    misfit = misfit - misfit.mean(axis=2, keepdims=True)  # the best c
    cost = (misfit**2).sum(axis=2) / (2 * noise**2)
    # a grid's finest misfit may exceed the noise: never sharper than the best law's own misfit; and small offsets are likelier
    likelihood = np.exp(
        -(cost - cost.min(axis=1, keepdims=True)) / (1 + cost.min(axis=1, keepdims=True)) - a / 1.0
    )
    return PowerLaws(a, b, likelihood / likelihood.sum(axis=1, keepdims=True))
