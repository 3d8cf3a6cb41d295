"""A law that is a sum over the domains, each with a shape of its own, of one target's loss.

    L(w) = E - sum_i a_i h_i(w_i) + beta.w,    h_i(w) = H(w / c_i) / H(1 / c_i),
    H(x) = x^g / (1 + x^g)

    L       loss of the target, nats/token
    w_i     weight of domain i in the training mixture, from 0 to 1
    E       level of the loss where no domain helps, nats/token
    a_i     what a training on domain i alone takes off the loss, nats/token; negative for harm
    c_i     half-way share: from there on more of the domain is worth less
    g_i     steepness; at 8 and more the domain helps from a threshold on
    beta_i  linear rest, nats/token

H is the Hill function. A large c makes it the power w^g; a small one lets the domain saturate. The
shape (c, g) is a property of the domain, the same for all targets. The law is not convex, but its
optimum is that of a sum over the domains (see `numerics.allocation`).
"""

from dataclasses import dataclass

import numpy as np

from mixwright.mixture import Array


@dataclass(frozen=True)
class ShapedLaw:
    """Parameters of the law, one row a target."""

    # E (targets,) nats/token
    level: Array
    # a (targets, domains) nats/token
    gain: Array
    # beta (targets, domains) nats/token
    linear: Array
    # c (targets, domains), all rows alike
    half: Array
    # g (targets, domains), all rows alike
    steepness: Array

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, targets) losses, nats/token, of weights (mixtures, domains)."""
        shares = shape(weights, self.half[0], self.steepness[0])
        return self.level - shares @ self.gain.T + weights @ self.linear.T

    def gains(self, importance: Array, weights: Array) -> Array:
        """Returns (mixtures, domains) what each domain takes off importance @ losses."""
        shares = shape(weights, self.half[0], self.steepness[0])
        gained = shares * (importance @ self.gain)
        return gained - weights * (importance @ self.linear)


def shape(weights: Array, half: Array, steepness: Array) -> Array:
    """Returns h of weights, half-way shares and steepness, which are broadcast together.

    It is 0 at a weight of 0 and 1 at 1.
    """
    positive = np.maximum(weights, 0)
    relative = (positive / half) ** steepness
    reached = relative / (1 + relative)
    whole = half**-steepness
    most = whole / (1 + whole)
    return reached / most
