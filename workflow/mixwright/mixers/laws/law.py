"""The effective-data law: L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b) + beta.w, fitted to every target at once."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.numerics.least_squares import Rows, minimise

LEVEL, SCALE, POWER, OFFSET = (
    0,
    1,
    2,
    3,
)  # columns of log E, log A, log b, log eps; then log K, logit g and beta, m columns each
SMALLEST = 1e-14  # weights below this count as zero where powers of them are taken
PRIOR_RUNS = 64  # the priors' strengths were tuned at this many runs
FADE = 2.0  # a run this many standard deviations above its target's best counts half
GROWTH = (
    2 / 3
)  # of the strengths with the runs: the strongest prior within one standard error of the best in cross-validation


@dataclass(frozen=True)
class Law:
    """Parameters of the law, one row a target: (targets,) vectors and (targets, domains) matrices; all but `linear` positive, g < 1."""

    level: Array  # E, nats/token
    scale: Array  # A
    power: Array  # b
    offset: Array  # eps
    transfer: Array  # K
    exponent: Array  # g
    linear: Array  # beta, nats/token

    def effective(self, weights: Array) -> Array:
        """(mixtures, targets) effective data S = eps + sum_i K_i w_i^g_i."""
        return self.offset + self.terms(np.maximum(weights, 0)[:, None, :]).sum(axis=2)

    def predict(self, weights: Array) -> Array:
        """(mixtures, domains) weights -> (mixtures, targets) nats/token."""
        return (
            self.level
            + self.scale * self.effective(weights) ** -self.power
            + weights @ self.linear.T
        )

    def slopes(self, w: Array) -> Array:
        """(targets, domains) gradients at w (domains,)."""
        return self.linear - self.worth(w)[:, None] * self.growth(w)

    def curvature(self, importance: Array, w: Array) -> Array:
        """(domains, domains) Hessian of the losses' weighted sum at w (domains,)."""
        mu, growth, effective = (
            importance * self.worth(w),
            self.growth(w),
            self.effective(w[None])[0],
        )
        outer = (growth.T * (mu * (self.power + 1) / effective)) @ growth
        return outer - np.diag(mu @ self.bend(w))

    def worth(self, w: Array) -> Array:
        """(targets,) fall of the loss by effective data, A b S^(-b-1), at w (domains,)."""
        return self.scale * self.power * self.effective(w[None])[0] ** (-self.power - 1)

    def only(self, chosen: NDArray[np.bool_]) -> "Law":
        """Of some targets."""
        return Law(*(part[chosen] for part in vars(self).values()))

    def where(self, own: NDArray[np.bool_], other: "Law") -> "Law":
        """Its own rows where `own` (targets,) is true, the other's elsewhere."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Law(
            *(
                np.where(own.reshape(-1, *[1] * (mine.ndim - 1)), mine, theirs)
                for mine, theirs in pairs
            )
        )

    def shaken(self, rng: np.random.Generator) -> "Law":
        """A law some way off, to start a fit from: b, K and g / (1 - g) by random factors."""
        odds = self.exponent / (1 - self.exponent) * np.exp(rng.normal(0, 1, self.exponent.shape))
        power, transfer = (
            part * np.exp(rng.normal(0, spread, part.shape))
            for part, spread in ((self.power, 0.4), (self.transfer, 1.0))
        )
        return replace(self, power=power, transfer=transfer, exponent=odds / (1 + odds))

    def terms(self, w: Array) -> Array:
        """(..., targets, domains) K_i w_i^g_i, what each domain adds to S at w (..., 1 or targets, domains)."""
        return self.transfer * w**self.exponent

    def growth(self, w: Array) -> Array:
        """(targets, domains) dS / dw."""
        return self.transfer * self.exponent * np.maximum(w, SMALLEST) ** (self.exponent - 1)

    def bend(self, w: Array) -> Array:
        """(targets, domains) d2S / dw2, never positive."""
        return (
            self.transfer
            * self.exponent
            * (self.exponent - 1)
            * np.maximum(w, SMALLEST) ** (self.exponent - 2)
        )


@dataclass(frozen=True)
class Prior:
    """Strengths tau and centres mu of the penalty (n / 64)^(2/3) sum tau (theta - mu)^2, on the logarithmic parameters."""

    transfer: tuple[float, float] = (0.004, -2.5)
    own: float = 4.0  # what a target's own domain adds to the centre of its log K
    exponent: tuple[float, float] = (0.02, 0.8)
    power: tuple[float, float] = (0.02, float(np.log(0.2)))
    offset: tuple[float, float] = (0.006, -2.5)
    level: float = 0.02  # centre: the data-driven start
    linear: float = 0.2

    def times(self, factor: float) -> "Prior":
        """The same centres, held `factor` times as strongly; the linear term as before."""
        held: dict[str, Any] = {
            n: (factor * getattr(self, n)[0], getattr(self, n)[1])
            for n in ("transfer", "exponent", "power", "offset")
        }
        return replace(self, level=factor * self.level, **held)


ADDITIVE = Prior(
    power=(1e9, 0.0), offset=(1e9, -30.0), linear=1e9
)  # held: b = 1, eps = 0, beta = 0


def fit_law(
    weights: Array,
    losses: Array,
    prior: Prior,
    iterations: int = 200,
    own: Array | None = None,
    near: Law | None = None,
) -> Law:
    """Batched Levenberg-Marquardt on pseudo-Huber residuals: (runs, domains) and (runs, targets) -> Law.

    `own` (targets, domains) is 1 where a target's text is a domain's, and 0 elsewhere. `near` is where to start from; the penalty's
    centres are the data's own all the same.
    """
    m, spread = weights.shape[1], np.maximum(losses.std(axis=0), 1e-9)
    start = _start(weights, losses, spread, prior)
    strength, centre = _penalty(start, m, prior)
    if own is not None:
        centre[:, 4 : 4 + m] += prior.own * own
    strength = strength * (len(weights) / PRIOR_RUNS) ** GROWTH

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        return _residuals(theta, weights, losses.T[rows], spread[rows])

    first = start if near is None else _parameters(near, spread)
    return _law(minimise(first, residuals, strength, centre, iterations)[0], spread)


def trust(losses: Array, spread: Array) -> Array:
    """(targets, runs) weights of residuals, 1 on average: the law is wanted near a target's best mixtures, not where it is starved."""
    found = 1 / (1 + (losses - losses.min(axis=1, keepdims=True)) / (FADE * spread[:, None]))
    return found / found.mean(axis=1, keepdims=True)


