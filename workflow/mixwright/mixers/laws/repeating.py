"""The joint law with what the runs say of repetition: an R* a domain, and a fall after many passes.

    L(n) = E + A (eps + sum_i K_i D_i(n_i)^g_i)^(-b)
    D(n) = U + U R* (1 - exp(-R / R*)) - U f / 2 max(R - 3, 0)^2

    n   tokens taken of a domain, of which U are its own and R the passes after the first
    R*  repetitions after which one more is worth 1 / e of a first pass (arXiv 2305.16264)
    f   fall: how fast passes after the fourth undo what a domain has taught

The logarithm of each R* is shrunk to that of the published 15.39, so a domain that hardly repeats
keeps it. Four passes cost little (arXiv 2305.16264); scarce data inside a mixture can bear 15 to
20 (arXiv 2605.12715). So neither the R* of the runs nor a fall is taken for granted: each stays
only where it predicts held-out runs better, by more than two standard errors.

D is concave in n, so the law stays convex wherever D is positive.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.base import FITTED
from mixwright.mixers.laws.fit import trust
from mixwright.mixers.laws.joint import FIRST, LEAST, ROLES, Joint
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.repetition import (
    TINY,
    ScaledLaw,
    effective_tokens,
)
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations

# Standard deviation of log R* about its centre: R* is within a factor of e of it, mostly.
SHRINKAGE = 1.0
# Repetitions after which a fall begins: four passes.
FREE = 3.0
# Falls that are tried.
FALLS = (0.001, 0.003, 0.01, 0.03, 0.1)
# What a domain is worth at least, as a share of its first pass, however often it is passed.
LEFT = 0.05
# Steps of Gauss and Newton in log R*, how far apart their differences are taken, and the longest.
ROUNDS = 6
APART = 0.2
LONGEST = 1.5
# Steps of a fit of the law beside another one: with fewer, intervals of R* are too narrow.
STEPS = 150
# A domain's own R* is learned from a run of more passes on. Up to four cost so little that R* and
# the exponent g cannot be told apart.
LEARNED = 4.5
FOLDS = 5
# Standard errors by which held-out errors must fall.
SURE = 2.0
# Half of a 95 % interval, in standard deviations.
HALF = 1.96
# Passes from which a domain counts as repeated, and by how much more than the runs' is outside.
PASSES = 1.01
OUTSIDE = 1.05


def worth(tokens: Array, available: Array, decay: Array, fall: float) -> Array:
    """Returns D(n) (..., domains), at least a twentieth of what was taken once.

    Args:
        tokens: n (..., domains).
        available: (..., domains) tokens that each domain has; may be infinite.
        decay: R*, (domains,) or one number.
        fall: f.
    """
    effective = effective_tokens(tokens, available, decay)
    if fall == 0:
        return effective
    late = np.maximum(tokens / np.maximum(available, TINY) - 1 - FREE, 0.0)
    repeating = np.where(late > 0, available, 0.0)
    least = LEFT * np.minimum(tokens, available)
    return np.maximum(effective - repeating * fall / 2 * late**2, least)


@dataclass(frozen=True, kw_only=True)
class FallingLaw(ScaledLaw):
    """A law in weights of a total that repeats domains, each by its own R* and with a fall."""

    # f
    fall: float

    def bend(self, w: Array) -> Array:
        """Returns (targets, domains) d2S / dw2, never positive where D is above its least."""
        amounts = self._amounts(w)
        more = self._worth_of_more(w)
        repeats_of = self._repeats(w)
        once = np.maximum(self.available, TINY)
        falling = np.where(repeats_of > 0, np.exp(-repeats_of / self.decay) / self.decay, 0.0)
        falling = falling + np.where(repeats_of > FREE, self.fall, 0.0)
        falling = np.where(self._spent(w), 0.0, falling * self.total**2 / once)
        bend = Law.bend(self, amounts)
        return bend * more**2 - Law.growth(self, amounts) * falling

    def _amounts(self, w: Array) -> Array:
        """Returns n (..., domains), the effective amounts."""
        return worth(w * self.total, self.available, np.asarray(self.decay), self.fall)

    def _worth_of_more(self, w: Array) -> Array:
        """Returns (domains,) dn / dw; below 0 where a fall has begun."""
        late = np.maximum(self._repeats(w) - FREE, 0.0)
        more = self.total * (np.exp(-self._repeats(w) / self.decay) - self.fall * late)
        return np.where(self._spent(w), 0.0, more)

    def _repeats(self, w: Array) -> Array:
        """Returns R (..., domains)."""
        return np.maximum(w * self.total / np.maximum(self.available, TINY) - 1, 0.0)

    def _spent(self, w: Array) -> Array:
        """Returns (..., domains) whether D is at its least."""
        once = np.minimum(w * self.total, self.available)
        return (self.fall > 0) & (self._amounts(w) <= LEFT * once) & (w > 0)


@dataclass(frozen=True)
class Repeating(Joint):
    """Fits the joint law with R* a domain and a fall, as far as held-out runs support them.

    `repetition` is the R* that the domains' own are shrunk to.
    """

    # (domains,) R*; empty where the runs do not support their own
    decays: tuple[float, ...] = field(default=(), metadata=FITTED, repr=False)
    # (domains,) ends of 95 % intervals of R*
    lows: tuple[float, ...] = field(default=(), metadata=FITTED, repr=False)
    highs: tuple[float, ...] = field(default=(), metadata=FITTED, repr=False)
    # f; 0 where the runs do not support a fall
    fall: float = field(default=0.0, metadata=FITTED, repr=False)
    # (domains,) most passes of a run; empty where none were counted
    covered: tuple[float, ...] = field(default=(), metadata=FITTED, repr=False)
    name = "repeating"

    def __post_init__(self) -> None:
        if isinstance(self.repetition, str):
            raise MixwrightError(
                f"mixers: repeating.repetition is {self.repetition}; write a number: every"
                " domain's own is fitted in any case"
            )

    def fit(self, observations: Observations) -> Self:
        """Returns a fitted copy; the plain law where no run repeats a domain often enough."""
        runs = self.usable(observations, *ROLES, least=LEAST)
        plain = replace(self, decays=(), lows=(), highs=(), fall=0.0, covered=())
        if runs.epochs is not None:
            plain = replace(plain, covered=tuple(_passes(runs).tolist()))
        if (_passes(runs) > LEARNED).any() and len(runs.runs) >= 2 * FOLDS:
            span = (float(runs.tokens.min()), float(runs.tokens.max()))
            learned = _supported(replace(plain, span=span, strength=FIRST), runs)
            plain = replace(
                plain,
                decays=learned.decays,
                lows=learned.lows,
                highs=learned.highs,
                fall=learned.fall,
            )
        return super(Repeating, plain).fit(observations)

    @property
    def decay(self) -> float:
        """R* in use: (domains,) the runs' own, or the setting."""
        if self.decays:
            # laws take an array where they take a number
            return np.array(self.decays)  # type: ignore[return-value]
        return float(self.repetition)

    def amounts_of(self, observations: Observations) -> Array:
        """Returns (runs, domains) effective tokens of runs."""
        if observations.epochs is None:
            return observations.amounts
        available = observations.amounts / np.maximum(observations.epochs, 1.0)
        return worth(observations.amounts, available, np.asarray(self.decay), self.fall)

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array:
        """Returns (mixtures, domains) effective tokens at the goal's total, not at `total`."""
        available = np.array([domain.available for domain in goal.domains])
        tokens = weights * self._total(goal)
        return worth(tokens, available, np.asarray(self.decay), self.fall)

    def _scaled(self, goal: Goal) -> ScaledLaw:
        law = super()._scaled(goal)
        if not self.fall:
            return law
        return FallingLaw(**vars(law), fall=self.fall)

    def _repetition_notes(self, goal: Goal, weights: Array) -> tuple[str, ...]:
        """Sets the passes of the goal's run beside those that the runs cover."""
        words = []
        outside = []
        for i, domain in enumerate(goal.domains):
            passes = weights[i] * goal.tokens / max(domain.available, 1.0)
            if passes <= PASSES:
                continue
            word = f"{domain.name} {passes:.3g}"
            if self.covered:
                word += f" (runs up to {self.covered[i]:.3g})"
            words.append(word)
            if not self.covered or passes > OUTSIDE * max(self.covered[i], 1.0):
                outside.append(domain.name)
        notes = []
        if words:
            notes.append(f"passes over repeated domains: {', '.join(words)}")
        if outside:
            notes.append(
                f"no run passed so often over {', '.join(outside)}: what repetition costs there is"
                " extrapolated; train proxies with proxy.simulated_epochs"
            )
        return tuple(notes)

    def _decay_notes(self) -> tuple[str, ...]:
        """Says what of repetition the runs support."""
        if not self.decays:
            return (f"the runs support no R* of their own: {self.decay:.4g} is used",)
        words = []
        for i, name in enumerate(self.domains):
            if self.covered[i] > LEARNED:
                interval = f"[{self.lows[i]:.3g}, {self.highs[i]:.3g}]"
                words.append(f"{name} {self.decays[i]:.3g} {interval}")
        notes = [f"R* of the runs: {', '.join(words)}"]
        if self.fall:
            notes.append(
                f"more than {1 + FREE:g} passes undo what a domain taught (f = {self.fall:g})"
            )
        return tuple(notes)


