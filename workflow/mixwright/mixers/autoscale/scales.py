"""One scale of AutoScale (arXiv 2407.20177): a base run, and each domain's amount up and down.

Each domain then has three points, fitted by a power law:

    y_i(x) = (x + a_i)^(-b_i) + c_i

    x    amount of domain i in units of its base amount, the other domains at their base amounts
    y_i  loss of the run, in units of the base run's
    a_i  offset, in base amounts;  b_i exponent;  c_i a constant that the best budget does not need
"""

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.mixture import Array

# Realised amounts within such a factor are the same amount: counts differ by a sequence or two.
SAME = (1.05, 1.1, 1.2, 1.35)
# The grid of laws: a in units of the base amount, and b.
OFFSETS = np.concatenate([[0.0], np.geomspace(0.01, 3.0, 24)])
EXPONENTS = np.geomspace(0.003, 3.0, 40)
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Scale:
    """The runs at one total.

    Row 0 is the base run; rows 2i + 1 and 2i + 2 have domain i's amount down and up.
    """

    # (2 domains + 1, domains) tokens
    amounts: Array
    # (2 domains + 1, targets) nats/token
    losses: Array

    @property
    def base(self) -> Array:
        """(domains,) tokens of the base run."""
        return self.amounts[0]

    def points(self) -> Array:
        """Returns (domains, 3) amounts down, base and up, in units of the base amount."""
        domains = np.arange(len(self.base))
        rows = 1 + 2 * domains
        down = self.amounts[rows, domains]
        up = self.amounts[rows + 1, domains]
        points = np.stack([down, self.base, up], axis=1)
        return points / self.base[:, None]

    def responses(self, values: Array) -> Array:
        """Returns (domains, 3) values at those points, in units of the base run's value.

        Values that are all 0 are 1 in units of themselves.

        Args:
            values: (2 domains + 1,) one of each run.
        """
        down = values[1::2]
        up = values[2::2]
        base = np.full(len(self.base), values[0])
        responses = np.stack([down, base, up], axis=1)
        if not values.any():
            return np.ones_like(responses)
        return responses / values[0]


def find_scales(amounts: Array, losses: Array) -> list[Scale]:
    """Returns the scales among runs, smallest first.

    Args:
        amounts: (runs, domains) tokens.
        losses: (runs, targets) nats/token.
    """
    return [scale for _, scale in scales_with_runs(amounts, losses)]


def scales_with_runs(amounts: Array, losses: Array) -> list[tuple[Rows, Scale]]:
    """Returns the rows of each scale's runs, and the scale, smallest first.

    A base run is one from which 2 x domains other runs differ in a single domain. The narrowest
    tolerance that gives the most scales counts: a wide one mistakes runs of neighbouring totals
    for each other.

    Args:
        amounts: (runs, domains) tokens.
        losses: (runs, targets) nats/token.

    Raises:
        MixwrightError: there is no scale.
    """
    scales: list[tuple[Rows, Scale]] = []
    for factor in SAME:
        tolerance = np.log(factor)
        within = _scales_within(tolerance, amounts, losses)
        if len(within) > len(scales):
            scales = within
    if not scales:
        raise MixwrightError(
            "autoscale: no base run with every domain up and down among the perturb runs;"
            " train the whole perturb design"
        )

    def tokens(scale: tuple[Rows, Scale]) -> float:
        return float(scale[1].base.sum())

    return sorted(scales, key=tokens)


def _scales_within(tolerance: float, amounts: Array, losses: Array) -> list[tuple[Rows, Scale]]:
    """The scales if amounts whose logarithms differ by less than `tolerance` are the same."""
    remaining: Rows = np.arange(len(amounts))
    domains = amounts.shape[1]
    logs = np.log(np.maximum(amounts, 1e-9))
    scales: list[tuple[Rows, Scale]] = []
    while len(remaining):
        distances = np.abs(logs[remaining, None] - logs[None, remaining])
        differs = distances > tolerance
        count = differs.sum(axis=2)
        neighbours = (count == 1).sum(axis=1)
        # Of equals the run of fewest tokens.
        tokens = amounts[remaining].sum(axis=1)
        order = np.lexsort((tokens, -neighbours))
        middle = order[0]
        if neighbours[middle] < 2 * domains:
            break
        base = remaining[middle]
        scale = _scale(remaining, differs[middle], amounts, losses, base)
        if scale is None:
            break
        scales.append(scale)
        rows, _ = scale
        remaining = np.setdiff1d(remaining, rows)
    return scales