def _start(weights: Array, losses: Array, spread: Array, prior: Prior) -> Array:
    """log K from each domain's correlation with the loss; E and A by regressing the loss on the effective data that makes."""
    runs, m = weights.shape
    targets = losses.shape[1]
    root = np.sqrt(np.maximum(weights, 0))
    root = (root - root.mean(axis=0)) / np.maximum(root.std(axis=0), 1e-9)
    correlation = ((losses - losses.mean(axis=0)) / spread).T @ root / runs
    theta = np.zeros((targets, 4 + 3 * m))
    theta[:, POWER], theta[:, OFFSET] = prior.power[1], prior.offset[1]
    theta[:, 4 : 4 + m] = -1 - 4 * correlation
    theta[:, 4 + m : 4 + 2 * m] = prior.exponent[1]
    shape = _law(theta, spread).effective(weights) ** -np.exp(prior.power[1])
    centred = shape - shape.mean(axis=0)
    slope = (centred * losses).sum(axis=0) / np.maximum((centred**2).sum(axis=0), 1e-12)
    slope = np.maximum(slope, 0.1 * spread / np.maximum(shape.std(axis=0), 1e-9))
    level = np.maximum(
        losses.mean(axis=0) - slope * shape.mean(axis=0), 0.1 * np.abs(losses.min(axis=0)) + 1e-6
    )
    theta[:, LEVEL], theta[:, SCALE] = np.log(level), np.log(slope)
    return theta


def _penalty(start: Array, m: int, prior: Prior) -> tuple[Array, Array]:
    """(parameters,) strengths and (targets, parameters) centres."""
    strength, centre = np.empty(start.shape[1]), start.copy()
    strength[[LEVEL, SCALE]] = prior.level
    transfer, exponent = slice(4, 4 + m), slice(4 + m, 4 + 2 * m)
    for column, (tau, mu) in (
        (POWER, prior.power),
        (OFFSET, prior.offset),
        (transfer, prior.transfer),
        (exponent, prior.exponent),
    ):
        strength[column], centre[:, column] = tau, mu
    strength[4 + 2 * m :], centre[:, 4 + 2 * m :] = prior.linear, 0.0
    return strength, centre


def _law(theta: Array, spread: Array) -> Law:
    m = (theta.shape[1] - 4) // 3
    level, scale, power, offset = np.exp(theta[:, :4]).T
    transfer, logit, linear = (
        np.exp(theta[:, 4 : 4 + m]),
        theta[:, 4 + m : 4 + 2 * m],
        theta[:, 4 + 2 * m :],
    )
    return Law(
        level, scale, power, offset, transfer, 1 / (1 + np.exp(-logit)), spread[:, None] * linear
    )


def _parameters(law: Law, spread: Array) -> Array:
    """The inverse of `_law`."""
    curve = np.log(
        np.maximum(
            np.column_stack([law.level, law.scale, law.power, law.offset, law.transfer]), 1e-300
        )
    )
    exponent = np.clip(law.exponent, 1e-9, 1 - 1e-9)
    return np.column_stack(
        [curve, np.log(exponent) - np.log1p(-exponent), law.linear / spread[:, None]]
    )


def _residuals(theta: Array, weights: Array, losses: Array, spread: Array) -> tuple[Array, Array]:
    """(targets, runs) residuals in standard deviations and their (targets, runs, parameters) Jacobian."""
    law, m = _law(theta, spread), weights.shape[1]
    logs = np.log(np.maximum(weights, 1e-300))
    terms = law.transfer[:, None, :] * np.where(
        weights > 0, np.exp(law.exponent[:, None, :] * logs), 0.0
    )
    effective = law.offset[:, None] + terms.sum(axis=2)
    fall = law.scale[:, None] * effective ** -law.power[:, None]
    slope = -law.power[:, None] * fall / effective  # d loss / d effective data
    jacobian = np.empty((*losses.shape, theta.shape[1]))
    jacobian[..., LEVEL] = law.level[:, None]
    jacobian[..., SCALE] = fall
    jacobian[..., POWER] = -law.power[:, None] * fall * np.log(effective)
    jacobian[..., OFFSET] = slope * law.offset[:, None]
    jacobian[..., 4 : 4 + m] = slope[..., None] * terms
    growth = (law.exponent * (1 - law.exponent))[:, None, :] * logs
    jacobian[..., 4 + m : 4 + 2 * m] = jacobian[..., 4 : 4 + m] * growth
    jacobian[..., 4 + 2 * m :] = spread[:, None, None] * weights
    predicted = law.level[:, None] + fall + law.linear @ weights.T
    trusted = trust(losses, spread) / spread[:, None]
    return (predicted - losses) * trusted, jacobian * trusted[..., None]
