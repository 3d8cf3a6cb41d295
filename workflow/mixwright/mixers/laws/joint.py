"""One law over runs of all totals and roles, in amounts: the effective-data law as a scaling law, and its optimum at the goal's tokens."""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.base import FITTED
from mixwright.mixers.laws.law import Law, Prior, fit_law, same_text, trust
from mixwright.mixers.laws.mixer import REFIT_STEPS, LawMixer
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixers.laws.repetition import (
    DECAY,
    ScaledLaw,
    amounts_worth,
    effective_tokens,
    fit_decay,
    repeats,
)
from mixwright.mixers.limits import Limits
from mixwright.mixture import Array
from mixwright.observations import Observations

ROLES = ("swarm", "vertex", "perturb")
IN_AMOUNTS = Prior(linear=1e9)  # held at 0: more tokens are never worse
FIRST = 0.03  # strength of the priors while the runs' noise is unknown
NOISE = 0.03  # variance of residuals, in the targets' own, at which the priors are as strong as effective-data's
LEAST = 5  # runs: a base run with two domains up and down
APART = 1.2  # totals within such a factor say little of scale
FIT = "fit"
STARTS, START_STEPS = 6, 60  # of the first fit beside the usual one, and their steps
PROFILE_STEPS = 60  # of a fit with one R*, from where that with 15.39 ended


