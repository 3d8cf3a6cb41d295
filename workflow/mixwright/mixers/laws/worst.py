"""The best mixture of convex laws for the worst target, with a certificate.

    minimise  max_k ( L_k(w) - r_k )   inside bounds,  with L_k(w) <= M_k where a limit is set

The maximum of convex losses is convex. A smooth stand-in s log sum_k exp((L_k - r_k) / s) lies at
most s log(targets) above it, and s is made small. For any shares p of the targets, which sum to 1,

    min_w max_k (L_k - r_k)  >=  min_w sum_k p_k (L_k - r_k),

and the right side is a weighted sum, whose least value the mean's certificate bounds. With the
shares of the stand-in both sides nearly meet.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from mixwright.mixers.laws.optimum import Certify, Laws
from mixwright.mixture import Array
from mixwright.numerics.interior_point import minimise_inside
from mixwright.simplex.geometry import Groups

# Smoothings, nats/token; a finer one is tried where the certificate is not tight.
SMOOTHINGS: Sequence[float] = (1e-3, 1e-4, 1e-5, 1e-6)
# A gap below this, in nats/token, is not made tighter.
TIGHT = 1e-6


@dataclass(frozen=True)
class Smooth:
    """Laws, and the smooth greatest excess of the counted ones as one target more, the last."""

    laws: Laws
    # (targets,) 0 for targets that count, minus infinity for others
    counted: Array
    # (targets,) r, nats/token
    reference: Array
    # s, nats/token
    smoothing: float

    def scaled(self, losses: Array) -> Array:
        """Returns (..., targets) excesses over s, minus infinity where a target does not count."""
        scaled: Array = (losses - self.reference) / self.smoothing + self.counted
        return scaled

    def shares(self, w: Array) -> Array:
        """Returns (targets,) shares p at w (domains,)."""
        losses = self.laws.predict(w[None])[0]
        return np.asarray(softmax(self.scaled(losses)))

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, targets + 1) losses, nats/token."""
        losses = self.laws.predict(weights)
        greatest = self.smoothing * logsumexp(self.scaled(losses), axis=1)
        return np.column_stack([losses, greatest])

    def slopes(self, w: Array) -> Array:
        """Returns (targets + 1, domains) gradients at w (domains,)."""
        slopes = self.laws.slopes(w)
        mean = self.shares(w) @ slopes
        return np.vstack([slopes, mean])

    def curvature(self, importance: Array, w: Array) -> Array:
        """Returns the (domains, domains) Hessian of importance @ losses at w (domains,)."""
        shares = self.shares(w)
        last = importance[-1]
        both = importance[:-1] + last * shares
        slopes = self.laws.slopes(w)
        apart = slopes - shares @ slopes
        unlikeness = (apart.T * shares) @ apart
        bend = self.laws.curvature(both, w)
        return np.asarray(bend + last / self.smoothing * unlikeness)


def best_for_worst(
    laws: Laws,
    importance: Array,
    reference: Array,
    lower: Array,
    upper: Array,
    groups: Groups,
    limits: Array,
    start: Array,
    certify: Certify,
) -> tuple[Array, float]:
    """Returns the mixture of least greatest excess, and a bound on what it misses.

    Args:
        laws: of all targets, convex.
        importance: (targets,) those above 0 count, and count alike.
        reference: (targets,) r, nats/token.
        lower: (domains,) floors.
        upper: (domains,) caps.
        groups: bounds of sums of weights.
        limits: (targets,) the greatest losses allowed (nats/token), infinite where none is set.
        start: (domains,) a mixture inside that keeps the limits.
        certify: bounds f(w) - min f of a weighted sum f of the laws.

    Returns:
        The mixture (domains,) and the bound, nats/token.
    """
    chosen = (importance > 0) | np.isfinite(limits)
    laws = laws.only(chosen)
    limits = limits[chosen]
    reference = reference[chosen]
    counted = np.where(importance[chosen] > 0, 0.0, -np.inf)
    limited = np.isfinite(limits)
    alone = np.append(np.zeros(len(limits)), 1.0)
    most = np.append(limits, np.inf)
    best = start
    least_gap = np.inf
    for smoothing in SMOOTHINGS:
        smooth = Smooth(laws, counted, reference, smoothing)
        w, multipliers = minimise_inside(smooth, alone, lower, upper, groups, most, start)
        losses = laws.predict(w[None])[0]
        shares = smooth.shares(w)
        prices = multipliers[:-1]
        over = losses - reference
        excess = float(over[counted == 0].max() - shares @ over)
        slack = float(prices[limited] @ (limits - losses)[limited])
        gap = excess + slack + certify(laws, shares + prices, w, lower, upper, groups)
        if gap < least_gap:
            best = w
            least_gap = gap
        if least_gap <= TIGHT:
            break
    return best, max(0.0, least_gap)
