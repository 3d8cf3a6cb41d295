"""Ensemble: a stack of mixers (Wolpert 1992, Breiman 1996), weighed by cross-validation.

    y'_k(w) = sum_m v_mk y'_mk(w)

    w      mixture
    y'_k   predicted loss of target k, nats/token; y'_mk by member m alone
    v_mk   weight of member m for target k: 0 or more, summing to 1 over the members, chosen on
           runs of the swarm that the members were not fitted to (stacking.py)

It proposes the best optimum of its convex members, or the mean of the best mixtures around it
where the whole stack prefers that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers import create, entry
from mixwright.mixers.base import FITTED, UNKNOWN, Fitted, Mixer
from mixwright.mixers.ensemble.stacking import combine, stack
from mixwright.mixers.laws.mixer import LawMixer
from mixwright.mixers.laws.wide import WideLaw
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.simplex.alike import mixture_folds
from mixwright.simplex.geometry import settle
from mixwright.simplex.sampling import sample_around

# Runs at least.
RUNS = 12
# Steps from natural to a mixture, where the whole way breaks a limit.
STEPS = 64


def default_members() -> dict[str, dict[str, Any]]:
    """Returns the usual members and their settings.

    They are the effective-data law, trees in a third of the published rounds (as good in
    cross-validation), and two laws that rarely earn a weight.
    """
    return {
        "effective-data": {},
        "regmix": {"iterations": 300, "learning_rate": 0.033},
        "additive": {},
        "log-linear": {},
    }


@dataclass(frozen=True)
class Ensemble(Fitted):
    """Predicts the weighted mean of its members; members without weight are left out."""

    # mixer -> its settings
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=default_members)
    # folds of the swarm, for the weights
    folds: int = 8
    # mixtures that the search around the start draws
    samples: int = 4_000
    # how many of the best of them are averaged
    keep: int = 32
    # members with weight
    names: tuple[str, ...] = field(default=(), metadata=FITTED, repr=False)
    # (names, targets) v
    shares: Array = field(default=UNKNOWN, metadata=FITTED, repr=False)
    # the members' fits to all runs
    fits: tuple[Mixer, ...] = field(default=(), metadata=FITTED, repr=False)
    name = "ensemble"

    def fit(self, observations: Observations) -> Self:
        """Weighs the members on held-out folds of the swarm, then fits them to all of it."""
        swarm = self.usable(observations, "swarm", least=RUNS)
        names = list(self.members)
        for name in names:
            _check_member(name)
        # Runs are sorted by name and the shuffle is fixed: the same runs fall into the same folds
        # in whatever order they came. Runs of one mixture share a fold.
        rng = np.random.default_rng(0)
        fold = mixture_folds(swarm.weights, self.folds, rng)
        predicted = [self._out_of_fold(name, swarm, fold) for name in names]
        shares = np.ones((1, len(swarm.targets)))
        if len(names) > 1:
            shares = stack(np.stack(predicted), swarm.losses, fold)
        used = np.flatnonzero(shares.any(axis=1)).tolist()
        used_names = [names[i] for i in used]
        fits = []
        # what is odd about the runs is said once, and not by each member
        quiet = replace(swarm, derived=True)
        for name in used_names:
            member = create(name, self.members[name])
            fits.append(member.fit(quiet))
        return self.learned(
            swarm,
            names=tuple(used_names),
            shares=shares[used],
            fits=tuple(fits),
        )

    def refit(self, observations: Observations) -> Self:
        """Fits the members again; the weights stay."""
        swarm = self.usable(observations, "swarm", least=RUNS)
        fits = tuple(member.refit(swarm) for member in self.fits)
        return self.learned(swarm, fits=fits)

    def narrowed(self, goal: Goal) -> Self:
        """Returns a copy whose members are read for the goal alone."""
        fits = tuple(member.narrowed(goal) for member in self.fits)
        return replace(self, fits=fits)

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token, at the swarm's total whatever theirs.

        Args:
            amounts: (mixtures, domains) tokens.
        """
        predicted = np.stack([member.predict(amounts) for member in self.fits])
        return combine(self.shares, predicted)

    def propose(self, goal: Goal) -> Proposal:
        """Starts at the best convex member's optimum, and searches around it."""
        importance = self.target_weights(goal)
        limits = Limits.of(self, goal)
        if len(self.fits) == 1:
            alone = self.fits[0].propose(goal)
            notes = (self._stack_note(), *alone.notes)
            return replace(alone, mixer="ensemble", notes=notes)
        start, origin = self._start(goal, importance, limits)
        around = self._around(start, goal, importance, limits)
        both = np.stack([start, around])
        objective = self.predict(both) @ importance
        if objective[1] < objective[0]:
            weights = around
            distance = np.abs(around - start).max()
            outcome = f"moved by up to {distance:.3f} in a weight by a search around it"
        else:
            weights = start
            outcome = "no search around it did better"
        predicted = self.predict(weights[None])[0]
        return Proposal(
            mixer="ensemble",
            mixture=goal.mixture(weights),
            predicted=self.in_goal(predicted, goal),
            notes=(
                self._stack_note(),
                f"starts at the optimum of {origin}; {outcome}",
                *limits.notes(predicted),
            ),
        )

    def _start(self, goal: Goal, importance: Array, limits: Limits) -> tuple[Array, str]:
        """The members' proposal that the stack likes best, and the name of its member.

        Only convex members count where there are any: their optimum is exact. Members keep limits
        by their own predictions; where the stack's are broken, `_pulled` mends that.
        """
        convex = []
        for member in self.fits:
            is_wide = isinstance(member, WideLaw) and not member.is_convex
            convex.append(isinstance(member, LawMixer) and not is_wide)
        names = []
        proposals = []
        for name, member, is_convex in zip(self.names, self.fits, convex, strict=True):
            if is_convex or not any(convex):
                proposal = member.propose(goal)
                names.append(name)
                proposals.append(self._pulled(proposal.weights, limits))
        predicted = self.predict(np.stack(proposals))
        best = int(np.argmin(predicted @ importance))
        return proposals[best], names[best]

    def _pulled(self, weights: Array, limits: Limits) -> Array:
        """The last of STEPS steps from natural to `weights` at which the stack keeps the limits."""
        if not limits.limited.any():
            return weights
        natural = limits.start
        way = np.linspace(1, 0, STEPS + 1)
        mixtures = natural + way[:, None] * (weights - natural)
        keeps = limits.keep(self.predict(mixtures))
        last = int(keeps.argmax())
        return mixtures[last]

    def _around(self, start: Array, goal: Goal, importance: Array, limits: Limits) -> Array:
        """The mean of the best mixtures on the way from `start` to random ones inside the bounds.

        With limits only mixtures that keep them count; where their mean does not, the best of
        them stands for it.
        """
        rng = np.random.default_rng(goal.seed)
        near = sample_around(start, goal.natural, goal.bounds, rng, self.samples)
        if limits.limited.any():
            near[0] = start
        predicted = self.predict(near)
        keeps = limits.keep(predicted)
        objective = np.where(keeps, predicted @ importance, np.inf)
        usable = int(np.isfinite(objective).sum())
        order = np.argsort(objective, kind="stable")
        first = order[: min(self.keep, usable)]
        best = near[first]
        mean = settle(best.mean(axis=0), *goal.bounds.parts)
        predicted = self.predict(mean[None])
        mean_keeps = limits.keep(predicted)[0]
        return mean if mean_keeps else best[0]

    def _stack_note(self) -> str:
        """The members' weights, in a sentence."""
        parts = []
        shares = self.shares.mean(axis=1)
        for name, share in zip(self.names, shares, strict=True):
            parts.append(f"{share:.2f} {name}")
        note = f"stack of {', '.join(parts)}"
        spread = np.ptp(self.shares, axis=1).max()
        if spread >= 1e-12:
            note += " (mean of the targets' own weights)"
        return note

    def _out_of_fold(self, name: str, swarm: Observations, fold: NDArray[np.int64]) -> Array:
        """(runs, targets) predictions of a member, of each fold when fitted to the others."""
        predicted = np.empty_like(swarm.losses)
        for k in np.unique(fold):
            outside = fold == k
            member = create(name, self.members[name])
            fitted = member.fit(swarm.only(~outside))
            predicted[outside] = fitted.predict(swarm.amounts[outside])
        return predicted


def _check_member(name: str) -> None:
    """Refuses mixers that do not predict from the swarm alone."""
    kind = entry(name)
    if not kind.predicts or kind.reads != {"swarm"} or name == "ensemble":
        raise MixwrightError(
            f"ensemble: {name} cannot be a member; name mixers that predict from the swarm"
        )
