"""One law over runs of all lengths and roles: the effective-data law in tokens.

    L(n) = E + A (eps + sum_i K_i D(n_i)^g_i)^(-b)

    L         loss of a target, nats/token
    n_i       tokens of domain i in a training, in units of the middle of the runs' totals
    D         effective tokens once a domain repeats (arXiv 2305.16264, see `repetition`)
    E         level, nats/token
    A, b      scale (nats/token) and power of the fall of the loss with effective data
    eps       effective data from no domain
    K_i, g_i  transfer and diminishing returns of domain i

Amounts in place of weights carry scale, so that the law predicts at the goal's tokens. It has no
linear term: more tokens are never worse.
"""

from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.base import FITTED
from mixwright.mixers.laws.fit import fit_law, trust
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.mixer import REFIT_STEPS, LawMixer
from mixwright.mixers.laws.optimum import Certify, Laws, best_mixture, certificate
from mixwright.mixers.laws.prior import Prior
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
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations

ROLES = ("swarm", "vertex", "perturb")
# Holds the linear term at 0: more tokens are never worse.
IN_AMOUNTS = Prior(linear=1e9)
# Strength of the priors while the noise of the runs is unknown.
FIRST = 0.03
# Variance of the residuals, as a share of the target's, at which the priors are as strong as those
# of effective-data.
NOISE = 0.03
# The fewest runs of a fit: a base run, and two domains up and down.
LEAST = 5
# Totals within such a factor say little of scale.
APART = 1.2
# The setting that asks for the runs' own R*.
FIT = "fit"
# The first fit has so many starts beside the usual one, each with at most so many steps.
STARTS = 6
START_STEPS = 60
# Steps of a fit with one R*, at most, from where the fit with 15.39 ended.
PROFILE_STEPS = 60


