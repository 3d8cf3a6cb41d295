"""How far the losses of a target's runs lie apart, whatever one wild run says.

    centre    median of the target's runs
    sigma     1.4826 x median distance from the centre (the MAD): a standard deviation of the middle
    wild      further than WILD sigma from the centre
    tamed     losses, where a wild high one counts as WILD sigma above the centre, and a wild low
              one, too good to be true, as the centre
    deviation standard deviation of the tamed losses
    floor     least of the tamed losses - FLOOR deviations: what stands for 0 in laws whose parts
              are positive, so that a constant added to all losses changes nothing else

A loss has no natural 0: any constant may be added to it (a tokenizer's entropy, a normalisation).
Why FLOOR is large stands in docs/decisions/0081.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array

# Losses further than so many sigma from the centre are wild. Starved mixtures reach 4 to 6.
WILD = 10.0
# Deviations between the floor and the least loss.
FLOOR = 100.0
# MAD to standard deviation, for a normal distribution.
NORMAL = 1.4826
# Losses that differ by less than this share of the greatest are one number, rounded (float32).
ROUNDING = 3e-7


@dataclass(frozen=True)
class Spread:
    """What a target's losses have in common, (targets,) each; in the unit of the losses."""

    centre: Array
    # how far from the centre a loss may lie and be believed; infinite where most runs are equal
    reach: Array
    # 1 where a target does not vary
    deviation: Array
    floor: Array
    # whether the runs differ by more than rounding
    varies: NDArray[np.bool_]

    @classmethod
    def of(cls, losses: Array) -> "Spread":
        """Measures losses (runs, targets)."""
        centre = np.median(losses, axis=0)
        reach = WILD * robust_deviation(losses)
        reach = np.where(reach > 0, reach, np.inf)
        tamed = _tamed(losses, centre, reach)
        varies = varying(losses)
        deviation = np.where(varies, tamed.std(axis=0), 1.0)
        floor = tamed.min(axis=0) - FLOOR * deviation
        return cls(
            centre=centre,
            reach=reach,
            deviation=deviation,
            floor=floor,
            varies=varies,
        )

    def tame(self, losses: Array) -> Array:
        """Returns the tamed losses (runs, targets); the centre for targets that do not vary."""
        tamed = _tamed(losses, self.centre, self.reach)
        return np.where(self.varies, tamed, self.centre)

    def too_low(self, losses: Array) -> NDArray[np.bool_]:
        """Returns (runs, targets): which losses are too good to be true."""
        return losses < self.centre - self.reach

    def wild(self, losses: Array) -> NDArray[np.bool_]:
        """Returns (runs, targets): which losses lie beyond the reach, above or below."""
        distance = np.abs(losses - self.centre)
        return distance > self.reach


def robust_deviation(values: Array) -> Array:
    """Returns a standard deviation along the first axis, by medians: wild values do not count."""
    centre = np.median(values, axis=0)
    distance = np.abs(values - centre)
    usual = np.median(distance, axis=0)
    return np.asarray(NORMAL * usual)


def varying(losses: Array) -> NDArray[np.bool_]:
    """Returns (targets,): whether the runs' losses (runs, targets) differ by more than rounding."""
    greatest = np.abs(losses).max(axis=0)
    return np.ptp(losses, axis=0) > ROUNDING * greatest


def _tamed(losses: Array, centre: Array, reach: Array) -> Array:
    """Returns losses with wild high ones at the end of the reach, wild low ones at the centre."""
    capped = np.minimum(losses, centre + reach)
    return np.where(losses < centre - reach, centre, capped)
