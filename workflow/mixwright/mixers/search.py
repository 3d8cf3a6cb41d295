"""Proposals by search: the best of many simulated mixtures, for mixers whose optimum has no closed form."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import Fitted
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.geometry import settle
from mixwright.simplex.sampling import sample

REFIT_SAMPLES = 10_000  # mixtures that a refit's search draws


@dataclass(frozen=True)
class Searched(Fitted):
    """Proposes the mean of the `keep` best of `samples` mixtures drawn around the natural one, Dirichlet(p), inside the bounds."""

    samples: int = 100_000
    keep: int = 128
    name = "searched"

    def predict(self, amounts: Array) -> Array:
        raise NotImplementedError

    def refit(self, seen: Observations) -> Self:
        """With a smaller search, the same share of it kept."""
        share = min(1.0, REFIT_SAMPLES / self.samples)
        return replace(
            self, samples=round(share * self.samples), keep=max(1, round(share * self.keep))
        ).fit(seen)

    def propose(self, goal: Goal) -> Proposal:
        importance, limits = self.target_weights(goal), Limits.of(self, goal)
        drawn = self._drawn(goal, limits)
        drawn = drawn[self.candidates(drawn, importance)]
        best = drawn[np.argsort(self.objective(drawn, importance), kind="stable")[: self.keep]]
        weights, notes = settle(best.mean(axis=0), *goal.bounds.parts), [*self.notes()]
        notes.append(
            f"a region, not a point: its {len(best)} best mixtures spread by up to {best.std(axis=0).max():.3f} in a weight"
        )
        if not limits.keep(self.predict(weights[None]))[0]:
            weights = best[0]
            notes.append(
                "the mean of the best is worse than natural on a target: the single best stands for it"
            )
        predicted = self.predict(weights[None])[0]
        return Proposal(
            self.name,
            goal.mixture(weights),
            self.in_goal(predicted, goal),
            notes=(*notes, *limits.notes(predicted)),
        )

    def _drawn(self, goal: Goal, limits: Limits) -> Array:
        """Mixtures to choose from; with limits those that keep them, natural among them, the others again on the way to it."""
        rng = np.random.default_rng(goal.seed)
        drawn = sample(
            goal.natural,
            goal.bounds.lower,
            goal.bounds.upper,
            rng,
            self.samples,
            goal.bounds.groups,
        )
        if not limits.limited.any():
            return drawn
        kept = self.within(drawn, limits)
        nearer = limits.start + rng.random((int((~kept).sum()), 1)) * (drawn[~kept] - limits.start)
        return np.concatenate(
            [drawn[kept], nearer[self.within(nearer, limits)], limits.start[None]]
        )

    def within(self, weights: Array, limits: Limits) -> NDArray[np.bool_]:
        """Which mixtures keep the limits."""
        return limits.keep(self.predict(weights))

    def candidates(self, weights: Array, importance: Array) -> NDArray[np.int64]:
        """Rows that may be among the best."""
        return np.arange(len(weights))

    def objective(self, weights: Array, importance: Array) -> Array:
        return self.predict(weights) @ importance

    def notes(self) -> tuple[str, ...]:
        return ()