@dataclass(frozen=True)
class Joint(LawMixer):
    """Fits the joint law to swarm, vertex and perturb runs; proposes for the goal's tokens.

    A run repeats its domains as often as was counted, not at all where nothing was counted. The
    goal repeats them by the tokens that each domain has.
    """

    # R*, or `fit`: the runs' own, by profile likelihood
    repetition: float | str = DECAY
    # least and most tokens of a run
    span: tuple[float, ...] = field(default=(), metadata=FITTED, repr=False)
    # strength of the priors, as a multiple of effective-data's
    strength: float = field(default=1.0, metadata=FITTED, repr=False)
    # the runs' R* and its interval; empty where the runs do not determine it
    decay_interval: tuple[float, ...] = field(
        default=(), metadata={**FITTED, "stored": "told"}, repr=False
    )
    name = "joint"

    def __post_init__(self) -> None:
        if isinstance(self.repetition, str) and self.repetition != FIT:
            raise MixwrightError(
                f"mixers: joint.repetition is {self.repetition}; write a number or {FIT}"
            )

    def fit(self, observations: Observations) -> Self:
        """Returns a fitted copy.

        A first fit with weak priors measures the noise of the runs. It decides how strong the
        priors of the second fit are, which starts where the first one ended.
        """
        runs = self.usable(observations, *ROLES, least=LEAST)
        span = (float(runs.tokens.min()), float(runs.tokens.max()))
        first = replace(self, span=span, strength=FIRST, decay_interval=())
        if self.repetition == FIT and repeats(runs):
            first = replace(first, decay_interval=first._fitted_decay(runs))
        loose = first._best_start(runs)
        predicted = first._losses_of(loose, runs)
        strength = _strength(runs.losses, predicted, len(runs.domains))
        second = replace(first, strength=strength)
        return second._with_law(runs, second.fit_law(runs, 2 * self.iterations, loose))

    def refit(self, observations: Observations) -> Self:
        """Returns a copy after a few steps from where this fit ended, with its R* and priors."""
        runs = self.usable(observations, *ROLES, least=LEAST)
        steps = min(REFIT_STEPS, self.iterations)
        return self._with_law(runs, self.fit_law(runs, steps, self.law))

    def fit_law(self, swarm: Observations, iterations: int, near: Law | None = None) -> Law:
        """Fits the law to runs of any role, in at most so many steps, from `near` if given."""
        law = fit_law(
            self.amounts_of(swarm) / self.unit,
            swarm.losses,
            IN_AMOUNTS.times(self.strength),
            iterations,
            swarm.same_text,
            near,
        )
        return replace(law, linear=np.zeros_like(law.linear))

    def _best_start(self, runs: Observations) -> Law:
        """Returns target by target the law of least squares among fits from several starts.

        Some valleys of a target's cost hide its best one.
        """
        rng = np.random.default_rng(0)
        usual = self.fit_law(runs, self.iterations)
        best = usual
        losses = Spread.of(runs.losses).tame(runs.losses)
        least = _squares(losses, self._losses_of(usual, runs))
        for _ in range(STARTS):
            steps = min(START_STEPS, self.iterations)
            other = self.fit_law(runs, steps, usual.shaken(rng))
            squares = _squares(losses, self._losses_of(other, runs))
            best = best.where(squares >= least, other)
            least = np.minimum(least, squares)
        return best

    def _fitted_decay(self, runs: Observations) -> tuple[float, ...]:
        """Returns the runs' R* and its interval; nothing where that is open at both ends."""
        near = self.fit_law(runs, self.iterations)
        spread = Spread.of(runs.losses)
        tamed = spread.tame(runs.losses)
        trusted = trust(runs.losses, spread)

        def misfit(decay: float) -> Array:
            mixer = replace(self, decay_interval=(decay,))
            law = mixer.fit_law(runs, PROFILE_STEPS, near)
            residuals = tamed - mixer._losses_of(law, runs)
            return np.asarray(((trusted * residuals.T) ** 2).sum(axis=1))

        decay, low, high = fit_decay(misfit, len(runs.runs))
        if low > 0 or np.isfinite(high):
            return decay, low, high
        return ()

    def _losses_of(self, law: Law, runs: Observations) -> Array:
        """Returns (runs, targets) losses that a law predicts for runs, nats/token."""
        return law.predict(self.amounts_of(runs) / self.unit)

    @property
    def decay(self) -> float:
        """R* in use: the runs' own, the setting, or the published one."""
        if self.decay_interval:
            return self.decay_interval[0]
        if isinstance(self.repetition, str):
            return DECAY
        return self.repetition

    @property
    def unit(self) -> float:
        """Tokens of one unit of the law's amounts: the geometric middle of the runs' totals."""
        return float(np.sqrt(np.prod(self.span)))

    def predict(self, amounts: Array) -> Array:
        """Returns (mixtures, targets) nats/token of (mixtures, domains) tokens, none repeated.

        They are predicted at the amounts' own totals.
        """
        return self.law.predict(amounts / self.unit)

    def amounts_of(self, observations: Observations) -> Array:
        """Returns (runs, domains) effective tokens of runs."""
        return amounts_worth(observations, self.decay)

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array:
        """Returns (mixtures, domains) effective tokens at the goal's total, not at `total`."""
        available = np.array([domain.available for domain in goal.domains])
        return effective_tokens(weights * self._total(goal), available, self.decay)

    def at(self, goal: Goal) -> "OfMixtures":
        """Returns the law in mixtures of the goal's tokens."""
        return OfMixtures(self.targets, self._scaled(goal))

    def optimum(self, importance: Array, goal: Goal, limits: Limits) -> tuple[Array, float]:
        """Returns the best mixture (domains,) and its certified gap, nats/token."""
        return best_mixture(
            self._scaled(goal),
            importance,
            *goal.bounds.parts,
            limits.most,
            limits.start,
        )

    def convex_laws(self, goal: Goal) -> tuple[Laws, Certify]:
        """Returns the law in mixtures of the goal's tokens, and what bounds the gap of sums."""
        return self._scaled(goal), certificate

    def _scaled(self, goal: Goal) -> ScaledLaw:
        available = np.array([domain.available for domain in goal.domains]) / self.unit
        return ScaledLaw.of(self.law, self._total(goal) / self.unit, available, self.decay)

    def _total(self, goal: Goal) -> float:
        """Returns the goal's tokens in the runs' own unit: 1 where these came as weights."""
        if self.counted:
            return goal.tokens
        return 1.0

    @property
    def counted(self) -> bool:
        """Whether the runs came with tokens, not as weights alone."""
        return self.span[1] > 1 + 1e-6

    def scale_notes(self, goal: Goal, weights: Array) -> tuple[str, ...]:
        """Returns notes on repetition, and on a total that the runs do not cover."""
        if not self.counted:
            return (
                "the runs came without token counts: the mixture is the best at their own scale",
            )
        return (
            *self._repetition_notes(goal, weights),
            *self._decay_notes(),
            *self._total_notes(goal),
        )

    def _repetition_notes(self, goal: Goal, weights: Array) -> tuple[str, ...]:
        """Names the domains that the goal's run repeats by more than a hundredth."""
        repeated = []
        for domain, weight in zip(goal.domains, weights, strict=True):
            if weight * goal.tokens > 1.01 * domain.available:
                repeated.append(domain.name)
        if not repeated:
            return ()
        note = (
            f"{', '.join(repeated)} repeated: a pass is worth less each time, R* = {self.decay:.4g}"
        )
        return (note,)

    def _decay_notes(self) -> tuple[str, ...]:
        """Says what a fit of R* found."""
        if self.repetition != FIT:
            return ()
        if not self.decay_interval:
            return (f"the runs repeat their domains too little to tell R*: {DECAY} is used",)
        value, low, high = self.decay_interval
        return (f"R* of the runs {value:.3g} [{low:.3g}, {high:.3g}]",)

    def _total_notes(self, goal: Goal) -> tuple[str, ...]:
        """Says where the goal's total is far from those of the runs."""
        least, most = self.span
        shorter = goal.tokens <= least / APART
        longer = goal.tokens >= most * APART
        if most < APART * least and (shorter or longer):
            return (
                "all runs have about one total: what changes with scale comes from the prior alone;"
                " add runs of another total",
            )
        if goal.tokens > APART * most:
            factor = goal.tokens / most
            return (f"predicted for {factor:.3g} times the tokens of the largest run",)
        if goal.tokens < least / APART:
            factor = goal.tokens / least
            return (
                f"predicted for {factor:.3g} times the tokens of the smallest run:"
                " nothing so short was trained",
            )
        return ()


