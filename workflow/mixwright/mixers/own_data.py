"""The targets' own domains: what training on the very data one is judged by reaches, where a study leaves it out."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixers.saved import Saved
from mixwright.mixture import Goal, Proposal
from mixwright.observations import Observations


@dataclass(frozen=True)
class OwnData(Saved):
    """Every target's own domain, weighted as the target is. A reference: the goal's bounds do not hold for it."""

    def fit(self, seen: Observations | None = None) -> Self:
        return self

    def propose(self, goal: Goal) -> Proposal:
        strange = sorted(set(goal.targets) - set(goal.names))
        if strange:
            raise MixwrightError(f"mixers: own-data needs targets that are domains, and {strange[0]} is none; leave own-data out")
        weights = np.array([goal.targets.get(name, 0.0) for name in goal.names])
        weights /= weights.sum()
        inside = bool(goal.bounds.contain(weights[None]).all())
        notes = () if inside else ("a reference on the targets' own data, outside the goal's bounds on purpose",)
        return Proposal("own-data", weights, notes=notes)
