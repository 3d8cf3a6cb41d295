"""What is held of effective-data laws before any run: priors of the parameters, and the form."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

# A run whose loss is so many standard deviations above its target's best counts half.
FADE = 2.0


@dataclass(frozen=True)
class Prior:
    """Strengths tau and centres mu of the penalty on the parameters, (tau, mu) of each kind."""

    # log K
    transfer: tuple[float, float] = (0.004, -2.5)
    # what is added to the centre of log K where target and domain are the same text
    same_text: float = 4.0
    # logit g
    exponent: tuple[float, float] = (0.02, 0.8)
    # log b
    power: tuple[float, float] = (0.02, float(np.log(0.2)))
    # log eps
    offset: tuple[float, float] = (0.006, -2.5)
    # tau of log (E - floor) and log A; their centres are where the fit starts, by the data
    level: float = 0.02
    # tau of beta / sd; its centre is 0
    linear: float = 0.2
    # log P of a pair
    pair: tuple[float, float] = (0.004, -5.0)

    def times(self, factor: float) -> "Prior":
        """Returns the same centres, held `factor` times as strongly; the linear term as before."""
        stronger: dict[str, Any] = {}
        for name in ("transfer", "exponent", "power", "offset", "pair"):
            strength, centre = getattr(self, name)
            stronger[name] = (factor * strength, centre)
        return replace(self, level=factor * self.level, **stronger)


@dataclass(frozen=True)
class Form:
    """How wide a law is fitted."""

    # the greatest exponent; above 1 the law is not convex
    most: float = 1.0
    # whether pairs of domains add to the effective data
    pairs: bool = False
    # whether a sum of shapes stands for the law (see `shapes`); the rest then counts for nothing
    shapes: bool = False
    # standard deviations above its target's best at which a run counts half
    fade: float = FADE


PLAIN = Form()
# Holds b = 1, eps = 0 and beta = 0.
ADDITIVE = Prior(power=(1e9, 0.0), offset=(1e9, -30.0), linear=1e9)
