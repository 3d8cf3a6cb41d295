"""Online data mixing (arXiv 2312.02406): a bandit whose reward is the loss of what it reads."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from mixwright.mixture import Array


@dataclass(frozen=True, eq=False)
class ODM:
    """Exp3 over domains. With the reward r = loss / scale of each domain that step t read:

    R_i <- R_i + r_i / w_i                       (memory: null, the paper's code)
    R_i <- m R_i + (1 - m) r_i / w_i             (memory: m, the paper's Algorithm 1)
    e_t = min(1 / K, sqrt(ln K / (K t)))
    w_i <- (1 - K e_t) exp(e_(t-1) R_i) / sum_j exp(e_(t-1) R_j) + e_t
    """

    scale: float
    memory: float | None
    # (domains,)
    weights: Array
    # (domains,) R, importance-weighted rewards
    rewards: Array
    # (domains,) sum of the weights of all steps
    total: Array
    # t, steps observed
    steps: int = 0
    needs: ClassVar[str] = "losses"

    @classmethod
    def first(cls, domains: int, settings: Mapping[str, Any]) -> Self:
        """Returns the learner at uniform weights."""
        uniform = np.full(domains, 1 / domains)
        nothing = np.zeros(domains)
        return cls(
            scale=float(settings["scale"]),
            memory=settings["memory"],
            weights=uniform,
            rewards=nothing,
            total=nothing,
        )

    @property
    def answer(self) -> Array:
        """(domains,) mean of the weights that the steps read by: what the run was trained on."""
        steps = self.total.sum()
        return self.total / steps if steps else self.weights

    def exploration(self, step: int) -> float:
        """Returns e_t of a step, which is 1 / K before the first."""
        count = len(self.weights)
        if step == 0:
            return 1 / count
        return min(1 / count, math.sqrt(math.log(count) / (count * step)))

    def observed(self, values: Array | None) -> Self:
        """Returns the learner after a step with these losses (domains,), NaN where none was read.

        Losses are in nats/token.
        """
        total = self.total + self.weights
        if values is None:
            return replace(self, total=total)
        step = self.steps + 1
        before, now = self.exploration(self.steps), self.exploration(step)
        gained = values / self.scale / self.weights
        if self.memory is None:
            updated = self.rewards + gained
        else:
            updated = self.memory * self.rewards + (1 - self.memory) * gained
        rewards = np.where(np.isfinite(values), updated, self.rewards)
        # the largest is taken off, which changes no share and overflows nowhere
        powers = np.exp(before * (rewards - rewards.max()))
        shares = powers / powers.sum()
        weights = (1 - len(shares) * now) * shares + now
        return replace(
            self,
            weights=weights,
            rewards=rewards,
            total=total,
            steps=step,
        )

    @property
    def state(self) -> dict[str, list[float] | float]:
        """Weights, rewards, sum and steps."""
        return {
            "weights": self.weights.tolist(),
            "rewards": self.rewards.tolist(),
            "total": self.total.tolist(),
            "steps": self.steps,
        }

    def resumed(self, state: Mapping[str, Any]) -> Self:
        """Returns the learner of this state."""
        names = ("weights", "rewards", "total")
        arrays: dict[str, Any] = {name: np.array(state[name]) for name in names}
        return replace(self, **arrays, steps=int(state["steps"]))
