"""Limits on single targets: a goal's never_worse as bounds on a mixer's own predictions."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal
from mixwright.mixture import Array
from mixwright.simplex.geometry import scale_into

# nats/token above natural's loss that still count as no worse: natural then lies inside the limits
SLACK = 1e-6
# nats/token below its limit at which a target is said to be no better than with natural
NEAR = 1e-5
# change of a weight from which a mixture counts as moved
MOVED = 1e-9


class Predictor(Protocol):
    """What limits need of a fitted mixer."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the predictions' columns."""
        ...

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) losses in nats/token."""
        ...


@dataclass(frozen=True)
class Limits:
    """The greatest loss that a mixer may predict for each target.

    It is what the mixer predicts at the natural mixture, brought inside the bounds.
    """

    # (domains,) that mixture; natural itself where the goal sets no limit
    start: Array
    # (targets,) nats/token; infinite where the goal sets no limit
    most: Array
    targets: tuple[str, ...]
    # whether natural itself lies outside the bounds
    moved: bool

    @classmethod
    def of(cls, mixer: Predictor, goal: Goal) -> Self:
        """Returns the limits that a goal sets to a fitted mixer's predictions."""
        limited = np.zeros(len(mixer.targets), dtype=bool)
        for k, target in enumerate(mixer.targets):
            limited[k] = target in goal.never_worse
        most = np.full(len(limited), np.inf)
        start = goal.natural
        if limited.any():
            start = scale_into(goal.natural, *goal.bounds.parts)
            predicted = mixer.predict(start[None])[0]
            most[limited] = predicted[limited] + SLACK
        distance = np.abs(start - goal.natural).max()
        return cls(
            start=start,
            most=most,
            targets=tuple(mixer.targets),
            moved=bool(distance > MOVED),
        )

    @property
    def limited(self) -> NDArray[np.bool_]:
        """(targets,) whether the goal limits a target."""
        return np.isfinite(self.most)

    def keep(self, predicted: Array) -> NDArray[np.bool_]:
        """Returns which predictions (mixtures, targets) are within all limits."""
        return np.asarray((predicted <= self.most).all(axis=1))

    def notes(self, predicted: Array) -> tuple[str, ...]:
        """Returns a proposal's notes on its limits, from its predictions (targets,)."""
        if not self.limited.any():
            return ()
        limited = []
        binding = []
        for k in np.flatnonzero(self.limited).tolist():
            limited.append(self.targets[k])
            if predicted[k] > self.most[k] - NEAR:
                binding.append(self.targets[k])
        names = ", ".join(limited)
        if len(limited) == len(self.targets):
            names = "all targets"
        note = f"predicted no worse than natural (to {SLACK:.0e}) on {names}"
        if binding:
            note += f"; no better on {', '.join(binding)}"
        if not self.moved:
            return (note,)
        outside = (
            "natural lies outside the bounds: limits stand at natural brought inside them,"
            " which is what the natural baseline proposes"
        )
        return (note, outside)
