"""What tokens are worth where many passes over a domain undo what it has taught.

    D(n) = U + U R* (1 - exp(-R / R*)) - U f / 2 max(R - 3, 0)^2

Symbols as in `repetition`; f is the fall, and each domain may have an R* of its own. D is at
least a twentieth of what was taken once; where it is more, it is concave in n.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.repetition import TINY, ScaledLaw, effective_tokens
from mixwright.mixture import Array

# Repetitions after which a fall begins: four passes.
FREE = 3.0
# What a domain is worth at least, as a share of its first pass, however often it is passed.
LEFT = 0.05


def worth(tokens: Array, available: Array, decay: Array, fall: float) -> Array:
    """Returns D(n) (..., domains), at least a twentieth of what was taken once.

    Args:
        tokens: n (..., domains).
        available: (..., domains) tokens that each domain has; may be infinite.
        decay: R*, (domains,) or one number.
        fall: f.
    """
    effective = effective_tokens(tokens, available, decay)
    if fall == 0:
        return effective
    passes = tokens / np.maximum(available, TINY)
    repeats = passes - 1
    late = np.maximum(repeats - FREE, 0.0)
    begun = late > 0
    repeating = np.where(begun, available, 0.0)
    steepness = repeating * fall / 2
    undone = steepness * late**2
    once = np.minimum(tokens, available)
    least = LEFT * once
    return np.maximum(effective - undone, least)


@dataclass(frozen=True, kw_only=True)
class FallingLaw(ScaledLaw):
    """A law in weights of a total that repeats domains, each by its own R* and with a fall."""

    # f
    fall: float

    def bend(self, w: Array) -> Array:
        """Returns (targets, domains) d2S / dw2, never positive where D is above its least."""
        amounts = self._amounts(w)
        more = self._worth_of_more(w)
        repeats = self._repeats(w)
        spent = self._spent(w)
        repeated = repeats > 0
        begun = repeats > FREE
        by_decay = self._left(repeats) / self.decay
        slower = np.where(repeated, by_decay, 0.0)
        undone = np.where(begun, self.fall, 0.0)
        by_repeat = slower + undone
        # of weights, no longer of repetitions
        once = np.maximum(self.available, TINY)
        by_token = by_repeat * self.total**2
        by_weight = by_token / once
        falling = np.where(spent, 0.0, by_weight)
        bend = Law.bend(self, amounts)
        growth = Law.growth(self, amounts)
        bent = bend * more**2
        return bent - growth * falling

    def _amounts(self, w: Array) -> Array:
        """Returns n (..., domains), the effective amounts."""
        tokens = w * self.total
        decay = np.asarray(self.decay)
        return worth(tokens, self.available, decay, self.fall)

    def _worth_of_more(self, w: Array) -> Array:
        """Returns (domains,) dn / dw; below 0 where a fall has begun."""
        repeats = self._repeats(w)
        spent = self._spent(w)
        late = np.maximum(repeats - FREE, 0.0)
        undone = self.fall * late
        share = self._left(repeats) - undone
        more = self.total * share
        return np.where(spent, 0.0, more)

    def _left(self, repeats: Array) -> Array:
        """Returns (..., domains) what R* leaves of a token's worth after so many repetitions."""
        decays = repeats / self.decay
        left: Array = np.exp(-decays)
        return left

    def _repeats(self, w: Array) -> Array:
        """Returns R (..., domains)."""
        tokens = w * self.total
        once = np.maximum(self.available, TINY)
        passes = tokens / once
        return np.maximum(passes - 1, 0.0)

    def _spent(self, w: Array) -> NDArray[np.bool_]:
        """Returns (..., domains) whether D is at its least."""
        tokens = w * self.total
        once = np.minimum(tokens, self.available)
        least = LEFT * once
        at_least = self._amounts(w) <= least
        taken = w > 0
        falls = self.fall > 0
        return np.asarray(falls & at_least & taken)
