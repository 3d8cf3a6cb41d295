"""What tokens are worth once a domain repeats (arXiv 2305.16264), and the effective-data law in mixtures of so many tokens."""

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from mixwright.mixers.effective_law import Law
from mixwright.mixture import Array

DECAY = 15.39  # R*: repetitions after which one more is worth 1 / e of a first pass


def effective_tokens(tokens: Array, available: Array, decay: float = DECAY) -> Array:
    """(..., domains) D = U + U R* (1 - exp(-R / R*)), U = min(n, available), R = max(n / available - 1, 0): concave, never falling."""
    repeats = np.maximum(tokens / np.maximum(available, 1e-300) - 1, 0.0)
    return np.minimum(tokens, available) + np.where(repeats > 0, available * decay * -np.expm1(-repeats / decay), 0.0)


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
        falling = np.where(repeated, more * self.total / np.maximum(self.available * self.decay, 1e-300), 0.0)
        return super().bend(amounts) * more**2 - super().growth(amounts) * falling

    def only(self, chosen: NDArray[np.bool_]) -> "ScaledLaw":
        return replace(self, **{part.name: getattr(self, part.name)[chosen] for part in fields(Law)})

    def _amounts(self, w: Array) -> Array:
        return effective_tokens(w * self.total, self.available, self.decay)

    def _worth_of_more(self, w: Array) -> Array:
        """(domains,) d amounts / dw."""
        repeats = np.maximum(w * self.total / np.maximum(self.available, 1e-300) - 1, 0.0)
        return self.total * np.exp(-repeats / self.decay)
