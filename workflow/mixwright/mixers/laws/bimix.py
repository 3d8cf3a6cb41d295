"""BiMix at one scale (Ge et al., arXiv 2405.14908): a target follows one domain's weight.

    L_d(w, s) = (A_d / w_d^a_d) (B_d / s^b_d + C_d)

    L_d                 loss on domain d, nats/token
    w_d                 weight of domain d in the training mixture
    s                   amount of training, in steps
    a_d, b_d            powers
    A_d, B_d, C_d       scales

All runs of a swarm have the same s, so the second factor is part of A_d here, and the law of a
target k that follows domain d is

    L_k(w) = c_k + A_k (offset + w_d)^(-a_k)

with a small offset that keeps a weight of 0 finite. The level c_k is fitted too, so that a constant
added to all losses changes nothing. The paper has none: c_k = 0.
"""

from dataclasses import dataclass

import numpy as np

from mixwright.errors import shortened
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import NAMED, LawMixer
from mixwright.mixture import Array
from mixwright.numerics.least_squares import Rows, minimise
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations

# Centre of log a; log A has none that matters.
CENTRE_POWER = float(np.log(0.1))
# Strengths of the penalties on log A, log a and the level.
STRENGTH = (1e-6, 1e-3, 1e-6)
# Starts of the level: so many standard deviations below the least loss.
FLOORS = (0.5, 2.0, 8.0)


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
        tamed = spread.tame(swarm.losses)
        least = tamed.min(axis=0)
        # in standard deviations above the least
        standard = (tamed - least) / spread.deviation
        losses = np.repeat(standard, m, axis=1)
        weights = np.tile(swarm.weights, targets) + self.offset
        theta, cost = _power_laws(weights, losses, iterations)
        followed = cost.reshape(targets, m).argmin(axis=1)
        same = swarm.same_text
        named = same.any(axis=1)
        followed[named] = same[named].argmax(axis=1)
        scale, power, level = theta[np.arange(targets) * m + followed].T
        law = Law(
            level=least + spread.deviation * level,
            scale=spread.deviation * np.exp(scale),
            power=np.exp(power),
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
            note += f": {shortened(pairs, NAMED)}"
        return note


def _power_laws(x: Array, losses: Array, iterations: int) -> tuple[Array, Array]:
    """Fits losses = c + A x^-a column by column of x and losses, (runs, columns) each.

    Losses count from the least one, in standard deviations. Returns (columns, 3) log A, log a and
    c, the best of several starts, and the cost of each column.
    """
    logs = np.log(x).T
    mean_loss = losses.mean(axis=0)
    mean_log = logs.mean(axis=1)

    def residuals(theta: Array, rows: Rows) -> tuple[Array, Array]:
        log_scale, log_power, level = theta.T[..., None]
        power = np.exp(log_power)
        rise = np.exp(log_scale - power * logs[rows])
        by_power = -rise * power * logs[rows]
        jacobian = np.stack([rise, by_power, np.ones_like(rise)], axis=2)
        return level + rise - losses.T[rows], jacobian

    fits = []
    costs = []
    for floor in FLOORS:
        start = np.empty((len(logs), 3))
        start[:, 0] = np.log(mean_loss + floor) + 0.1 * mean_log
        start[:, 1] = CENTRE_POWER
        start[:, 2] = -floor
        centre = start.copy()
        theta, cost = minimise(start, residuals, np.array(STRENGTH), centre, iterations)
        fits.append(theta)
        costs.append(cost)
    best = np.argmin(costs, axis=0)
    column = np.arange(len(best))
    return np.stack(fits)[best, column], np.stack(costs)[best, column]
