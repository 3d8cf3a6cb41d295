"""The effective-data law as a mixer: one convex law a target, and the certified optimum of their weighted sum."""

from dataclasses import dataclass

import numpy as np

from mixwright.mixers.laws.law import Law, Prior, fit_law
from mixwright.mixers.laws.mixer import LawMixer
from mixwright.observations import Observations


@dataclass(frozen=True)
class EffectiveData(LawMixer):
    """L(w) = E + A (eps + sum_i K_i w_i^g_i)^(-b) + beta.w; a target that bears a domain's name is taken to be that domain's text."""

    name = "effective-data"

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        own = np.array(
            [[float(domain == target) for domain in swarm.domains] for target in swarm.targets]
        )
        return fit_law(swarm.weights, swarm.losses, Prior(), iterations, own, near)
