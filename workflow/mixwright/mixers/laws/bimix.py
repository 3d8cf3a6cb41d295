"""BiMix (arXiv 2405.14908) at one scale: the loss on a domain is a power law of that domain's own proportion."""

from dataclasses import dataclass

import numpy as np

from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import LawMixer
from mixwright.mixture import Array
from mixwright.numerics.least_squares import Rows, minimise
from mixwright.observations import Observations


@dataclass(frozen=True)
class BiMix(LawMixer):
    """L_k(w) = A_k (offset + w_d)^(-a_k), d the domain called k; at one scale the paper's factor B_k / s^b_k + C_k is part of A_k.

    A target that is no domain follows the domain that explains it best. The offset keeps a weight of 0 finite.
    """

    offset: float = 1e-3
    name = "bimix"

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        m, targets = len(swarm.domains), len(swarm.targets)
        losses = np.repeat(
            swarm.losses, m, axis=1
        )  # every target on every domain, target by target
        level, power, cost = _power_laws(
            np.tile(swarm.weights, targets) + self.offset, losses, iterations
        )
        best = cost.reshape(targets, m).argmin(axis=1)
        own = [
            swarm.domains.index(target) if target in swarm.domains else best[k]
            for k, target in enumerate(swarm.targets)
        ]
        column = np.arange(targets) * m + np.array(own)
        transfer = np.eye(m)[own]
        nothing = np.zeros((targets, m))
        return Law(
            np.zeros(targets),
            level[column],
            power[column],
            np.full(targets, self.offset),
            transfer,
            nothing + 1.0,
            nothing,
        )

    def note(self, importance: Array, weights: Array) -> str:
        pairs = zip(
            self.targets, self.law.transfer.argmax(axis=1).tolist(), importance, strict=True
        )
        followed = [
            f"{target} follows {self.domains[i]}"
            for target, i, weight in pairs
            if weight > 0 and target != self.domains[i]
        ]
        return "each target follows one domain" + (
            "" if not followed else ": " + ", ".join(followed[:3])
        )


def _power_laws(x: Array, losses: Array, iterations: int) -> tuple[Array, Array, Array]:
    """A, a and the cost of losses = A x^-a, column by column of x and losses, both (runs, columns)."""
    spread = np.maximum(losses.std(axis=0), 1e-9)[:, None]
    logs = np.log(x).T
    strength, centre = np.array([1e-6, 1e-3]), np.array([0.0, np.log(0.1)])
    start = np.column_stack(
        [
            np.log(np.maximum(losses.mean(axis=0), 1e-9)) + 0.1 * logs.mean(axis=1),
            np.full(len(logs), np.log(0.1)),
        ]
    )

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        power = np.exp(theta[:, 1:])
        predicted = np.exp(theta[:, :1] - power * logs[rows])
        jacobian = np.stack([predicted, -predicted * power * logs[rows]], axis=2)
        return (predicted - losses.T[rows]) / spread[rows], jacobian / spread[rows][..., None]

    theta, cost = minimise(
        start, residuals, strength, np.broadcast_to(centre, start.shape), iterations
    )
    return np.exp(theta[:, 0]), np.exp(theta[:, 1]), cost
