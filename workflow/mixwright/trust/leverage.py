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
        roots = np.sqrt(np.maximum(weights, 0.0))
        centre = roots.mean(axis=0)
        centred = roots - centre
        covariance = centred.T @ centred / len(roots)
        domains = len(centre)
        ridge = RIDGE * np.trace(covariance) / domains + 1e-12
        precision = np.linalg.inv(covariance + ridge * np.eye(domains))
        plain = _squares(centred, precision)
        scale = max(float(plain.mean()), 1e-300)
        return cls(centre, precision / scale, plain / scale)

    def leverage(self, weights: Array) -> Array:
        """Returns (mixtures,) h of mixtures (mixtures, domains)."""
        roots = np.sqrt(np.maximum(weights, 0.0))
        return _squares(roots - self.centre, self.precision)

    def distance(self, weights: Array) -> Array:
        """Returns (mixtures,) distances from the centre; that of the outermost run is 1."""
        outermost = max(float(self.of_runs.max()), 1e-300)
        return np.sqrt(self.leverage(weights) / outermost)


def _squares(centred: Array, precision: Array) -> Array:
    """(mixtures,) quadratic forms of (mixtures, domains)."""
    products = centred @ precision
    return np.asarray((products * centred).sum(axis=1))
