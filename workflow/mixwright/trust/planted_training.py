"""A training on planted losses whose weights are learned while it runs.

The learners are those of `proxies.online`, and they read by the same turns. What they look at is
planted: each step adds its sequences to the amounts n of the domains, and

    odm      reads the loss of each domain at n
    doremi   reads max(loss - the reference's, 0) of each domain at n
    fastmix  reads (f(n) - f(n + d e_i)) / d of each domain i, f the targets' weighted loss and d
             the amount of a step

All of it is exact: a real look has noise, which is left out in their favour.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array
from mixwright.proxies.online import learner_of
from mixwright.proxies.online.schedule import most_behind
from mixwright.trust.planted import Truth

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class PlantedTraining:
    """A proxy that learns its weights; amounts are shares of a final's tokens."""

    # losses of the targets
    truth: Truth
    # (targets,) weights of these losses in the goal
    importance: Array
    # losses of the domains' own text, one a domain
    of_domains: Truth
    # (domains,) mixture of DoReMi's reference, which has as many tokens
    reference: Array
    # tokens
    total: float
    steps: int = 390
    # sequences a step
    batch: int = 8

    @property
    def domains(self) -> int:
        """Number of domains."""
        return len(self.reference)

    def learned(self, method: str, settings: Mapping[str, Any]) -> Array:
        """Returns (domains,) the weights that a learner proposes after the last step.

        Args:
            method: doremi, odm or fastmix.
            settings: those of the mixer of the same name.
        """
        learner = learner_of(method, self.domains, settings)
        due = np.zeros(self.domains)
        counts = np.zeros(self.domains, np.int64)
        usable = np.ones(self.domains, bool)
        sequence = self.total / (self.steps * self.batch)
        for step in range(self.steps):
            before = counts.copy()
            for _ in range(self.batch):
                due += learner.weights
                place = most_behind(due, counts, usable)
                counts[place] += 1
            amounts: Array = before * np.float64(sequence)
            read = counts > before
            values = self._values(method, settings, step, amounts, read)
            learner = learner.observed(values)
        return learner.answer

    def _values(
        self, method: str, settings: Mapping[str, Any], step: int, amounts: Array, read: Bools
    ) -> Array | None:
        """Returns (domains,) what a learner looks at before a step; None where it does not."""
        if method == "fastmix":
            if step == 0 or step % settings["every"]:
                return None
            return self.alignment(amounts)
        losses = _losses(self.of_domains, amounts[None], self.total)[0]
        if method == "doremi":
            trained = self.total * self.reference
            usual = _losses(self.of_domains, trained[None], self.total)[0]
            losses = np.maximum(losses - usual, 0)
        return np.where(read, losses, np.nan)

    def alignment(self, amounts: Array) -> Array:
        """Returns (domains,) how fast each domain lowers f from amounts (domains,) on."""
        size = self.total / self.steps
        more = amounts + size * np.eye(self.domains)
        points = np.vstack([amounts, more])
        losses = _losses(self.truth, points, self.total) @ self.importance
        falls: Array = (losses[0] - losses[1:]) / size
        return falls


def _losses(truth: Truth, amounts: Array, text: float) -> Array:
    """Returns (runs, targets) losses of amounts (runs, domains) under one share of text."""
    shares = np.full(len(amounts), text)
    return truth.at(amounts, shares)
