"""The additive law of Scaling Laws for Optimal Data Mixtures (arXiv 2507.09404), at one scale, as a mixer."""

from dataclasses import dataclass

from mixwright.mixers.laws.law import ADDITIVE, Law, fit_law
from mixwright.mixers.laws.mixer import LawMixer
from mixwright.observations import Observations


@dataclass(frozen=True)
class Additive(LawMixer):
    """L(w) = E + 1 / sum_i C_i w_i^g_i: the effective-data law with b = 1 and neither offset nor linear term; convex, as g < 1."""

    name = "additive"

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        return fit_law(swarm.weights, swarm.losses, ADDITIVE, iterations, near=near)
