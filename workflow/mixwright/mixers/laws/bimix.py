"""BiMix at one scale (Ge et al., arXiv 2405.14908): a target follows one domain's weight.

    L_d(w, s) = (A_d / w_d^a_d) (B_d / s^b_d + C_d)

    L_d                 loss on domain d, nats/token
    w_d                 weight of domain d in the training mixture
    s                   amount of training, in steps
    a_d, b_d            powers
    A_d, B_d, C_d       scales

All runs of a swarm have the same s, so the second factor is part of A_d here, and the law of a
target k that follows domain d is

    L_k(w) = floor_k + A_k (offset + w_d)^(-a_k)

with a small offset that keeps a weight of 0 finite, and a floor 100 standard deviations below
the least loss, so that a constant added to all losses changes nothing.
"""

from dataclasses import dataclass

import numpy as np

from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import NAMED, LawMixer
from mixwright.mixture import Array
from mixwright.numerics.least_squares import Rows, minimise
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations

# Centre of log a; log A has none that matters.
CENTRE_POWER = float(np.log(0.1))
# Strengths of the penalties on log A and log a.
STRENGTH = (1e-6, 1e-3)


@dataclass(frozen=True)
class BiMix(LawMixer):
    """Fits one power law a target, in the weight of one domain.

    A target with a domain's name follows that domain. Another target follows the domain that
    explains it best.
    """

    # added to weights, in shares
    offset: float = 1e-3
    name = "bimix"

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        """Fits every target on every domain and keeps one domain a target; `near` does nothing.

        The result is an effective-data law with K = 1 for that domain and 0 for the others.
        """
        m = len(swarm.domains)
        targets = len(swarm.targets)
        # Column k * m + d: target k on domain d.
        spread = Spread.of(swarm.losses)
        above_floor = spread.tame(swarm.losses) - spread.floor
        losses = np.repeat(above_floor, m, axis=1)
        weights = np.tile(swarm.weights, targets) + self.offset
        unit = np.repeat(spread.deviation, m)
        scale, power, cost = _power_laws(weights, losses, unit, iterations)
        followed = cost.reshape(targets, m).argmin(axis=1)
        same = swarm.same_text
        named = same.any(axis=1)
        followed[named] = same[named].argmax(axis=1)
        column = np.arange(targets) * m + followed
        law = Law(
            level=spread.floor,
            scale=scale[column],
            power=power[column],
            offset=np.full(targets, self.offset),
            transfer=np.eye(m)[followed],
            exponent=np.ones((targets, m)),
            linear=np.zeros((targets, m)),
        )
        return law.where(spread.varies, law.flat(spread.centre))

    def note(self, importance: Array, weights: Array) -> str:
        """Returns a sentence on which domains the goal's targets follow."""
        followed = self.law.transfer.argmax(axis=1).tolist()
        pairs = []
        for target, i, weight in zip(self.targets, followed, importance, strict=True):
            if weight > 0 and target != self.domains[i]:
                pairs.append(f"{target} follows {self.domains[i]}")
        note = "each target follows one domain"
        if pairs:
            note += f": {', '.join(pairs[:NAMED])}"
        return note


def _power_laws(
    x: Array, losses: Array, deviation: Array, iterations: int
) -> tuple[Array, Array, Array]:
    """Fits losses = A x^-a column by column of x and losses, (runs, columns) each.

    Residuals are in units of `deviation` (columns,). Returns A, a and the cost of each column.
    """
    logs = np.log(x).T
    mean_loss = losses.mean(axis=0)
    mean_log = logs.mean(axis=1)
    start = np.empty((len(logs), 2))
    start[:, 0] = np.log(mean_loss) + 0.1 * mean_log
    start[:, 1] = CENTRE_POWER
    centre = np.zeros_like(start)
    centre[:, 1] = CENTRE_POWER

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        log_scale = theta[:, :1]
        power = np.exp(theta[:, 1:])
        predicted = np.exp(log_scale - power * logs[rows])
        by_power = -predicted * power * logs[rows]
        jacobian = np.stack([predicted, by_power], axis=2)
        unit = deviation[rows, None]
        residual = predicted - losses.T[rows]
        return residual / unit, jacobian / unit[..., None]

    theta, cost = minimise(start, residuals, np.array(STRENGTH), centre, iterations)
    return np.exp(theta[:, 0]), np.exp(theta[:, 1]), cost
