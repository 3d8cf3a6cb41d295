"""Rivals whose weights are learned while one run trains; the run itself is a proxy of its role.

Their settings are those of that run: a fit reads what it has learned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted
from mixwright.mixers.limits import MOVED
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.geometry import scale_into


@dataclass(frozen=True)
class Learned(Fitted):
    """The weights that a run has learned, scaled into the bounds."""

    # (domains,)
    weights: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    spares: ClassVar[bool] = False

    def fit(self, observations: Observations) -> Self:
        """Returns a copy that holds the weights which the run of its role has learned.

        Raises:
            MixwrightError: no such run tells what it has learned, or several do.
        """
        runs = self.usable(observations, self.name, least=1)
        if runs.learned is None:
            raise MixwrightError(
                f"{self.name}: its runs do not tell the weights that they learned;"
                " train them in a study, and give its table realised"
            )
        rows = runs.learned[runs.learned.any(axis=1)]
        if len(rows) != 1:
            raise MixwrightError(
                f"{self.name}: {len(rows)} runs tell the weights that they learned; give one"
            )
        return self.learned(runs, weights=rows[0])

    def propose(self, goal: Goal) -> Proposal:
        """Returns the learned weights, and a note where the bounds moved them."""
        # it checks domains and targets; what the run learned depends on no weight of them
        self.target_weights(goal)
        weights = scale_into(self.weights, *goal.bounds.parts)
        moved = np.abs(weights - self.weights).max()
        notes = []
        if moved > MOVED:
            notes.append(f"brought inside the bounds: weights moved by up to {moved:.3f}")
        return Proposal(self.name, goal.mixture(weights), notes=tuple(notes))


@dataclass(frozen=True)
class DoReMi(Learned):
    """Weights where a proxy is behind a reference run (arXiv 2305.10429), mean over its steps."""

    # mixture of the reference run: natural, uniform, or weights by domain
    reference: str | Mapping[str, float] = "natural"
    # step of the exponentiated gradient
    eta: float = 1.0
    # share of the uniform mixture in the weights of each step
    smoothing: float = 1e-3
    name: ClassVar[str] = "doremi"


@dataclass(frozen=True)
class ODM(Learned):
    """Weights of a bandit that is paid by losses (arXiv 2312.02406), mean over its steps."""

    # what losses are divided by
    scale: float = 10.0
    # share that rewards keep at a step, as in the paper; None sums them, as in its code
    memory: float | None = None
    name: ClassVar[str] = "odm"


@dataclass(frozen=True)
class FastMix(Learned):
    """Weights by gradients at the head that agree with the targets' (arXiv 2606.14971)."""

    # learning rate of the logits
    rate: float = 0.01
    # weight of the weights' entropy in the objective
    entropy: float = 0.0
    # steps between two looks at the gradients
    every: int = 1
    # sequences of each domain at a look
    sequences: int = 4
    name: ClassVar[str] = "fastmix"
