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
from mixwright.mixers.laws.decays import ShrunkDecays
from mixwright.mixers.laws.falling import FREE, FallingLaw, worth
from mixwright.mixers.laws.fit import trust
from mixwright.mixers.laws.joint import FIRST, LEAST, ROLES, Joint
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.repetition import TINY, ScaledLaw
from mixwright.mixture import Array
from mixwright.numerics.spread import Spread
from mixwright.observations import Observations

# Falls that are tried.
FALLS = (0.001, 0.003, 0.01, 0.03, 0.1)
# Steps of Gauss and Newton in log R*.
ROUNDS = 6
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
        passes = _passes(runs)
        if runs.epochs is not None:
            covered = passes.tolist()
            plain = replace(plain, covered=tuple(covered))
        repeated = passes > LEARNED
        enough = len(runs.runs) >= 2 * FOLDS
        if enough and repeated.any():
            shortest = float(runs.tokens.min())
            longest = float(runs.tokens.max())
            first = replace(plain, span=(shortest, longest), strength=FIRST)
            learned = _supported(first, runs)
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
        amounts = observations.amounts
        passes = np.maximum(observations.epochs, 1.0)
        decay = np.asarray(self.decay)
        available = amounts / passes
        return worth(amounts, available, decay, self.fall)

    def amounts_at(self, goal: Goal, weights: Array, total: float) -> Array:
        """Returns (mixtures, domains) effective tokens at the goal's total, not at `total`."""
        available = np.array([domain.available for domain in goal.domains])
        tokens = weights * self._total(goal)
        decay = np.asarray(self.decay)
        return worth(tokens, available, decay, self.fall)

    def _scaled(self, goal: Goal) -> ScaledLaw:
        law = super()._scaled(goal)
        if not self.fall:
            return law
        return FallingLaw(**vars(law), fall=self.fall)

    def _repetition_notes(self, goal: Goal, weights: Array) -> tuple[str, ...]:
        """Nothing: R* is said of the runs, and passes of every mixer's proposal."""
        return ()

    def _decay_notes(self) -> tuple[str, ...]:
        """Says what of repetition the runs support."""
        notes = [self._decay_note()]
        if self.fall:
            free = 1 + FREE
            fall = f"more than {free:g} passes undo what a domain taught (f = {self.fall:g})"
            notes.append(fall)
        return tuple(notes)

    def _decay_note(self) -> str:
        if not self.decays:
            return f"the runs support no R* of their own: {self.decay:.4g} is used"
        words = []
        for i, name in enumerate(self.domains):
            if self.covered[i] <= LEARNED:
                continue
            decay = self.decays[i]
            low = self.lows[i]
            high = self.highs[i]
            interval = f"[{low:.3g}, {high:.3g}]"
            words.append(f"{name} {decay:.3g} {interval}")
        listed = ", ".join(words)
        return f"R* of the runs: {listed}"


def _passes(runs: Observations) -> Array:
    """Returns (domains,) the most passes of a run over each domain; 0 where none were counted."""
    if runs.epochs is None:
        return np.zeros(len(runs.domains))
    most: Array = runs.epochs.max(axis=0)
    return most


def _supported(plain: Repeating, runs: Observations) -> Repeating:
    """Returns the mixer with the R* and the fall that held-out runs support.

    First one of the two is taken, the one of the lesser error; then both.
    """
    with_decays = _with_decays(plain, runs, ROUNDS)

    def near_decays(part: Observations) -> Repeating:
        # in a fold one step from where all runs lead
        return _with_decays(with_decays, part, 1)

    def with_fall(part: Observations) -> Repeating:
        return _with_fall(plain, part)

    def with_both(part: Observations) -> Repeating:
        near = near_decays(part)
        return _with_fall(near, part)

    without = _held_out(runs, lambda part: plain)
    of_decays = _held_out(runs, near_decays)
    of_fall = _held_out(runs, with_fall)
    errors = of_decays
    better = with_decays
    if of_fall.mean() < of_decays.mean():
        errors = of_fall
        better = _with_fall(plain, runs)
    if not _is_better(errors, without):
        return plain
    of_both = _held_out(runs, with_both)
    if _is_better(of_both, errors):
        return _with_fall(with_decays, runs)
    return better


