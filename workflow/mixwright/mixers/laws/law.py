"""The effective-data law of one target's loss: its values and derivatives.

    L(w) = E + A S(w)^(-b) + beta.w,    S(w) = eps + sum_i K_i w_i^g_i

    L       loss of the target, nats/token
    w_i     weight of domain i in the training mixture, from 0 to 1
    S       effective data: what the mixture holds for the target, in shares of a training
    E       level that more effective data does not reach under, nats/token
    A, b    scale (nats/token at S = 1) and power of the fall of the loss with effective data
    eps     effective data that the target has from no domain
    K_i     transfer: what a training on domain i alone adds to the effective data
    g_i     diminishing returns of domain i, below 1
    beta_i  linear rest, nats/token

A, b, eps, K and g are positive. E has any sign: losses may be counted from anywhere. With g < 1
the loss is convex in w, so that its minimum under bounds is global. In amounts n_i (tokens) in
place of w_i the same law carries scale. With b = 1, eps = 0 and beta = 0 it is the additive law of
arXiv 2507.09404.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# Weights below this count as 0 where powers of them are taken.
SMALLEST = 1e-14
# An exponent of 1 and more is tamed to this one.
STEEPEST = 0.999


@dataclass(frozen=True)
class Law:
    """Parameters of the law, one row a target; exponents are below 1.

    All but `level` and `linear` are positive. A target that never varies has a scale of 0.
    """

    # E (targets,) nats/token
    level: Array
    # A (targets,) nats/token
    scale: Array
    # b (targets,)
    power: Array
    # eps (targets,)
    offset: Array
    # K (targets, domains)
    transfer: Array
    # g (targets, domains)
    exponent: Array
    # beta (targets, domains) nats/token
    linear: Array

    def effective(self, weights: Array) -> Array:
        """Returns (mixtures, targets) effective data S of weights (mixtures, domains)."""
        positive = np.maximum(weights, 0)[:, None, :]
        return self.offset + self.terms(positive).sum(axis=2)

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, targets) losses, nats/token, of weights (mixtures, domains)."""
        fall = self.scale * self.effective(weights) ** -self.power
        return self.level + fall + weights @ self.linear.T

    def slopes(self, w: Array) -> Array:
        """Returns (targets, domains) gradients of the losses at w (domains,)."""
        worth = self.worth(w)[:, None]
        return self.linear - worth * self.growth(w)

    def curvature(self, importance: Array, w: Array) -> Array:
        """Returns the (domains, domains) Hessian of importance @ losses at w (domains,)."""
        mu = importance * self.worth(w)
        growth = self.growth(w)
        effective = self.effective(w[None])[0]
        steepness = mu * (self.power + 1) / effective
        outer = (growth.T * steepness) @ growth
        return outer - np.diag(mu @ self.bend(w))

    def worth(self, w: Array) -> Array:
        """Returns (targets,) the fall of the loss by effective data, A b S^(-b-1), at w."""
        effective = self.effective(w[None])[0]
        return self.scale * self.power * effective ** (-self.power - 1)

    def only(self, chosen: NDArray[np.bool_]) -> "Law":
        """Returns the law of the targets that are `chosen` (targets,)."""
        return type(self)(*(part[chosen] for part in vars(self).values()))

    def raised(self, by: Array) -> "Law":
        """Returns the law of losses that are greater by (targets,) constants, nats/token."""
        return replace(self, level=self.level + by)

    def where(self, chosen: NDArray[np.bool_], other: "Law") -> "Law":
        """Returns this law's rows where `chosen` (targets,) is true, the other's elsewhere."""
        parts = []
        for name, mine in vars(self).items():
            theirs = getattr(other, name)
            mask = chosen
            if mine.ndim == 2:
                mask = chosen[:, None]
            parts.append(np.where(mask, mine, theirs))
        return type(self)(*parts)

    def flat(self, losses: Array) -> "Law":
        """Returns a law that says (targets,) losses of every mixture, nats/token."""
        return replace(
            self,
            level=losses,
            scale=np.zeros_like(self.scale),
            linear=np.zeros_like(self.linear),
        )

    def tamed(self) -> "Law":
        """Returns the nearest convex law without pairs: exponents of at most 1."""
        names = ("level", "scale", "power", "offset", "transfer", "linear")
        parts = {name: getattr(self, name) for name in names}
        return Law(exponent=np.minimum(self.exponent, STEEPEST), **parts)

    def shaken(self, rng: np.random.Generator) -> "Law":
        """Returns a law some way off, to start a fit from.

        K, b and the odds g / (1 - g) are multiplied by random factors.
        """
        odds = self.exponent / (1 - self.exponent)
        odds = odds * np.exp(rng.normal(0, 1, self.exponent.shape))
        power = self.power * np.exp(rng.normal(0, 0.4, self.power.shape))
        transfer = self.transfer * np.exp(rng.normal(0, 1.0, self.transfer.shape))
        return replace(self, power=power, transfer=transfer, exponent=odds / (1 + odds))

    def terms(self, w: Array) -> Array:
        """Returns (..., targets, domains) K_i w_i^g_i, what each domain adds to S.

        `w` is (..., 1 or targets, domains).
        """
        return self.transfer * w**self.exponent

    def growth(self, w: Array) -> Array:
        """Returns (targets, domains) dS / dw at w (domains,)."""
        weights = np.maximum(w, SMALLEST)
        return self.transfer * self.exponent * weights ** (self.exponent - 1)

    def bend(self, w: Array) -> Array:
        """Returns (targets, domains) d2S / dw2, never positive, at w (domains,)."""
        weights = np.maximum(w, SMALLEST)
        factor = self.transfer * self.exponent * (self.exponent - 1)
        return factor * weights ** (self.exponent - 2)
