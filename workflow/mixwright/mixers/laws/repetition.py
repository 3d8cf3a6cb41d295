"""What tokens are worth once a domain repeats (Muennighoff et al., arXiv 2305.16264).

    D(n) = U + U R* (1 - exp(-R / R*)),    U = min(n, available),    R = max(n / available - 1, 0)

    n          tokens taken of a domain
    available  tokens that the domain has
    U          tokens taken once
    R          repetitions: passes after the first one
    R*         repetitions after which one more is worth 1 / e of a first pass
    D          effective tokens: so many fresh tokens would be worth the same

D is concave in n, so that a law in effective tokens stays convex. R* is the published 15.39, or
fitted to the runs by profile likelihood.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.law import Law
from mixwright.mixture import Array
from mixwright.observations import Observations

# R* as published.
DECAY = 15.39
# R* that a fit tries first.
DECAYS = np.geomspace(0.5, 128.0, 13)
# Then it tries these about the best one, in steps between two of the first.
BETWEEN = np.array([-0.75, -0.5, -0.25, 0.25, 0.5, 0.75])
# A run says something of R* from so many passes on.
REPEATED = 1.5
# By how much the log-likelihood falls to the ends of a 95 % interval: half of chi squared's 3.84.
CHI = 1.92
# Stands for 0 where it is divided by or its logarithm is taken.
TINY = 1e-300


def effective_tokens(tokens: Array, available: Array, decay: float | Array = DECAY) -> Array:
    """Returns D(n), concave and never falling.

    Args:
        tokens: n (..., domains).
        available: (..., domains) tokens that each domain has; may be infinite.
        decay: R*; one number, or (domains,).
    """
    repeats = np.maximum(tokens / np.maximum(available, TINY) - 1, 0.0)
    # An infinite supply never repeats, and would be no number times 0.
    repeating = np.where(repeats > 0, available, 0.0)
    once = np.minimum(tokens, available)
    return once + repeating * decay * -np.expm1(-repeats / decay)


def amounts_worth(observations: Observations, decay: float) -> Array:
    """Returns (runs, domains) effective tokens of the runs, by the passes that were counted.

    They are plain tokens where no passes were counted.
    """
    if observations.epochs is None:
        return observations.amounts
    available = observations.amounts / np.maximum(observations.epochs, 1.0)
    return effective_tokens(observations.amounts, available, decay)


def repeats(observations: Observations) -> bool:
    """Returns whether a run went over a domain often enough to say something of R*."""
    if observations.epochs is None:
        return False
    return bool((observations.epochs > REPEATED).any())


def fit_decay(misfit: Callable[[float], Array], runs: int) -> tuple[float, float, float]:
    """Returns the R* of the highest profile likelihood, and its 95 % interval.

    An open end of the interval is 0 or infinite.

    Args:
        misfit: R* -> (targets,) sums of squares that the best law with this R* leaves.
        runs: how many runs they sum over.
    """

    def likelihood(logs: Array) -> Array:
        values = []
        for log_decay in logs:
            squares = np.maximum(misfit(float(np.exp(log_decay))), TINY)
            values.append(-runs / 2 * np.log(squares).sum())
        return np.array(values)

    coarse = np.log(DECAYS)
    coarse_profile = likelihood(coarse)
    best_coarse = coarse[coarse_profile.argmax()]
    width = coarse[1] - coarse[0]
    near = best_coarse + width * BETWEEN
    logs = np.concatenate([coarse, near])
    profile = np.concatenate([coarse_profile, likelihood(near)])
    order = np.argsort(logs)
    logs = logs[order]
    profile = profile[order]

    best = int(profile.argmax())
    inside = profile - profile.max() + CHI
    low = -_edge(-logs[best::-1], inside[best::-1])
    high = _edge(logs[best:], inside[best:])
    decay = float(np.exp(logs[best]))
    return decay, float(np.exp(low)), float(np.exp(high))


def _edge(logs: Array, inside: Array) -> float:
    """Returns where `inside`, positive at first, reaches 0, linearly between points.

    It is infinite where `inside` stays positive.
    """
    outside = np.flatnonzero(inside < 0)
    if not len(outside):
        return np.inf
    k = int(outside[0])
    width = logs[k] - logs[k - 1]
    fall = inside[k - 1] - inside[k]
    return float(logs[k - 1] + width * inside[k - 1] / fall)


@dataclass(frozen=True, kw_only=True)
class ScaledLaw(Law):
    """A law in amounts as a law in weights w of a total that repeats domains: still convex.

    Its n_i = D(w_i * total) are effective amounts, and slopes follow by the chain rule.
    """

    # in the unit of the law's amounts
    total: float
    # (domains,) in the same unit
    available: Array
    # R*
    decay: float

    @classmethod
    def of(cls, law: Law, total: float, available: Array, decay: float) -> "ScaledLaw":
        """Builds it from a law in amounts."""
        return cls(**vars(law), total=total, available=available, decay=decay)

    def terms(self, w: Array) -> Array:
        """Returns (..., targets, domains) K_i n_i^g_i, what each domain adds to S."""
        return super().terms(self._amounts(w))

    def growth(self, w: Array) -> Array:
        """Returns (targets, domains) dS / dw at w (domains,)."""
        return super().growth(self._amounts(w)) * self._worth_of_more(w)

    def bend(self, w: Array) -> Array:
        """Returns (targets, domains) d2S / dw2, never positive, at w (domains,)."""
        amounts = self._amounts(w)
        more = self._worth_of_more(w)
        repeated = w * self.total > self.available
        scale = np.maximum(self.available * self.decay, TINY)
        falling = np.where(repeated, more * self.total / scale, 0.0)
        bend = super().bend(amounts)
        growth = super().growth(amounts)
        return bend * more**2 - growth * falling

    def only(self, chosen: NDArray[np.bool_]) -> "ScaledLaw":
        """Returns the law of the targets that are `chosen` (targets,)."""
        parts = {part.name: getattr(self, part.name)[chosen] for part in fields(Law)}
        return replace(self, **parts)

    def _amounts(self, w: Array) -> Array:
        """Returns n (..., domains), the effective amounts."""
        return effective_tokens(w * self.total, self.available, self.decay)

    def _worth_of_more(self, w: Array) -> Array:
        """Returns (domains,) dn / dw: the total, and less where a domain repeats."""
        passes = w * self.total / np.maximum(self.available, TINY)
        repeats = np.maximum(passes - 1, 0.0)
        return self.total * np.exp(-repeats / self.decay)