def _scale(
    remaining: Rows, differs: NDArray[np.bool_], amounts: Array, losses: Array, base: np.int64
) -> tuple[Rows, Scale] | None:
    """The runs of the scale around a base run, and the scale.

    None where a domain lacks its run up or down. `differs` (remaining runs, domains) says in which
    domains a run differs from the base. Runs that differ in none are the base run again.
    """
    count = differs.sum(axis=1)
    repeats = remaining[count == 0]
    in_one = count == 1
    order = [base]
    rows = [losses[repeats].mean(axis=0)]
    for domain, differing in enumerate(differs.T):
        runs = remaining[in_one & differing]
        if not len(runs):
            return None
        column = amounts[:, domain]
        down = runs[np.argmin(column[runs])]
        up = runs[np.argmax(column[runs])]
        if not column[down] < column[base] < column[up]:
            return None
        order.append(down)
        order.append(up)
        rows.append(losses[down])
        rows.append(losses[up])
    scale = Scale(
        amounts=amounts[order],
        losses=np.stack(rows),
    )
    return np.concatenate([remaining[in_one], repeats]), scale


def fit_published(points: Array, responses: Array) -> tuple[Array, Array]:
    """Fits one law a domain by scipy's curve_fit from its default start, as the paper's code does.

    Args:
        points, responses: (domains, 3) x and y.

    Returns:
        (domains,) a and (domains,) b.

    Raises:
        MixwrightError: a fit does not converge.
    """
    from scipy.optimize import OptimizeWarning, curve_fit

    def law(x: Array, a: float, b: float, c: float) -> Array:
        return (x + a) ** -b + c

    fits = []
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            # Three points leave no covariance to estimate.
            warnings.simplefilter("ignore", OptimizeWarning)
            for x, y in zip(points, responses, strict=True):
                parameters, _ = curve_fit(law, x, y, maxfev=20_000)
                fits.append(parameters)
    except RuntimeError:
        raise MixwrightError(
            "autoscale: the published fit of a domain does not converge; use fit_with: robust"
        ) from None
    table = np.array(fits)
    return table[:, 0], table[:, 1]


@dataclass(frozen=True)
class PowerLaws:
    """All laws of a grid, each with its likelihood given a domain's three points."""

    # (laws,) a
    offsets: Array
    # (laws,) b
    exponents: Array
    # (domains, laws) rows sum to 1
    likelihood: Array

    def centre(self) -> tuple[Array, Array]:
        """Returns (domains,) the mean of a, and (domains,) the geometric mean of b."""
        offsets = self.likelihood @ self.offsets
        logs = self.likelihood @ np.log(self.exponents)
        return offsets, np.exp(logs)

    def draw(self, rng: np.random.Generator) -> tuple[Array, Array]:
        """Returns (domains,) a and (domains,) b: one law a domain, drawn by likelihood."""
        laws = []
        for likelihood in self.likelihood:
            law = rng.choice(len(likelihood), p=likelihood)
            laws.append(law)
        index = np.array(laws)
        return self.offsets[index], self.exponents[index]


def fit_robust(points: Array, responses: Array, noise: float) -> PowerLaws:
    """Weighs every law of a bounded grid by its likelihood.

    Three points do not identify the three parameters of a law, so no single one is picked.

    Args:
        points, responses: (domains, 3) x and y.
        noise: standard deviation of y.
    """
    a_grid, b_grid = np.meshgrid(OFFSETS, EXPONENTS, indexing="ij")
    a = a_grid.ravel()
    b = b_grid.ravel()
    # (domains, laws, 3)
    shifted = points[:, None, :] + a[:, None]
    curves = shifted ** -b[:, None]
    misfit = responses[:, None, :] - curves
    # The mean is the best c of each law.
    misfit = misfit - misfit.mean(axis=2, keepdims=True)
    squares = (misfit**2).sum(axis=2)
    cost = squares / (2 * noise**2)
    # The grid's best law may miss by more than the noise: its misfit then counts as noise too.
    best = cost.min(axis=1, keepdims=True)
    excess = (cost - best) / (1 + best)
    # Small offsets are likelier: the prior of a is exp(-a).
    likelihood = np.exp(-excess - a)
    total = likelihood.sum(axis=1, keepdims=True)
    return PowerLaws(
        offsets=a,
        exponents=b,
        likelihood=likelihood / total,
    )
