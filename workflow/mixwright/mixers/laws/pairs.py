"""The effective-data law with pairs of domains that help each other, of one target's loss.

    S(w) = eps + sum_i K_i w_i^g_i + sum_i<j P_ij sqrt(w_i w_j)

P_ij is what domains i and j add to the effective data together: nothing where one of them is
missing. The rest is as in `law`. With g <= 1 the loss is convex all the same, for the root of a
product of two weights is concave.
"""

from dataclasses import dataclass

import numpy as np

from mixwright.mixers.laws.law import SMALLEST, Law
from mixwright.mixture import Array


@dataclass(frozen=True)
class PairLaw(Law):
    """Parameters of the law with pairs, one row a target."""

    # P (targets, pairs) in the order of `numpy.triu_indices`
    pairs: Array

    def effective(self, weights: Array) -> Array:
        """Returns (mixtures, targets) effective data S of weights (mixtures, domains)."""
        alone = super().effective(weights)
        roots = roots_of(weights)
        together = roots @ self.pairs.T
        return alone + together

    def growth(self, w: Array) -> Array:
        """Returns (targets, domains) dS / dw at w (domains,)."""
        roots = np.sqrt(np.maximum(w, SMALLEST))
        growth = self.matrix() @ roots
        together = growth / roots
        alone = super().growth(w)
        return alone + together / 2

    def curvature(self, importance: Array, w: Array) -> Array:
        """Returns the (domains, domains) Hessian of importance @ losses at w (domains,)."""
        mu = importance * self.worth(w)
        roots = np.sqrt(np.maximum(w, SMALLEST))
        matrix = np.einsum("k,kij->ij", mu, self.matrix())
        slopes = matrix @ roots
        falls = slopes / roots**3
        rises = matrix / np.outer(roots, roots)
        together = rises - np.diag(falls)
        alone = super().curvature(importance, w)
        return alone - together / 4

    def matrix(self) -> Array:
        """Returns (targets, domains, domains) P, the same on both sides of its diagonal of 0."""
        m = self.transfer.shape[1]
        first, second = np.triu_indices(m, 1)
        targets = len(self.pairs)
        matrix = np.zeros((targets, m, m))
        matrix[:, first, second] = self.pairs
        matrix[:, second, first] = self.pairs
        return matrix


def pairs_of(domains: int) -> int:
    """Returns how many pairs so many domains make."""
    return domains * (domains - 1) // 2


def roots_of(weights: Array) -> Array:
    """Returns (mixtures, pairs) roots of the products of two weights (mixtures, domains)."""
    domains = weights.shape[1]
    first, second = np.triu_indices(domains, 1)
    positive = np.maximum(weights, 0)
    root = np.sqrt(positive)
    of_first = root[:, first]
    of_second = root[:, second]
    return of_first * of_second
