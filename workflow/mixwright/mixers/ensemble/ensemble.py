"""A stack of mixers whose weights are chosen by cross-validation on the runs at hand (Wolpert 1992, Breiman 1996)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers import create, entry
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted, Mixer
from mixwright.mixers.ensemble.stacking import combine, stack
from mixwright.mixers.laws.mixer import LawMixer
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.geometry import settle
from mixwright.simplex.sampling import sample_around


def default_members() -> dict[str, dict[str, Any]]:
    """The law, the trees in a third of the rounds (as good in cross-validation), and two laws that rarely earn a weight."""
    return {
        "effective-data": {},
        "regmix": {"iterations": 300, "learning_rate": 0.033},
        "additive": {},
        "log-linear": {},
    }


@dataclass(frozen=True)
class Ensemble(Fitted):
    """Weighted mean of the members' predictions; weights from out-of-fold predictions, members without weight are left out."""

    members: Mapping[str, Mapping[str, Any]] = field(default_factory=default_members)
    folds: int = 8
    samples: int = 4_000
    keep: int = 32
    names: tuple[str, ...] = field(default=(), metadata=FITTED, repr=False)
    shares: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)  # (names, targets)
    fits: tuple[Mixer, ...] = field(default=(), metadata=FITTED, repr=False)

    def fit(self, seen: Observations) -> Self:
        swarm = self.usable(seen, "swarm", least=12)
        names = [name for name in self.members if self._reads_only_the_swarm(name)]
        # a fixed shuffle of runs sorted by name: the same runs fall into the same folds in whatever order they came
        fold = np.random.default_rng(0).permutation(len(swarm.runs)) % self.folds
        predicted = np.stack([self._out_of_fold(name, swarm, fold) for name in names])
        shares = (
            stack(predicted, swarm.losses, fold)
            if len(names) > 1
            else np.ones((1, len(swarm.targets)))
        )
        used = np.flatnonzero(shares.any(axis=1)).tolist()
        fits = tuple(create(names[i], self.members[names[i]]).fit(swarm) for i in used)
        return self.learned(
            swarm, names=tuple(names[i] for i in used), shares=shares[used], fits=fits
        )

    def refit(self, seen: Observations) -> Self:
        """The members, refitted; the weights stay."""
        swarm = self.usable(seen, "swarm", least=12)
        return self.learned(swarm, fits=tuple(fit.refit(swarm) for fit in self.fits))

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return combine(self.shares, np.stack([fit.predict(amounts) for fit in self.fits]))

    def propose(self, goal: Goal) -> Proposal:
        """The convex members' best proposal, then the mean of the best mixtures around it where the whole stack prefers that."""
        importance, limits = self.target_weights(goal), Limits.of(self, goal)
        if len(self.fits) == 1:
            alone = self.fits[0].propose(goal)
            return replace(alone, mixer="ensemble", notes=(*self._notes(), *alone.notes))
        start, origin = self._start(goal, importance, limits)
        weights = self._around(start, goal, importance, limits)
        values = self.predict(np.stack([start, weights])) @ importance
        moved = bool(values[1] < values[0])
        chosen = weights if moved else start
        predicted = self.predict(chosen[None])[0]
        distance = (
            f"moved by up to {np.abs(weights - start).max():.3f} in a weight by a search around it"
        )
        how = distance if moved else "no search around it did better"
        notes = (
            *self._notes(),
            f"starts at the optimum of {origin}; {how}",
            *limits.notes(predicted),
        )
        return Proposal(
            "ensemble", goal.mixture(chosen), self.in_goal(predicted, goal), notes=notes
        )

    def _start(self, goal: Goal, importance: Array, limits: Limits) -> tuple[Array, str]:
        """The proposal that the stack likes best among those of its convex members, or of all where none is convex.

        Members keep limits by their own predictions: where the stack's are broken, it goes back towards natural until they hold.
        """
        convex = [i for i, fit in enumerate(self.fits) if isinstance(fit, LawMixer)] or range(
            len(self.fits)
        )
        proposals = np.stack(
            [self._pulled(self.fits[i].propose(goal).weights, limits) for i in convex]
        )
        best = int(np.argmin(self.predict(proposals) @ importance))
        return proposals[best], self.names[list(convex)[best]]

    def _pulled(self, weights: Array, limits: Limits) -> Array:
        """The farthest of 64 steps from natural to `weights` at which the stack keeps the limits."""
        steps = limits.start + np.linspace(1, 0, 65)[:, None] * (weights - limits.start)
        return (
            steps[int(limits.keep(self.predict(steps)).argmax())]
            if limits.limited.any()
            else weights
        )

    def _around(self, start: Array, goal: Goal, importance: Array, limits: Limits) -> Array:
        """The mean of the best mixtures on the way from `start` to random ones inside the bounds, which keeps them inside too.

        With limits only mixtures that keep them count; where their mean does not, the best of them stands for it.
        """
        rng = np.random.default_rng(goal.seed)
        near = sample_around(start, goal.natural, goal.bounds, rng, self.samples)
        near[0] = start if limits.limited.any() else near[0]
        predicted = self.predict(near)
        objective = np.where(limits.keep(predicted), predicted @ importance, np.inf)
        order = np.argsort(objective, kind="stable")[
            : min(self.keep, int(np.isfinite(objective).sum()))
        ]
        mean = settle(near[order].mean(axis=0), *goal.bounds.parts)
        return mean if limits.keep(self.predict(mean[None]))[0] else near[order[0]]

    def _notes(self) -> tuple[str, ...]:
        shares = ", ".join(
            f"{share:.2f} {name}"
            for name, share in zip(self.names, self.shares.mean(axis=1), strict=True)
        )
        return (
            f"stack of {shares}"
            + (
                ""
                if np.ptp(self.shares, axis=1).max() < 1e-12
                else " (mean of the targets' own weights)"
            ),
        )

    def _out_of_fold(self, name: str, swarm: Observations, fold: np.ndarray) -> Array:
        predicted = np.empty_like(swarm.losses)
        for k in np.unique(fold):
            fitted = create(name, self.members[name]).fit(swarm.only(fold != k))
            predicted[fold == k] = fitted.predict(swarm.amounts[fold == k])
        return predicted

    def _reads_only_the_swarm(self, name: str) -> bool:
        kind = entry(name)
        if not kind.predicts or kind.reads != {"swarm"} or name == "ensemble":
            raise MixwrightError(
                f"ensemble: {name} cannot be a member; name mixers that predict from the swarm"
            )
        return True