@dataclass(frozen=True)
class Joint(LawMixer):
    """L(n) = E + A (eps + sum_i K_i D(n_i)^g_i)^(-b), D the effective tokens of n_i.

    A run's repeat as often as was counted (not at all where it was not), the goal's by the tokens that each domain has. `repetition` is
    their R*, or `fit`: the runs' own, by profile likelihood. Amounts are in units of `unit` tokens, the middle of the runs' totals.
    """

    repetition: float | str = DECAY
    span: tuple[float, ...] = field(
        default=(), metadata=FITTED, repr=False
    )  # least and most tokens of a run
    strength: float = field(
        default=1.0, metadata=FITTED, repr=False
    )  # of the priors, as a multiple of effective-data's
    told: tuple[float, ...] = field(
        default=(), metadata=FITTED, repr=False
    )  # the runs' R* and its interval; none where they cannot tell
    name = "joint"

    def __post_init__(self) -> None:
        if isinstance(self.repetition, str) and self.repetition != FIT:
            raise MixwrightError(
                f"mixers: joint.repetition is {self.repetition}; write a number or {FIT}"
            )

    def fit(self, seen: Observations) -> Self:
        runs = self.usable(seen, *ROLES, least=LEAST)
        first = replace(
            self, span=(float(runs.tokens.min()), float(runs.tokens.max())), strength=FIRST, told=()
        )
        first = (
            replace(first, told=first._told(runs))
            if self.repetition == FIT and repeats(runs)
            else first
        )
        loose = first._best_start(runs)
        found = replace(
            first, strength=_strength(runs.losses, first._of_runs(loose, runs), len(runs.domains))
        )
        return found._with_law(runs, found.fit_law(runs, 2 * self.iterations, loose))

    def refit(self, seen: Observations) -> Self:
        runs = self.usable(seen, *ROLES, least=LEAST)
        return self._with_law(runs, self.fit_law(runs, min(REFIT_STEPS, self.iterations), self.law))

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        same = same_text(swarm.targets, swarm.domains)
        amounts = self.amounts_of(swarm) / self.unit
        law = fit_law(
            amounts, swarm.losses, IN_AMOUNTS.times(self.strength), iterations, same, near
        )
        return replace(law, linear=np.zeros_like(law.linear))

    def _best_start(self, runs: Observations) -> Law:
        """Target by target the law of least squares among fits from several starts: some valleys of a target's cost hide its best."""
        best, rng = self.fit_law(runs, self.iterations), np.random.default_rng(0)
        first, least = best, ((runs.losses - self._of_runs(best, runs)) ** 2).sum(axis=0)
        for _ in range(STARTS):
            tried = self.fit_law(runs, min(START_STEPS, self.iterations), first.shaken(rng))
            misfit = ((runs.losses - self._of_runs(tried, runs)) ** 2).sum(axis=0)
            best, least = best.where(misfit >= least, tried), np.minimum(least, misfit)
        return best

    def _told(self, runs: Observations) -> tuple[float, ...]:
        """R* of the runs and its interval; none where the interval is open at both ends."""
        near, trusted = (
            self.fit_law(runs, self.iterations),
            trust(runs.losses.T, np.maximum(runs.losses.std(axis=0), 1e-9)),
        )

        def misfit(decay: float) -> Array:
            tried = replace(self, told=(decay,))
            left = runs.losses - tried._of_runs(tried.fit_law(runs, PROFILE_STEPS, near), runs)
            return np.asarray(((trusted * left.T) ** 2).sum(axis=1))

        found = fit_decay(misfit, len(runs.runs))
        return found if found[1] > 0 or np.isfinite(found[2]) else ()

    def _of_runs(self, law: Law, runs: Observations) -> Array:
        return law.predict(self.amounts_of(runs) / self.unit)

    @property
    def decay(self) -> float:
        """R* in use."""
        return (
            self.told[0]
            if self.told
            else DECAY
            if isinstance(self.repetition, str)
            else self.repetition
        )

    @property
    def unit(self) -> float:
        return float(np.sqrt(np.prod(self.span)))

    def predict(self, amounts: Array) -> Array:
        """(mixtures, domains) tokens -> (mixtures, targets) nats/token, at the amounts' own totals, none of them repeated."""
        return self.law.predict(amounts / self.unit)

    def amounts_of(self, seen: Observations) -> Array:
        return amounts_worth(seen, self.decay)

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array:
        """Effective tokens at the goal's total, whatever the runs' own."""
        return effective_tokens(
            weights * self._total(goal),
            np.array([domain.available for domain in goal.domains]),
            self.decay,
        )

    def at(self, goal: Goal) -> "OfMixtures":
        return OfMixtures(self.targets, self._scaled(goal))

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float]:
        return best_mixture(
            self._scaled(goal), importance, *goal.bounds.parts, limits.most, limits.start
        )

    def _scaled(self, goal: Goal) -> ScaledLaw:
        available = np.array([domain.available for domain in goal.domains]) / self.unit
        return ScaledLaw.of(self.law, self._total(goal) / self.unit, available, self.decay)

    def _decay_note(self) -> str:
        if not self.told:
            return f"the runs repeat their domains too little to tell R*: {DECAY} is used"
        value, low, high = self.told
        return f"R* of the runs {value:.3g} [{low:.3g}, {high:.3g}]"

    def _total(self, goal: Goal) -> float:
        return goal.tokens if self.counted else 1.0

    @property
    def counted(self) -> bool:
        """Whether the runs came with tokens, not as weights alone."""
        return self.span[1] > 1 + 1e-6

    def scale_notes(self, goal: Goal, weights: Array) -> tuple[str, ...]:
        least, most = self.span
        if not self.counted:
            return (
                "the runs came without token counts: the mixture is the best at their own scale",
            )
        repeated = [
            d.name
            for d, weight in zip(goal.domains, weights, strict=True)
            if weight * goal.tokens > 1.01 * d.available
        ]
        notes = (
            [
                f"{', '.join(repeated)} repeated: a pass is worth less each time, R* = {self.decay:.4g}"
            ]
            if repeated
            else []
        )
        notes += [self._decay_note()] if self.repetition == FIT else []
        if most < APART * least and not least / APART < goal.tokens < most * APART:
            notes.append(
                "all runs have about one total: what changes with scale is the prior's word; add runs of another total"
            )
        elif goal.tokens > APART * most:
            notes.append(
                f"predicted for {goal.tokens / most:.3g} times the tokens of the largest run"
            )
        elif goal.tokens < least / APART:
            notes.append(
                f"predicted for {goal.tokens / least:.3g} times the tokens of the smallest run: nothing so short was trained"
            )
        return tuple(notes)


@dataclass(frozen=True)
class OfMixtures:
    """The law of a fitted mixer in mixtures of a goal's tokens."""

    targets: tuple[str, ...]
    law: ScaledLaw

    def predict(self, weights: Array) -> Array:
        """(mixtures, domains) weights -> (mixtures, targets) nats/token."""
        return self.law.predict(weights)


def _strength(losses: Array, predicted: Array, domains: int) -> float:
    """Priors weigh as much as the residuals' variance asks for (median of the targets): runs of several totals spread far beyond noise.

    Runs that are not twice as many as the parameters say nothing of noise.
    """
    freedom = len(losses) - 4 - 2 * domains
    if freedom < 4 + 2 * domains:
        return 1.0
    left = ((losses - predicted) ** 2).sum(axis=0) / freedom / np.maximum(losses.var(axis=0), 1e-18)
    return float(np.clip(np.median(left) / NOISE, 0.001, 1.0))