@dataclass(frozen=True)
class OfMixtures:
    """The law of a fitted mixer in mixtures of a goal's tokens."""

    targets: tuple[str, ...]
    law: ScaledLaw

    def predict(self, weights: Array) -> Array:
        """Returns (mixtures, targets) nats/token of weights (mixtures, domains)."""
        return self.law.predict(weights)


def _squares(losses: Array, predicted: Array) -> Array:
    """Returns (targets,) sums of squared residuals of (runs, targets) losses."""
    return np.asarray(((losses - predicted) ** 2).sum(axis=0))


def _strength(losses: Array, predicted: Array, domains: int) -> float:
    """Returns how strong the priors are, from the variance of the residuals (median target).

    Runs of several totals spread far beyond noise, so the spread of the losses says nothing of it.
    Runs that are fewer than twice the parameters say nothing of noise: the priors keep full
    strength.
    """
    parameters = 4 + 2 * domains
    freedom = len(losses) - parameters
    if freedom < parameters:
        return 1.0
    spread = Spread.of(losses)
    if not spread.varies.any():
        return 1.0
    residuals = (spread.tame(losses) - predicted) / spread.deviation
    noise = (residuals**2).sum(axis=0)[spread.varies] / freedom
    return float(np.clip(np.median(noise) / NOISE, 0.001, 1.0))
