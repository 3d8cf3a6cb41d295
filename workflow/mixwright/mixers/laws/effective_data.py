"""The effective-data law as a mixer, one law a target.

    L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b) + beta.w

    L         loss of a target, nats/token
    w_i       weight of domain i in the training mixture
    E         level, nats/token
    A, b      scale (nats/token) and power of the fall of the loss with effective data
    eps       effective data from no domain
    K_i, g_i  transfer and diminishing returns of domain i
    beta_i    linear rest, nats/token

It widens the additive law of arXiv 2507.09404 (see `additive`) by the power b, the offset eps and
the linear term. How it is fitted stands in `fit`, how it is minimised in `optimum`.
"""

from dataclasses import dataclass, field

from mixwright.mixers.base import FITTED, UNKNOWN
from mixwright.mixers.laws.fit import fit_law
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import LawMixer, law_of
from mixwright.mixers.laws.prior import Prior
from mixwright.mixture import Array
from mixwright.observations import Observations

# A law of smaller models is held so many times as strongly as a law's usual priors.
AROUND = 30.0


@dataclass(frozen=True)
class EffectiveData(LawMixer):
    """Fits the effective-data law to a swarm and proposes its certified optimum.

    A target that bears a domain's name is taken to be that domain's text.
    """

    # (targets, 4 + 3 domains) the law of smaller models' runs; None: nothing is known before
    around: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    name = "effective-data"

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        """Fits the law to a swarm, `near` some law if one is given."""
        prior = Prior()
        centre = None
        if self.around is not None:
            prior = prior.times(AROUND)
            centre = law_of(self.around)
        return fit_law(
            swarm.weights,
            swarm.losses,
            prior,
            iterations,
            swarm.same_text,
            near,
            around=centre,
        )