def _with_decays(mixer: Repeating, runs: Observations, rounds: int) -> Repeating:
    """Returns the mixer with the R* of the runs, shrunk, and their intervals."""
    domains = len(runs.domains)
    usual_log = np.log(float(mixer.repetition))
    centre = np.full(domains, usual_log)
    logs = centre.copy()
    if mixer.decays:
        logs = np.log(mixer.decays)
    repeated = _passes(runs) > LEARNED
    passed = np.flatnonzero(repeated)
    if not len(passed):
        # a fold may lack the runs that repeat
        return mixer
    usual = mixer.fit_law(runs, mixer.iterations)

    def residuals(at: Array) -> Array:
        trial = replace(mixer, decays=_decays_of(at))
        return _residuals(trial, runs, usual)

    search = ShrunkDecays(residuals, centre, passed)
    logs, deviation = search.fitted(logs, rounds)
    half = HALF * deviation
    decays = _decays_of(logs)
    lows = _decays_of(logs - half)
    highs = _decays_of(logs + half)
    return replace(mixer, decays=decays, lows=lows, highs=highs)


def _decays_of(logs: Array) -> tuple[float, ...]:
    """Returns (domains,) R* of logarithms."""
    decays = np.exp(logs)
    return tuple(decays.tolist())


def _with_fall(mixer: Repeating, runs: Observations) -> Repeating:
    """Returns the mixer with the fall of least squares among those that are tried."""
    usual = mixer.fit_law(runs, mixer.iterations)
    squares = {}
    for fall in FALLS:
        trial = replace(mixer, fall=fall)
        rest = _residuals(trial, runs, usual)
        by_target = (rest**2).sum(axis=1)
        positive = np.maximum(by_target, TINY)
        logs = np.log(positive)
        squares[fall] = float(logs.sum())
    best = min(squares, key=lambda fall: squares[fall])
    return replace(mixer, fall=best)


def _residuals(mixer: Repeating, runs: Observations, near: Law) -> Array:
    """Returns (targets, runs) trusted residuals of the law that fits the runs best."""
    law = mixer.fit_law(runs, STEPS, near)
    spread = Spread.of(runs.losses)
    measured = spread.tame(runs.losses)
    predicted = mixer._losses_of(law, runs)
    rest = measured - predicted
    trusted = trust(runs.losses, spread)
    return np.asarray(trusted * rest.T)


def _held_out(runs: Observations, learn: Callable[[Observations], Repeating]) -> Array:
    """Returns (runs,) squared errors of predictions by folds, in units of the targets' spread."""
    number = len(runs.runs)
    rng = np.random.default_rng(0)
    fold = rng.permutation(number) % FOLDS
    spread = Spread.of(runs.losses)
    deviation = np.maximum(spread.deviation, TINY)
    errors = np.zeros(number)
    for k in range(FOLDS):
        outside = fold == k
        part = runs.only(~outside)
        left = runs.only(outside)
        mixer = learn(part)
        law = mixer.fit_law(part, mixer.iterations)
        predicted = mixer._losses_of(law, left)
        missed = predicted - left.losses
        standard = missed / deviation
        errors[outside] = (standard**2).mean(axis=1)
    return errors


def _is_better(errors: Array, others: Array) -> bool:
    """Returns whether errors (runs,) are less than others by more than two standard errors."""
    gain = others - errors
    deviation = gain.std(ddof=1)
    root = np.sqrt(len(gain))
    doubt = SURE * deviation / root
    return bool(gain.mean() > doubt)