def _passes(runs: Observations) -> Array:
    """Returns (domains,) the most passes of a run over each domain; 0 where none were counted."""
    if runs.epochs is None:
        return np.zeros(len(runs.domains))
    return np.asarray(runs.epochs.max(axis=0))


def _supported(plain: Repeating, runs: Observations) -> Repeating:
    """Returns the mixer with the R* and the fall that held-out runs support."""
    own = _with_decays(plain, runs, ROUNDS)
    without = _held_out(runs, lambda part: plain)
    # in a fold one step from where all runs lead
    with_own = _held_out(runs, lambda part: _with_decays(own, part, 1))
    if not _is_better(with_own, without):
        return plain
    falling = _with_fall(own, runs)
    with_fall = _held_out(runs, lambda part: _with_fall(_with_decays(own, part, 1), part))
    return falling if _is_better(with_fall, with_own) else own


def _with_decays(mixer: Repeating, runs: Observations, rounds: int) -> Repeating:
    """Returns the mixer with the R* of the runs, shrunk, and their intervals.

    The steps are those of Gauss and Newton in log R*; the law is fitted anew at each (variable
    projection), so a column of the Jacobian is the difference of two fits.
    """
    centre = np.full(len(runs.domains), np.log(float(mixer.repetition)))
    logs = np.log(mixer.decays) if mixer.decays else centre.copy()
    passed = np.flatnonzero(_passes(runs) > LEARNED)
    if not len(passed):
        # a fold may lack the runs that repeat
        return mixer
    usual = mixer.fit_law(runs, mixer.iterations)

    def residuals(at: Array) -> Array:
        return _residuals(replace(mixer, decays=tuple(np.exp(at).tolist())), runs, usual)

    here = residuals(logs)
    sigma = _scatter(here, len(runs.domains))
    precision = np.eye(len(passed)) / SHRINKAGE**2
    for _ in range(rounds):
        columns = []
        for i in passed:
            step = APART * np.eye(len(logs))[i]
            columns.append((residuals(logs + step) - here) / APART)
        jacobian = np.array([(column / sigma).ravel() for column in columns]).T
        precision = jacobian.T @ jacobian + np.eye(len(passed)) / SHRINKAGE**2
        pull = jacobian.T @ (here / sigma).ravel() + (logs - centre)[passed] / SHRINKAGE**2
        step = np.zeros(len(logs))
        step[passed] = np.clip(-np.linalg.solve(precision, pull), -LONGEST, LONGEST)
        logs, here, moved = _descended(residuals, logs, step, here, sigma, centre)
        if not moved:
            break
        sigma = _scatter(here, len(runs.domains))
    deviation = np.full(len(logs), SHRINKAGE)
    deviation[passed] = np.sqrt(np.diag(np.linalg.inv(precision)))
    return replace(
        mixer,
        decays=tuple(np.exp(logs).tolist()),
        lows=tuple(np.exp(logs - HALF * deviation).tolist()),
        highs=tuple(np.exp(logs + HALF * deviation).tolist()),
    )


