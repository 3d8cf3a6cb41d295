"""How far mixtures lie outside what the runs tried.

h(w) = (s(w) - c)' (C + r I)^-1 (s(w) - c) / mean of the same over the runs

s(w)  roots of the weights: a trace of a domain differs much from none of it
c, C  mean and covariance of the runs' roots
r     a share of the mean variance, for directions in which no run moves
"""

from dataclasses import dataclass

import numpy as np

from mixwright.mixture import Array

# r, as a share of the mean variance
RIDGE = 0.01
# keeps a swarm without variance from dividing by 0
TINY = 1e-12


@dataclass(frozen=True)
class Cover:
    """The region that runs cover, as an ellipsoid."""

    # (domains,) roots
    centre: Array
    # (domains, domains)
    precision: Array
    # (runs,) h of the runs, 1 on average
    of_runs: Array

    @classmethod
    def of(cls, weights: Array) -> "Cover":
        """Measures the region of runs (runs, domains)."""
        roots = _roots(weights)
        runs, domains = roots.shape
        centre = roots.mean(axis=0)
        centred = roots - centre
        squares = centred.T @ centred
        covariance = squares / runs
        mean_variance = np.trace(covariance) / domains
        ridge = RIDGE * mean_variance + TINY
        identity = np.eye(domains)
        precision = np.linalg.inv(covariance + ridge * identity)
        plain = _forms(centred, precision)
        scale = max(float(plain.mean()), TINY)
        return cls(
            centre=centre,
            precision=precision / scale,
            of_runs=plain / scale,
        )

    def leverage(self, weights: Array) -> Array:
        """Returns (mixtures,) h of mixtures (mixtures, domains)."""
        centred = _roots(weights) - self.centre
        return _forms(centred, self.precision)

    def distance(self, weights: Array) -> Array:
        """Returns (mixtures,) distances from the centre; that of the outermost run is 1."""
        outermost = float(self.of_runs.max())
        leverage = self.leverage(weights)
        ratio = leverage / max(outermost, TINY)
        return np.sqrt(ratio)


def _roots(weights: Array) -> Array:
    """Roots of weights; rounding may leave one below 0."""
    positive = np.maximum(weights, 0.0)
    return np.sqrt(positive)


def _forms(centred: Array, precision: Array) -> Array:
    """(mixtures,) quadratic forms of (mixtures, domains)."""
    products = centred @ precision
    terms = products * centred
    return np.asarray(terms.sum(axis=1))
