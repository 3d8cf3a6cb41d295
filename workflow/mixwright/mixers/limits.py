"""Limits on single targets: what a goal's never_worse asks of a mixer's own predictions."""

from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal
from mixwright.mixture import Array
from mixwright.simplex.geometry import scale_into

SLACK = 1e-6  # nats/token above natural's loss that still count as no worse: the limits then hold natural in their inside
NEAR = 1e-5  # nats/token from the limit: such a target binds


class Predictor(Protocol):
    """What is asked of a fitted mixer."""

    @property
    def targets(self) -> tuple[str, ...]: ...

    def predict(self, amounts: Array) -> Array: ...


@dataclass(frozen=True)
class Limits:
    """The most that a mixer may predict for each target: its prediction at the natural mixture, brought inside the bounds."""

    start: Array  # (domains,) that mixture
    most: Array  # (targets,) nats/token, infinite where the goal sets no limit
    targets: tuple[str, ...]
    moved: bool  # natural itself lies outside the bounds

    @classmethod
    def of(cls, mixer: Predictor, goal: Goal) -> Self:
        start = scale_into(goal.natural, *goal.bounds.parts)
        limited = np.array([target in goal.never_worse for target in mixer.targets], dtype=bool)
        most = np.full(len(limited), np.inf)
        if limited.any():
            most[limited] = mixer.predict(start[None])[0][limited] + SLACK
        return cls(
            start, most, tuple(mixer.targets), bool(np.abs(start - goal.natural).max() > 1e-9)
        )

    @property
    def limited(self) -> NDArray[np.bool_]:
        return np.isfinite(self.most)

    def keep(self, predicted: Array) -> NDArray[np.bool_]:
        """Which predictions (mixtures, targets) stay within the limits."""
        return np.asarray((predicted <= self.most).all(axis=1))

    def notes(self, predicted: Array) -> tuple[str, ...]:
        """What a proposal with these predictions (targets,) says of its limits."""
        if not self.limited.any():
            return ()
        chosen = np.flatnonzero(self.limited).tolist()
        binding = [self.targets[k] for k in chosen if predicted[k] > self.most[k] - NEAR]
        held = (
            "all targets"
            if len(chosen) == len(self.targets)
            else ", ".join(self.targets[k] for k in chosen)
        )
        said = f"predicted no worse than natural (to {SLACK:.0e} nats) on {held}"
        said += f"; no better on {', '.join(binding)}" if binding else ""
        outside = (
            "natural lies outside the bounds: limits stand at natural brought inside them,"
            " which is what the natural baseline proposes"
        )
        return (said, outside) if self.moved else (said,)
