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
from mixwright.mixers.laws.falling import FREE, FallingLaw, worth
from mixwright.mixers.laws.fit import trust
from mixwright.mixers.laws.joint import FIRST, LEAST, ROLES, Joint
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.repetition import (
    TINY,
    ScaledLaw,
)
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations

# Standard deviation of log R* about its centre: R* is within a factor of e of it, mostly.
SHRINKAGE = 1.0
# Falls that are tried.
FALLS = (0.001, 0.003, 0.01, 0.03, 0.1)
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
        fall = f"more than {1 + FREE:g} passes undo what a domain taught (f = {self.fall:g})"
        falls = (fall,) if self.fall else ()
        if not self.decays:
            return (f"the runs support no R* of their own: {self.decay:.4g} is used", *falls)
        words = []
        for i, name in enumerate(self.domains):
            if self.covered[i] > LEARNED:
                interval = f"[{self.lows[i]:.3g}, {self.highs[i]:.3g}]"
                words.append(f"{name} {self.decays[i]:.3g} {interval}")
        return (f"R* of the runs: {', '.join(words)}", *falls)


def _passes(runs: Observations) -> Array:
    """Returns (domains,) the most passes of a run over each domain; 0 where none were counted."""
    if runs.epochs is None:
        return np.zeros(len(runs.domains))
    return np.asarray(runs.epochs.max(axis=0))


def _supported(plain: Repeating, runs: Observations) -> Repeating:
    """Returns the mixer with the R* and the fall that held-out runs support.

    First one of the two is taken, the one of the lesser error; then both.
    """
    with_decays = _with_decays(plain, runs, ROUNDS)

    def near_decays(part: Observations) -> Repeating:
        # in a fold one step from where all runs lead
        return _with_decays(with_decays, part, 1)

    without = _held_out(runs, lambda part: plain)
    of_decays = _held_out(runs, near_decays)
    of_fall = _held_out(runs, lambda part: _with_fall(plain, part))
    errors, better = of_decays, with_decays
    if of_fall.mean() < of_decays.mean():
        errors, better = of_fall, _with_fall(plain, runs)
    if not _is_better(errors, without):
        return plain
    of_both = _held_out(runs, lambda part: _with_fall(near_decays(part), part))
    if _is_better(of_both, errors):
        return _with_fall(with_decays, runs)
    return better


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
