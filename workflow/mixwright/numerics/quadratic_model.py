"""The quadratic model of a convex objective around a point, with its pull to a prior as it is.

    q(w) = g.(w - v) + (w - v)'H(w - v) / 2 + w.p(w),   p(w) = tau (log(w / prior) + 1)

v is the point, g and H the objective's gradient and Hessian there without the pull, and
w.p(w) is the pull tau KL(w || prior) plus tau, where weights sum to 1. Values and slopes of the
model are those of a function on the simplex: only differences along it count.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# Stands for a weight of 0 where its logarithm or reciprocal is taken.
TINY = 1e-300


def pull_slope(weights: Array, prior: Array, tau: float) -> Array:
    """Returns the (domains,) gradient tau (log(w / prior) + 1) of tau KL(w || prior)."""
    ratio = np.maximum(weights, TINY) / prior
    return np.asarray(tau * (np.log(ratio) + 1))


@dataclass(frozen=True)
class QuadraticModel:
    """The model q as one target's loss: what the interior point method minimises."""

    # v (domains,)
    point: Array
    # (domains,) at the point, with the pull's part
    gradient: Array
    # indices of the domains that the curvature speaks of
    active: NDArray[np.int64]
    # H (active, active)
    bend: Array
    # (domains,) above 0
    prior: Array
    # strength of the pull; 0 for none
    tau: float

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, 1) values of the model."""
        return np.array([[self._value(w)] for w in weights])

    def slopes(self, w: Array) -> Array:
        """Returns the (1, domains) gradient at w (domains,)."""
        moved = (w - self.point)[self.active]
        slope = self._plain + self._pull(w)
        slope[self.active] += self.bend @ moved
        return np.asarray(slope)[None]

    def curvature(self, importance: Array, w: Array) -> Array:
        """Returns the (domains, domains) Hessian at w (domains,), times importance (1,)."""
        hessian = np.diag(self.tau / np.maximum(w, TINY))
        block = np.ix_(self.active, self.active)
        hessian[block] += self.bend
        return np.asarray(importance[0] * hessian)

    @property
    def _plain(self) -> Array:
        """g: the gradient at the point without the pull's part."""
        return self.gradient - self._pull(self.point)

    def _pull(self, w: Array) -> Array:
        if self.tau:
            return pull_slope(w, self.prior, self.tau)
        return np.zeros(len(w))

    def _value(self, w: Array) -> float:
        step = w - self.point
        moved = step[self.active]
        straight = float(self._plain @ step)
        bent = float(moved @ self.bend @ moved) / 2
        pull = float(w @ self._pull(w))
        return straight + bent + pull