def _descended(
    residuals: Callable[[Array], Array],
    logs: Array,
    step: Array,
    here: Array,
    sigma: Array,
    centre: Array,
) -> tuple[Array, Array, bool]:
    """Returns where half steps lead at the least, the residuals there, and whether it is lower."""

    def cost(at: Array, rest: Array) -> float:
        return float(((rest / sigma) ** 2).sum() + (((at - centre) / SHRINKAGE) ** 2).sum())

    now = cost(logs, here)
    for half in (1.0, 0.5, 0.25):
        there = logs + half * step
        rest = residuals(there)
        if cost(there, rest) < now - 1e-3:
            return there, rest, True
    return logs, here, False


def _with_fall(mixer: Repeating, runs: Observations) -> Repeating:
    """Returns the mixer with the fall of least squares among those that are tried."""
    usual = mixer.fit_law(runs, mixer.iterations)
    squares = {}
    for fall in FALLS:
        rest = _residuals(replace(mixer, fall=fall), runs, usual)
        squares[fall] = float(np.log(np.maximum((rest**2).sum(axis=1), TINY)).sum())
    return replace(mixer, fall=min(squares, key=lambda fall: squares[fall]))


def _residuals(mixer: Repeating, runs: Observations, near: Law) -> Array:
    """Returns (targets, runs) trusted residuals of the law that fits the runs best."""
    law = mixer.fit_law(runs, STEPS, near)
    spread = Spread.of(runs.losses)
    rest = spread.tame(runs.losses) - mixer._losses_of(law, runs)
    return np.asarray(trust(runs.losses, spread) * rest.T)


