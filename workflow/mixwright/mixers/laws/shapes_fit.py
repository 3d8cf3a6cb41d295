"""The fit of laws that are a sum over the domains (see `shapes`): each domain's shape, by evidence.

With the shapes of all domains the law is linear. What is left is a Bayesian linear regression, of
losses in standard deviations of their target, with Gaussian priors of a variance v times that of
the noise. The evidence of the runs, noise and amplitudes integrated out, is

    log p = -(targets / 2) log det C - (runs / 2) sum_k log(y_k' C^-1 y_k),    C = 1 + X V X'

with X the columns of the runs (level, linear rest, shapes) and V the variances of their prior.
Domain by domain the shape of greatest evidence is taken, out of a grid, until none changes. The
priors begin narrow and widen: at first only what many runs say moves a shape.

All targets share the shapes, so that few runs tell them; the weight of a run is the mean of the
targets' trust in it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.fit import trust
from mixwright.mixers.laws.shapes import ShapedLaw, shape
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.numerics.threads import one_thread

# shapes that are tried: half-way shares, and steepness
HALVES = np.geomspace(0.01, 1, 40)
STEEPNESS = np.array([0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 12.0])
# the shape that a fit starts with
START = (0.3, 1.0)
# variances of amplitudes, in those of the noise; the last one is that of the law
VARIANCES = (3.0, 30.0, 300.0, 3000.0)
# of the linear rest, as a share of the amplitudes'
LINEAR = 0.3
# of the level, in that of the noise
LEVEL = 1e4
# rounds over all domains with one variance, at most; those of a refit
ROUNDS = 4
REFIT_ROUNDS = 2
# a sum of squares that counts as none
NONE = 1e-12


def fit_shapes(weights: Array, losses: Array, near: ShapedLaw | None = None) -> ShapedLaw:
    """Fits the law to all targets at once.

    Args:
        weights: (runs, domains) weights of the runs.
        losses: (runs, targets) nats/token.
        near: a law whose shapes a fit of few rounds starts with.
    """
    spread = Spread.of(losses)
    centred = spread.tame(losses) - spread.centre
    standard = centred / spread.deviation
    trusted = trust(losses, spread).mean(axis=0)
    runs = _Runs.of(weights, standard, trusted)
    domains = weights.shape[1]
    if near is None:
        start = _nearest(*START)
        chosen = np.full(domains, start)
        for variance in VARIANCES:
            chosen = _chosen(runs, chosen, variance, ROUNDS)
    else:
        pairs = zip(near.half[0], near.steepness[0], strict=True)
        chosen = np.array([_nearest(half, steepness) for half, steepness in pairs])
        chosen = _chosen(runs, chosen, VARIANCES[-1], REFIT_ROUNDS)
    law = _law(runs, chosen, spread)
    return law


@dataclass(frozen=True)
class _Runs:
    """What every step of a fit asks of the runs; each row is multiplied by the trust in it."""

    # (runs, 1 + domains) a column of ones, and the weights
    fixed: Array
    # (domains, runs, shapes) columns of every shape
    shapes: Array
    # (runs, targets)
    losses: Array

    @classmethod
    def of(cls, weights: Array, losses: Array, trusted: Array) -> "_Runs":
        rows = trusted[:, None]
        ones = np.ones((len(weights), 1))
        fixed = np.hstack([ones, weights])
        half, steepness = _grid()
        columns = []
        for share in weights.T:
            shapes = shape(share[:, None], half, steepness)
            columns.append(rows * shapes)
        return cls(rows * fixed, np.stack(columns), rows * losses)

    @property
    def order(self) -> NDArray[np.int64]:
        """Domains in the order in which their shapes are chosen: those that vary most first."""
        variance = self.fixed[:, 1:].var(axis=0)
        return np.argsort(-variance, kind="stable")

    def columns(self, chosen: NDArray[np.int64]) -> Array:
        """Returns (runs, 1 + 2 domains) columns of the fixed part and of the chosen shapes."""
        domains = np.arange(len(chosen))
        shapes = self.shapes[domains, :, chosen]
        return np.hstack([self.fixed, shapes.T])


@one_thread
def _chosen(
    runs: _Runs, start: NDArray[np.int64], variance: float, rounds: int
) -> NDArray[np.int64]:
    """Returns (domains,) shapes, each of the greatest evidence beside the others."""
    chosen = start.copy()
    domains = len(chosen)
    precision = _precision(domains, variance)
    for _ in range(rounds):
        before = chosen.copy()
        for domain in runs.order:
            place = 1 + domains + domain
            columns = runs.columns(chosen)
            others = np.delete(columns, place, axis=1)
            held = np.delete(precision, place)
            evidence = _evidence(others, held, runs.shapes[domain], runs.losses, variance)
            chosen[domain] = evidence.argmax()
        if (chosen == before).all():
            break
    return chosen


def _evidence(
    others: Array, precision: Array, shapes: Array, losses: Array, variance: float
) -> Array:
    """Returns (shapes,) log evidence of one more column, up to a constant.

    With C of the other columns (runs, columns), one more column z of variance v multiplies det C by
    1 + v z'C^-1 z, and takes v (z'C^-1 y)^2 / (1 + v z'C^-1 z) off y'C^-1 y.
    """
    runs, targets = losses.shape
    normal = others.T @ others + np.diag(precision)
    of_shapes = others.T @ shapes
    of_losses = others.T @ losses
    both = np.hstack([of_shapes, of_losses])
    solved = np.linalg.solve(normal, both)
    number = shapes.shape[1]
    solved_shapes = solved[:, :number]
    solved_losses = solved[:, number:]
    length = _squares(shapes) - (of_shapes * solved_shapes).sum(axis=0)
    product = shapes.T @ losses - of_shapes.T @ solved_losses
    missed = _squares(losses) - (of_losses * solved_losses).sum(axis=0)
    growth = 1 + variance * np.maximum(length, 0)
    taken = variance * product**2 / growth[:, None]
    left = np.maximum(missed - taken, NONE)
    logs = np.log(left).sum(axis=1)
    of_growth = targets * np.log(growth)
    return -(of_growth + runs * logs) / 2


def _squares(columns: Array) -> Array:
    """Returns (columns,) sums of squares."""
    squares: Array = (columns**2).sum(axis=0)
    return squares


def _law(runs: _Runs, chosen: NDArray[np.int64], spread: Spread) -> ShapedLaw:
    """Returns the law of the chosen shapes (domains,): its amplitudes by regularised regression."""
    domains = len(chosen)
    columns = runs.columns(chosen)
    precision = _precision(domains, VARIANCES[-1])
    normal = columns.T @ columns + np.diag(precision)
    solved = np.linalg.solve(normal, columns.T @ runs.losses)
    scaled = solved * (spread.deviation * spread.varies)
    half, steepness = _grid()
    everywhere = np.ones((len(spread.centre), 1))
    return ShapedLaw(
        level=spread.centre + scaled[0],
        gain=-scaled[1 + domains :].T,
        linear=scaled[1 : 1 + domains].T,
        half=everywhere * half[chosen],
        steepness=everywhere * steepness[chosen],
    )


def _precision(domains: int, variance: float) -> Array:
    """Returns (1 + 2 domains,) inverse variances of level, linear rest and amplitudes."""
    level = np.full(1, 1 / LEVEL)
    shapes = np.full(domains, 1 / variance)
    return np.concatenate([level, shapes / LINEAR, shapes])


def _grid() -> tuple[Array, Array]:
    """Returns (shapes,) half-way shares and steepness of all shapes."""
    half, steepness = np.meshgrid(HALVES, STEEPNESS)
    return half.ravel(), steepness.ravel()


def _nearest(half: float, steepness: float) -> int:
    """Returns the number of the shape nearest to one."""
    halves, steeps = _grid()
    apart = np.log(halves / half) ** 2 + np.log(steeps / steepness) ** 2
    return int(apart.argmin())
