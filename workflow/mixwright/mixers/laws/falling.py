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
    late = np.maximum(tokens / np.maximum(available, TINY) - 1 - FREE, 0.0)
    repeating = np.where(late > 0, available, 0.0)
    least = LEFT * np.minimum(tokens, available)
    return np.maximum(effective - repeating * fall / 2 * late**2, least)


@dataclass(frozen=True, kw_only=True)
class FallingLaw(ScaledLaw):
    """A law in weights of a total that repeats domains, each by its own R* and with a fall."""

    # f
    fall: float

    def bend(self, w: Array) -> Array:
        """Returns (targets, domains) d2S / dw2, never positive where D is above its least."""
        amounts = self._amounts(w)
        more = self._worth_of_more(w)
        repeats_of = self._repeats(w)
        once = np.maximum(self.available, TINY)
        falling = np.where(repeats_of > 0, np.exp(-repeats_of / self.decay) / self.decay, 0.0)
        falling = falling + np.where(repeats_of > FREE, self.fall, 0.0)
        falling = np.where(self._spent(w), 0.0, falling * self.total**2 / once)
        bend = Law.bend(self, amounts)
        return bend * more**2 - Law.growth(self, amounts) * falling

    def _amounts(self, w: Array) -> Array:
        """Returns n (..., domains), the effective amounts."""
        return worth(w * self.total, self.available, np.asarray(self.decay), self.fall)

    def _worth_of_more(self, w: Array) -> Array:
        """Returns (domains,) dn / dw; below 0 where a fall has begun."""
        late = np.maximum(self._repeats(w) - FREE, 0.0)
        more = self.total * (np.exp(-self._repeats(w) / self.decay) - self.fall * late)
        return np.where(self._spent(w), 0.0, more)

    def _repeats(self, w: Array) -> Array:
        """Returns R (..., domains)."""
        return np.maximum(w * self.total / np.maximum(self.available, TINY) - 1, 0.0)

    def _spent(self, w: Array) -> NDArray[np.bool_]:
        """Returns (..., domains) whether D is at its least."""
        once = np.minimum(w * self.total, self.available)
        return np.asarray((self.fall > 0) & (self._amounts(w) <= LEFT * once) & (w > 0))
