"""Proposals by search: the best of many random mixtures, for mixers that have no formula."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import Fitted
from mixwright.mixers.excess import Excess
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.geometry import settle
from mixwright.simplex.sampling import sample, sample_around

# mixtures that the search of a refit draws, before it refines
REFIT_SAMPLES = 5_000


@dataclass(frozen=True)
class Searched(Fitted):
    """Proposes the mean of the best of many mixtures, drawn inside the bounds around natural.

    A mixer that searches defines `fit` and `predict`. It may override the methods from `within` on,
    where it has a faster way to the same answer. The first draws are Dirichlet(p), p the natural
    mixture. The others lie between the mean of the best of these and more such draws. RegMix
    (arXiv 2407.01492) takes 100,000 first draws and no others.
    """

    # mixtures drawn
    samples: int = 10_000
    # mixtures drawn around the mean of the best of them; 0: none, as published
    refine: int = 4_000
    # how many of the best are averaged
    keep: int = 128
    name: ClassVar[str] = "searched"

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) losses in nats/token of (mixtures, domains) amounts.

        The search gives weights, which sum to 1: predictions must not depend on the total.
        """
        raise NotImplementedError

    def refit(self, observations: Observations) -> Self:
        """Returns a copy fitted to these runs that searches less and keeps the same share."""
        share = min(1.0, REFIT_SAMPLES / self.samples)
        lighter = replace(
            self,
            samples=round(share * self.samples),
            refine=round(share * self.refine),
            keep=max(1, round(share * self.keep)),
        )
        return lighter.fit(observations)

    def propose(self, goal: Goal) -> Proposal:
        """Returns the mean of the best mixtures, or the single best if the mean breaks a limit."""
        importance = self.target_weights(goal)
        limits = Limits.of(self, goal)
        best = self._best(goal, importance, limits)
        weights = settle(best.mean(axis=0), *goal.bounds.parts)
        predicted = self.predict(weights[None])[0]
        spread = best.std(axis=0).max()
        notes = list(self.notes())
        if goal.worst:
            notes += Excess.of(self, goal, importance).notes(predicted)
        notes.append(
            f"a region, not a point: its {len(best)} best mixtures spread by up to {spread:.3f}"
            " in a weight"
        )
        if not limits.keep(predicted[None])[0]:
            weights = best[0]
            predicted = self.predict(weights[None])[0]
            notes.append(
                "the mean of the best is worse than natural on a target:"
                " the single best stands for it"
            )
        notes += limits.notes(predicted)
        return Proposal(
            mixer=self.name,
            mixture=goal.mixture(weights),
            predicted=self.in_goal(predicted, goal),
            notes=tuple(notes),
        )

    def _best(self, goal: Goal, importance: Array, limits: Limits) -> Array:
        """(up to `keep`, domains) the mixtures of least objective, the best first."""
        rng = np.random.default_rng(goal.seed)
        worst = Excess.of(self, goal, importance) if goal.worst else None
        drawn = self._drawn(goal, limits, rng)
        best, objective = self._chosen(drawn, importance, worst=worst)
        if not self.refine:
            return best
        centre = settle(best.mean(axis=0), *goal.bounds.parts)
        near = sample_around(centre, goal.natural, goal.bounds, rng, self.refine)
        if limits.limited.any():
            near = near[self.within(near, limits)]
        bar = float("inf")
        if len(best) == self.keep:
            bar = float(objective[-1])
        better, near_objective = self._chosen(near, importance, bar, worst)
        best = np.concatenate([best, better])
        objective = np.concatenate([objective, near_objective])
        order = np.argsort(objective, kind="stable")
        return best[order[: self.keep]]

    def _chosen(
        self,
        drawn: Array,
        importance: Array,
        bar: float = float("inf"),
        worst: Excess | None = None,
    ) -> tuple[Array, Array]:
        """The `keep` best of the drawn mixtures, best first, and their objectives.

        Those with an objective above the bar may be missing. With an excess the objective is that
        of the worst target.
        """
        if worst is None:
            drawn = drawn[self.candidates(drawn, importance, bar)]
            objective = self.objective(drawn, importance)
        else:
            objective = worst.greatest(self.predict(drawn))
        order = np.argsort(objective, kind="stable")[: self.keep]
        return drawn[order], objective[order]

    def _drawn(self, goal: Goal, limits: Limits, rng: np.random.Generator) -> Array:
        """(mixtures, domains) to choose from.

        With limits, only those that keep them: mixtures that do not get a second chance nearer to
        natural, which always keeps them and is the last row.
        """
        bounds = goal.bounds
        drawn = sample(
            alpha=goal.natural,
            lower=bounds.lower,
            upper=bounds.upper,
            rng=rng,
            size=self.samples,
            groups=bounds.groups,
        )
        if not limits.limited.any():
            return drawn
        inside = self.within(drawn, limits)
        outside = drawn[~inside]
        steps = rng.random((len(outside), 1))
        nearer = limits.start + steps * (outside - limits.start)
        nearer = nearer[self.within(nearer, limits)]
        return np.concatenate([drawn[inside], nearer, limits.start[None]])

    def within(self, weights: Array, limits: Limits) -> NDArray[np.bool_]:
        """Returns which of these mixtures (mixtures, domains) keep the limits."""
        return limits.keep(self.predict(weights))

    def candidates(
        self, weights: Array, importance: Array, bar: float = float("inf")
    ) -> NDArray[np.int64]:
        """Returns the rows of `weights` that may be among the best and not above the bar."""
        return np.arange(len(weights))

    def objective(self, weights: Array, importance: Array) -> Array:
        """Returns (mixtures,) the targets' losses weighted by `importance` (targets,)."""
        return self.predict(weights) @ importance

    def notes(self) -> tuple[str, ...]:
        """Returns what the report should know of the fit."""
        return ()
