"""A stack of mixers whose weights are chosen by cross-validation on the runs at hand (Wolpert 1992, Breiman 1996)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixers import create, entry
from mixwright.mixers.law_mixer import LawMixer
from mixwright.mixers.protocol import Mixer
from mixwright.mixers.saved import FITTED, UNKNOWN, Fitted
from mixwright.mixers.stacking import combine, stack
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations
from mixwright.simplex import sample, settle


def default_members() -> dict[str, dict[str, Any]]:
    """The law, the trees in a third of the rounds (as good in cross-validation), and two laws that rarely earn a weight."""
    return {"effective-data": {}, "regmix": {"iterations": 300, "learning_rate": 0.033}, "additive": {}, "log-linear": {}}


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
        shares = stack(predicted, swarm.losses, fold) if len(names) > 1 else np.ones((1, len(swarm.targets)))
        used = np.flatnonzero(shares.any(axis=1)).tolist()
        fits = tuple(create(names[i], self.members[names[i]]).fit(swarm) for i in used)
        return self.learned(swarm, names=tuple(names[i] for i in used), shares=shares[used], fits=fits)

    def refit(self, seen: Observations) -> Self:
        """The members, refitted; the weights stay."""
        swarm = self.usable(seen, "swarm", least=12)
        return self.learned(swarm, fits=tuple(fit.refit(swarm) for fit in self.fits))

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the swarm's total whatever the amounts' total."""
        return combine(self.shares, np.stack([fit.predict(amounts) for fit in self.fits]))

    def propose(self, goal: Goal) -> Proposal:
        """The convex members' best proposal, then the mean of the best mixtures around it where the whole stack prefers that."""
        importance = self.target_weights(goal)
        if len(self.fits) == 1:
            alone = self.fits[0].propose(goal)
            return replace(alone, mixer="ensemble", notes=(*self._notes(), *alone.notes))
        start, origin = self._start(goal, importance)
        weights = self._around(start, goal, importance)
        values = self.predict(np.stack([start, weights])) @ importance
        moved = bool(values[1] < values[0])
        chosen = weights if moved else start
        distance = f"moved by up to {np.abs(weights - start).max():.3f} in a weight by a search around it"
        how = distance if moved else "no search around it did better"
        notes = (*self._notes(), f"starts at the optimum of {origin}; {how}")
        return Proposal("ensemble", chosen, self.in_goal(self.predict(chosen[None])[0], goal), notes=notes)

    def _start(self, goal: Goal, importance: Array) -> tuple[Array, str]:
        """The proposal that the stack likes best among those of its convex members, or of all where none is convex."""
        convex = [i for i, fit in enumerate(self.fits) if isinstance(fit, LawMixer)] or range(len(self.fits))
        proposals = np.stack([self.fits[i].propose(goal).weights for i in convex])
        best = int(np.argmin(self.predict(proposals) @ importance))
        return proposals[best], self.names[list(convex)[best]]

    def _around(self, start: Array, goal: Goal, importance: Array) -> Array:
        """The mean of the best mixtures on the way from `start` to random ones inside the bounds, which keeps them inside too."""
        rng = np.random.default_rng(goal.seed)
        lower, upper = goal.bounds.lower, goal.bounds.upper
        far = sample(goal.natural, lower, upper, rng, self.samples)
        near = start + rng.random((self.samples, 1)) ** 2 * (far - start)
        order = np.argsort(self.predict(near) @ importance, kind="stable")[: self.keep]
        return settle(near[order].mean(axis=0), lower, upper)

    def _notes(self) -> tuple[str, ...]:
        shares = ", ".join(f"{share:.2f} {name}" for name, share in zip(self.names, self.shares.mean(axis=1), strict=True))
        return (f"stack of {shares}" + ("" if np.ptp(self.shares, axis=1).max() < 1e-12 else " (mean of the targets' own weights)"),)

    def _out_of_fold(self, name: str, swarm: Observations, fold: np.ndarray) -> Array:
        predicted = np.empty_like(swarm.losses)
        for k in np.unique(fold):
            fitted = create(name, self.members[name]).fit(swarm.only(fold != k))
            predicted[fold == k] = fitted.predict(swarm.amounts[fold == k])
        return predicted

    def _reads_only_the_swarm(self, name: str) -> bool:
        kind = entry(name)
        if not kind.predicts or kind.reads != {"swarm"} or name == "ensemble":
            raise MixwrightError(f"ensemble: {name} cannot be a member; name mixers that predict from the swarm")
        return True
