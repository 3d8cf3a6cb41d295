"""The objective of a goal for its worst target: the greatest excess over natural.

    max_k ( L_k(w) - L_k(natural) )   over the targets k that have a weight in the goal

L_k is what a mixer predicts of target k. Natural is brought inside the bounds. Targets count alike:
weights would say by how much one may be worse than another. Without a reference the target that is
hardest to predict would decide alone. Group DRO (arXiv 1911.08731) minimises the same maximum;
DoReMi (arXiv 2305.10429) subtracts a reference too.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal
from mixwright.mixers.limits import Predictor
from mixwright.mixture import Array

# Targets that the note names.
NAMED = 6


@dataclass(frozen=True)
class Excess:
    """How far predicted losses lie above those at natural, of the targets that count."""

    targets: tuple[str, ...]
    # (targets,) whether one has a weight in the goal
    counted: NDArray[np.bool_]
    # (targets,) what is predicted at natural, brought inside the bounds
    reference: Array

    @classmethod
    def of(cls, mixer: Predictor, goal: Goal, importance: Array) -> Self:
        """Returns the excess that a goal asks a fitted mixer for.

        Args:
            mixer: predicts mixtures for the goal.
            goal: its bounds and its natural mixture.
            importance: (targets,) weights of the targets, 0 for those that do not count.
        """
        reference = mixer.predict(goal.natural_within[None])[0]
        return cls(tuple(mixer.targets), importance > 0, reference)

    def greatest(self, predicted: Array) -> Array:
        """Returns (mixtures,) the greatest excess of predictions (mixtures, targets)."""
        over = predicted - self.reference
        greatest: Array = over[:, self.counted].max(axis=1)
        return greatest

    def notes(self, predicted: Array) -> tuple[str, ...]:
        """Returns what predictions (targets,) of the proposal gain, the worst target first."""
        gains = self.reference - predicted
        counted = np.flatnonzero(self.counted)
        order = counted[np.argsort(gains[counted], kind="stable")].tolist()
        parts = []
        for k in order[:NAMED]:
            parts.append(f"{self.targets[k]} {gains[k]:+.4f}")
        words = ", ".join(parts)
        if len(order) > NAMED:
            words += f" and {len(order) - NAMED} more"
        return (f"chosen for the worst target: predicted gains over natural are {words}",)
