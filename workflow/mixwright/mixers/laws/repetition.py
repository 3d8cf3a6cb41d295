"""What tokens are worth once a domain repeats (arXiv 2305.16264), and the effective-data law in mixtures of so many tokens."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.law import Law
from mixwright.mixture import Array
from mixwright.observations import Observations

DECAY = 15.39  # R*: repetitions after which one more is worth 1 / e of a first pass
DECAYS = np.geomspace(0.5, 128.0, 13)  # that a fit tries first
BETWEEN = np.array(
    [-0.75, -0.5, -0.25, 0.25, 0.5, 0.75]
)  # and then, in steps of those, about the best
REPEATED = 1.5  # passes from which a run says something of R*
CHI = 1.92  # fall of the log-likelihood at the ends of a 95% interval: half of chi squared's 3.84


def effective_tokens(tokens: Array, available: Array, decay: float = DECAY) -> Array:
    """(..., domains) D = U + U R* (1 - exp(-R / R*)), U = min(n, available), R = max(n / available - 1, 0): concave, never falling."""
    repeats = np.maximum(tokens / np.maximum(available, 1e-300) - 1, 0.0)
    # An infinite supply never repeats, and would be no number times 0.
    repeating = np.where(repeats > 0, available, 0.0)
    return np.minimum(tokens, available) + repeating * decay * -np.expm1(-repeats / decay)


def amounts_worth(seen: Observations, decay: float) -> Array:
    """(runs, domains) effective tokens of the runs, by how often each repeated its domains; plain tokens where that was not counted."""
    return (
        seen.amounts
        if seen.epochs is None
        else effective_tokens(seen.amounts, seen.amounts / np.maximum(seen.epochs, 1.0), decay)
    )


def repeats(seen: Observations) -> bool:
    """Whether a run went over a domain often enough to say something of R*."""
    return seen.epochs is not None and bool((seen.epochs > REPEATED).any())


def fit_decay(misfit: Callable[[float], Array], runs: int) -> tuple[float, float, float]:
    """R* of the highest profile likelihood and its 95% interval, an open end of which is 0 or infinite.

    `misfit` gives the sums of squares (targets,) that the best law with an R* leaves of the `runs` runs.
    """

    def likelihood(logs: Array) -> Array:
        return np.array(
            [-runs / 2 * np.log(np.maximum(misfit(float(np.exp(at))), 1e-300)).sum() for at in logs]
        )

    coarse = np.log(DECAYS)
    first = likelihood(coarse)
    near = coarse[first.argmax()] + (coarse[1] - coarse[0]) * BETWEEN
    logs, profile = np.concatenate([coarse, near]), np.concatenate([first, likelihood(near)])
    order = np.argsort(logs)
    logs, profile = logs[order], profile[order]
    best, inside = int(profile.argmax()), profile - profile.max() + CHI
    low, high = -_edge(-logs[best::-1], inside[best::-1]), _edge(logs[best:], inside[best:])
    return float(np.exp(logs[best])), float(np.exp(low)), float(np.exp(high))


def _edge(logs: Array, inside: Array) -> float:
    """Where `inside`, positive at first, reaches 0, linearly between points; infinite where it does not."""
    out = np.flatnonzero(inside < 0)
    if not len(out):
        return np.inf
    k = int(out[0])
    return float(
        logs[k - 1] + (logs[k] - logs[k - 1]) * inside[k - 1] / (inside[k - 1] - inside[k])
    )


@dataclass(frozen=True, kw_only=True)
class ScaledLaw(Law):
    """A law in amounts as one in mixtures w of `total` amounts, domains repeating beyond `available`: still convex."""

    total: float
    available: Array  # (domains,) in the law's amounts
    decay: float

    @classmethod
    def of(cls, law: Law, total: float, available: Array, decay: float) -> "ScaledLaw":
        return cls(**vars(law), total=total, available=available, decay=decay)

    def terms(self, w: Array) -> Array:
        return super().terms(self._amounts(w))

    def growth(self, w: Array) -> Array:
        return super().growth(self._amounts(w)) * self._worth_of_more(w)

    def bend(self, w: Array) -> Array:
        amounts, more = self._amounts(w), self._worth_of_more(w)
        repeated = w * self.total > self.available
        falling = np.where(
            repeated, more * self.total / np.maximum(self.available * self.decay, 1e-300), 0.0
        )
        return super().bend(amounts) * more**2 - super().growth(amounts) * falling

    def only(self, chosen: NDArray[np.bool_]) -> "ScaledLaw":
        return replace(
            self, **{part.name: getattr(self, part.name)[chosen] for part in fields(Law)}
        )

    def _amounts(self, w: Array) -> Array:
        return effective_tokens(w * self.total, self.available, self.decay)

    def _worth_of_more(self, w: Array) -> Array:
        """(domains,) d amounts / dw."""
        repeats = np.maximum(w * self.total / np.maximum(self.available, 1e-300) - 1, 0.0)
        return self.total * np.exp(-repeats / self.decay)
