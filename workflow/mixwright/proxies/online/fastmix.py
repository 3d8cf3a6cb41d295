"""FastMix (arXiv 2606.14971): logits of the weights go down the gradient of the target's loss."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from mixwright.mixture import Array

# of Adam, on the logits
FIRST, SECOND = 0.9, 0.95
TINY = 1e-12


@dataclass(frozen=True, eq=False)
class FastMix:
    """Logits z of the weights w = softmax(z), moved by Adam.

    A small step of training on domain i lowers the target's loss by a_i, the inner product of
    their gradients. So with the entropy H(w) = -sum_i w_i log w_i the objective is

        -sum_i w_i a_i - entropy H(w)

    and its gradient by z_j is -w_j (a_j - w.a) + entropy w_j (log w_j + H). The learning rate, by
    which the paper multiplies a, is left out: Adam cancels it where `entropy` is 0, as in the
    paper's code.
    """

    # learning rate of the logits
    rate: float
    entropy: float
    # (domains,)
    logits: Array
    # (domains,) Adam's means of the gradient and of its square
    mean: Array
    square: Array
    # updates taken
    updates: int = 0
    needs: ClassVar[str] = "alignment"

    @classmethod
    def first(cls, domains: int, settings: Mapping[str, Any]) -> Self:
        """Returns the learner at uniform weights."""
        nothing = np.zeros(domains)
        return cls(
            rate=float(settings["rate"]),
            entropy=float(settings["entropy"]),
            logits=nothing,
            mean=nothing,
            square=nothing,
        )

    @property
    def weights(self) -> Array:
        """(domains,) the softmax of the logits."""
        powers = np.exp(self.logits - self.logits.max())
        weights: Array = powers / powers.sum()
        return weights

    @property
    def answer(self) -> Array:
        """(domains,) the last weights."""
        return self.weights

    def slope(self, alignment: Array) -> Array:
        """Returns (domains,) the objective's gradient by the logits."""
        weights = self.weights
        logs = np.log(np.maximum(weights, TINY))
        gain = alignment - weights @ alignment
        spread = logs - weights @ logs
        slope: Array = weights * (self.entropy * spread - gain)
        return slope

    def observed(self, values: Array | None) -> Self:
        """Returns the learner after a step with these inner products (domains,).

        NaN stands where none was measured, and counts as 0.
        """
        if values is None:
            return self
        slope = self.slope(np.where(np.isfinite(values), values, 0.0))
        updates = self.updates + 1
        mean = FIRST * self.mean + (1 - FIRST) * slope
        square = SECOND * self.square + (1 - SECOND) * slope**2
        direction = mean / (1 - FIRST**updates)
        size = np.sqrt(square / (1 - SECOND**updates)) + TINY
        logits = self.logits - self.rate * direction / size
        return replace(
            self,
            logits=logits,
            mean=mean,
            square=square,
            updates=updates,
        )

    @property
    def state(self) -> dict[str, list[float] | float]:
        """Logits, Adam's means and updates."""
        return {
            "logits": self.logits.tolist(),
            "mean": self.mean.tolist(),
            "square": self.square.tolist(),
            "updates": self.updates,
        }

    def resumed(self, state: Mapping[str, Any]) -> Self:
        """Returns the learner of this state."""
        names = ("logits", "mean", "square")
        arrays: dict[str, Any] = {name: np.array(state[name]) for name in names}
        return replace(self, **arrays, updates=int(state["updates"]))
