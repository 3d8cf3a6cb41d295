"""Olmix's exact proposal: the log-linear law with a pull to natural (arXiv 2602.12237, its code).

    minimise  sum_k a_k (c_k + exp(t_k.w)) + lambda sum_i w_i log(w_i / q_i)

    a_k     weight of target k in the goal
    c, t    the log-linear law of a target, see `log_linear`
    q       the natural mixture: domains in proportion to their tokens
    lambda  strength of the pull, in the objective's unit (nats/token) for each nat of divergence

It is convex, and its optimum is certified. The pull keeps the log-linear law off its corners. The
published code pulls with .05 to .1 and caps a domain at four passes over its tokens; its losses are
in bits/byte, which are smaller numbers, so that the same strength pulls more there. Of losses in
another unit, choose it anew.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal
from mixwright.mixers.laws.log_linear import Exponentials, LogLinear
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.simplex.geometry import Groups, frank_wolfe_gap

# A share that counts as none: the natural mixture is never 0 in the divergence (as published).
LEAST_SHARE = 1e-12


@dataclass(frozen=True)
class Olmix(LogLinear):
    """Fits c + exp(t.w) to each target, and proposes the optimum that is pulled to natural."""

    # lambda, in the objective's unit
    pull: float = 0.05
    name = "olmix"

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float]:
        """Returns the best mixture (domains,) and its certified gap, nats/token."""
        natural = np.maximum(goal.natural, LEAST_SHARE)
        laws = _Pulled(Exponentials(self.parameters), natural / natural.sum())
        return best_mixture(
            laws,
            np.append(importance, self.pull),
            *goal.bounds.parts,
            np.append(limits.most, np.inf),
            limits.start,
            certify=_gap,
        )

    def note(self, importance: Array, weights: Array) -> str:
        """Returns a sentence on the pull."""
        strength = f"{self.pull:g} of the objective's unit for each nat of divergence"
        return f"pulled to natural by {strength}"


@dataclass(frozen=True)
class _Pulled:
    """The laws of some targets, and the divergence from the natural mixture as one more."""

    laws: Exponentials
    # (domains,)
    natural: Array
    # whether the divergence is there
    pulls: bool = True

    def only(self, chosen: NDArray[np.bool_]) -> "_Pulled":
        """Returns the laws of the chosen targets, the divergence last."""
        return _Pulled(self.laws.only(chosen[:-1]), self.natural, bool(chosen[-1]))

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, targets [+ 1]) losses and divergence, nats/token."""
        losses = self.laws.predict(weights)
        if not self.pulls:
            return losses
        logs = np.log(np.where(weights > 0, weights, 1.0) / self.natural)
        divergence = (weights * logs).sum(axis=1, keepdims=True)
        return np.hstack([losses, divergence])

    def slopes(self, w: Array) -> Array:
        """Returns (targets [+ 1], domains) gradients at w (domains,)."""
        slopes = self.laws.slopes(w)
        if not self.pulls:
            return slopes
        of_divergence = np.log(np.maximum(w, LEAST_SHARE) / self.natural) + 1
        return np.vstack([slopes, of_divergence])

    def curvature(self, importance: Array, w: Array) -> Array:
        """Returns the (domains, domains) Hessian of importance @ losses at w (domains,)."""
        if not self.pulls:
            return self.laws.curvature(importance, w)
        curvature = self.laws.curvature(importance[:-1], w)
        return curvature + np.diag(importance[-1] / np.maximum(w, LEAST_SHARE))


def _gap(
    laws: _Pulled,
    importance: Array,
    weights: Array,
    lower: Array,
    upper: Array,
    groups: Groups = (),
) -> float:
    """Returns the Frank-Wolfe gap, max over w' of slope.(w - w'), nats/token.

    The optimum has no weight of 0 where natural has none, so that slopes are finite there.
    """
    slope = importance @ laws.slopes(weights)
    return frank_wolfe_gap(slope, weights, lower, upper, groups)
