"""DoReMi (arXiv 2305.10429): weights move to domains where a proxy is behind a reference."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from mixwright.mixture import Array


@dataclass(frozen=True, eq=False)
class DoReMi:
    """The weights of Algorithm 1, and their sum over the steps so far.

    With the excess loss l of each domain:

        w <- (1 - c) w exp(eta l) / sum_j w_j exp(eta l_j) + c / K

    A domain that a step did not read keeps its last excess, as in the paper's code. One that was
    never read has the mean of the others', and so neither gains nor loses by it.
    """

    eta: float
    # c
    smoothing: float
    # (domains,)
    weights: Array
    # (domains,) last excess loss of each, nats/token; NaN before the first
    excess: Array
    # (domains,) sum of the weights of all steps
    total: Array
    needs: ClassVar[str] = "excess"

    @classmethod
    def first(cls, domains: int, settings: Mapping[str, Any]) -> Self:
        """Returns the learner at uniform weights."""
        uniform = np.full(domains, 1 / domains)
        unknown = np.full(domains, np.nan)
        return cls(
            eta=float(settings["eta"]),
            smoothing=float(settings["smoothing"]),
            weights=uniform,
            excess=unknown,
            total=np.zeros(domains),
        )

    @property
    def answer(self) -> Array:
        """(domains,) mean of the weights that the steps read by."""
        steps = self.total.sum()
        return self.total / steps if steps else self.weights

    def observed(self, values: Array | None) -> Self:
        """Returns the learner after a step with this excess (domains,), NaN where none was read."""
        total = self.total + self.weights
        if values is None:
            return replace(self, total=total)
        excess = np.where(np.isfinite(values), values, self.excess)
        known = np.isfinite(excess)
        if not known.any():
            return replace(self, total=total)
        filled = np.where(known, excess, excess[known].mean())
        logs = np.log(self.weights) + self.eta * filled
        moved = np.exp(logs - logs.max())
        moved /= moved.sum()
        weights = (1 - self.smoothing) * moved + self.smoothing / len(moved)
        return replace(
            self,
            weights=weights,
            excess=excess,
            total=total,
        )

    @property
    def state(self) -> dict[str, list[float] | float]:
        """Weights, last excess and sum."""
        return {
            "weights": self.weights.tolist(),
            "excess": self.excess.tolist(),
            "total": self.total.tolist(),
        }

    def resumed(self, state: Mapping[str, Any]) -> Self:
        """Returns the learner of this state."""
        names = ("weights", "excess", "total")
        arrays: dict[str, Any] = {name: np.array(state[name]) for name in names}
        return replace(self, **arrays)