def _scatter(residuals: Array, domains: int) -> Array:
    """Returns (targets, 1) standard deviations, with the law's parameters counted off the runs."""
    runs = residuals.shape[1]
    freedom = max(runs - (4 + 2 * domains), runs / 4)
    squares = (residuals**2).sum(axis=1, keepdims=True)
    return np.asarray(np.maximum(np.sqrt(squares / freedom), TINY))


def _held_out(runs: Observations, learn: Callable[[Observations], Repeating]) -> Array:
    """Returns (runs,) squared errors of predictions by folds, in units of the targets' spread."""
    fold = np.random.default_rng(0).permutation(len(runs.runs)) % FOLDS
    deviation = np.maximum(Spread.of(runs.losses).deviation, TINY)
    errors = np.zeros(len(runs.runs))
    for k in range(FOLDS):
        part = runs.only(fold != k)
        left = runs.only(fold == k)
        mixer = learn(part)
        law = mixer.fit_law(part, mixer.iterations)
        rest = (mixer._losses_of(law, left) - left.losses) / deviation
        errors[fold == k] = (rest**2).mean(axis=1)
    return errors


def _is_better(errors: Array, others: Array) -> bool:
    """Returns whether errors (runs,) are less than others by more than two standard errors."""
    gain = others - errors
    return bool(gain.mean() > SURE * gain.std(ddof=1) / np.sqrt(len(gain)))
