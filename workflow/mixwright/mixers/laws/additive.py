"""The additive law of "Scaling Laws for Optimal Data Mixtures" (Shukor et al., arXiv 2507.09404).

    L(w) = E + 1 / sum_i C_i w_i^g_i

    L    loss of a target, nats/token
    w_i  weight of domain i in the training mixture
    E    level, nats/token
    C_i  transfer of domain i, per nat/token
    g_i  diminishing returns of domain i, below 1

The paper adds terms in model size and tokens. All runs of a swarm share these, so they are part of
E here. The law is convex in w.
"""

from dataclasses import dataclass

from mixwright.mixers.laws.fit import fit_law
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import LawMixer
from mixwright.mixers.laws.prior import ADDITIVE
from mixwright.observations import Observations


@dataclass(frozen=True)
class Additive(LawMixer):
    """Fits the additive law: the effective-data law with b = 1 and neither offset nor linear term.

    A and K stand in the saved law for C = K / A.
    """

    name = "additive"

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        """Fits the law to a swarm, `near` some law if one is given."""
        return fit_law(swarm.weights, swarm.losses, ADDITIVE, iterations, near=near)
