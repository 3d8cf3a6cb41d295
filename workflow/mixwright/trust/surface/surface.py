"""A response surface: a fitted law with what is needed to use it where no runs are.

It predicts every target of a mixture with its interval, and says whether the runs cover it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import stdtrit

from mixwright.errors import MixwrightError
from mixwright.learners import LOSS, Metric
from mixwright.mixers.laws.formula import Formula
from mixwright.mixers.laws.joint import Joint
from mixwright.mixers.laws.repetition import effective_tokens
from mixwright.mixture import Array
from mixwright.proposals.fits import Predicting
from mixwright.simplex.bounds import Bounds
from mixwright.trust.doubts import doubtful, listed
from mixwright.trust.evidence import Foreseen
from mixwright.trust.intervals import LEVEL
from mixwright.trust.noise import NoiseFloor
from mixwright.trust.reach import Reach

# At which length of a training a law in amounts is asked.
RUNS, GOAL = "runs", "goal"


@dataclass(frozen=True)
class Likeness:
    """How near a law is to the mixer that it stands for, on the mixtures of the runs."""

    # rank correlation of what the two predict
    rank: float
    # root mean square of their difference, on the scale that mixers minimise
    rmse: float


@dataclass(frozen=True)
class TargetTrust:
    """How far to trust the law of one target, on the scale that mixers minimise."""

    # the least that a run reached
    best: float
    # variance of the error of the form at the better runs; None: no run was held out
    form_variance: float | None = None
    # of one run; None: no mixture was trained twice
    noise: NoiseFloor | None = None
    # held-out runs, on the scale on which less is better and reports show it
    foreseen: Foreseen | None = None
    # of held-out runs: root mean square of measured minus predicted
    rmse: float | None = None
    # to the mixer that the law stands for; None: the law is the mixer's
    likeness: Likeness | None = None


@dataclass(frozen=True)
class SecondForm:
    """Another law of the same runs. Where the two differ, the form is in doubt."""

    # name of its mixer
    law: str
    # in weights
    formula: Formula
    # by which the difference counts as a standard error
    share: float


@dataclass(frozen=True)
class Wish:
    """What the mixture was wanted for: the goal of a study, or what a fit alone implies."""

    # target -> weight in the goal; empty: targets of several units that nobody weighed
    weights: Mapping[str, float]
    # target -> weight in the mean of what is minimised
    importance: Mapping[str, float]
    # (domains,)
    natural: Array
    # whether natural is known from tokens of domains; else it is the mean of the runs
    natural_known: bool
    # training tokens of the final run; None: unknown
    tokens: float | None = None
    # (domains,) tokens there are; None: unknown
    available: Array | None = None
    # of a study; None: nobody set any
    bounds: Bounds | None = None
    never_worse: tuple[str, ...] = ()
    # (domains,) best mixture by the law inside the bounds, and how far it is certified
    best: Array | None = None
    gap: float | None = None


@dataclass(frozen=True, repr=False, eq=False)
class Surface(Predicting):
    """A law that was handed over, and how far to trust it.

    `source` names the mixer that was fitted; `mixer` holds the law.
    """

    # name of the mixer whose law it is
    law: str
    # (targets,) laws of this fit and of its refits, in weights or amounts
    formula: Formula
    refits: tuple[Formula, ...]
    trust: tuple[TargetTrust, ...]
    reach: Reach
    wish: Wish
    second: SecondForm | None = None

    @property
    def stands_for(self) -> bool:
        """Whether the law stands for a mixer that has no formula."""
        return self.law != self.source.mixer

    @property
    def in_amounts(self) -> bool:
        """Whether the law takes amounts, not weights."""
        return isinstance(self.mixer, Joint)

    @property
    def quantile(self) -> float:
        """How many standard errors an interval reaches to either side."""
        return float(stdtrit(len(self.refits) - 1, (1 + LEVEL) / 2))

    def metric(self, target: str) -> Metric:
        """Returns what the numbers of a target are."""
        return self.source.metrics.get(target, LOSS)

    def without_tokens(self) -> "Surface":
        """Returns the surface of a study whose goal has no count of tokens."""
        return replace(self, wish=replace(self.wish, tokens=None, available=None))

    def check_predicts(self) -> None:
        """Says nothing: every surface predicts."""

    def inputs(self, weights: Array, at: str = RUNS) -> Array:
        """Returns (mixtures, domains) what the law takes for weights (mixtures, domains).

        Args:
            at: a law in amounts is asked for the tokens of the longest run, none repeated, or for
                the goal's, which repeat what the domains have. Other laws know one length.

        Raises:
            MixwrightError: the goal's tokens are unknown.
        """
        if not isinstance(self.mixer, Joint):
            return weights
        total = self.source.most_tokens
        if at != GOAL:
            return weights * total / self.mixer.unit
        if self.wish.tokens is None:
            raise MixwrightError(
                "surface: it knows no tokens of a goal; predict at the scale of the runs"
            )
        tokens = weights * self.wish.tokens
        if self.wish.available is None:
            return tokens / self.mixer.unit
        return effective_tokens(tokens, self.wish.available, self.mixer.decay) / self.mixer.unit

    def intervals(self, weights: Array, at: str = RUNS) -> tuple[Array, Array, Array]:
        """Returns (mixtures, targets) predictions and both ends of their 95% intervals.

        They are in the targets' own units, and those that `propose` gives at its proposal: of the
        mean over seeds, not of one run. Ends are NaN where no run could be held out.
        """
        inputs = self.inputs(weights, at)
        value = self.formula.predict(inputs)
        half = np.full(value.shape, np.nan)
        if self.refits:
            half = self.quantile * np.sqrt(self._variance(weights, inputs, value))
        ends = np.stack([value - half, value + half])
        measured = np.sort(np.stack([self.source.measured(end) for end in ends]), axis=0)
        return self.source.measured(value), measured[0], measured[1]

    def differences(
        self, weights: Array, reference: Array, at: str = RUNS
    ) -> tuple[Array, Array, Array]:
        """Returns (mixtures, targets) how far predictions are from those at a reference.

        They are in the targets' own units, with both ends of their 95% intervals; the refits are
        paired. Ends are NaN where no run could be held out.

        Args:
            weights: (mixtures, domains).
            reference: (domains,) the mixture that all are compared with.
            at: as of `inputs`.
        """
        here = self.inputs(weights, at)
        there = self.inputs(reference[None], at)
        base = self.formula.predict(there)
        change = self.formula.predict(here) - base
        half = np.full(change.shape, np.nan)
        if self.refits:
            draws = []
            for refit in self.refits:
                draws.append(refit.predict(here) - refit.predict(there))
            variance = self._spread(np.stack(draws), change)
            # the errors of the form at the two count as independent, which is too much if near
            farther = self._farther(weights) + self._farther(reference[None])
            variance += np.outer(farther, self._of_form)
            if self.second is not None:
                of_second = self._by_second(here) - self._by_second(there)
                variance += (self.second.share * (of_second - change)) ** 2
            half = self.quantile * np.sqrt(variance)
        measured = self.source.measured(base)
        low, high = np.sort(
            np.stack([self.source.measured(base + change + end) for end in (-half, half)]), axis=0
        )
        value = self.source.measured(base + change)
        return value - measured, low - measured, high - measured

    def _variance(self, weights: Array, inputs: Array, value: Array) -> Array:
        """(mixtures, targets) squares of the standard errors; see `trust.refits`."""
        draws = np.stack([refit.predict(inputs) for refit in self.refits])
        variance = self._spread(draws, value)
        variance += np.outer(self._farther(weights), self._of_form)
        if self.second is not None:
            variance += (self.second.share * (self._by_second(inputs) - value)) ** 2
        return variance

    def _spread(self, draws: Array, value: Array) -> Array:
        """The variance of (draws, ...) what the refits say, with the square of their bias."""
        bias = draws.mean(axis=0) - value
        return np.asarray(draws.var(axis=0, ddof=1) + bias**2)

    def _farther(self, weights: Array) -> Array:
        """(mixtures,) how many times as far off the form is as at the runs."""
        return np.maximum(1.0, self.reach.cover.leverage(weights))

    @property
    def _of_form(self) -> Array:
        """(targets,) variance of the error of the form at the better runs."""
        return np.array([trust.form_variance for trust in self.trust])

    def _by_second(self, inputs: Array) -> Array:
        """(mixtures, targets) what the second form says."""
        assert self.second is not None
        shares = inputs / inputs.sum(axis=1, keepdims=True)
        return self.second.formula.predict(shares)

    def doubts(self, weights: Array, targets: Collection[str] | None = None) -> tuple[str, ...]:
        """Returns a sentence for each reason to doubt predictions of (mixtures, domains).

        Args:
            targets: those that matter; None: all.
        """
        names_of: dict[str, list[str]] = {}
        for target, trust in zip(self.targets, self.trust, strict=True):
            matters = targets is None or target in targets
            if trust.foreseen is None or not matters:
                continue
            for sentence in doubtful(self.reach, trust.foreseen, weights):
                names_of.setdefault(sentence, []).append(target)
        return listed(names_of)

    def __repr__(self) -> str:
        law = f"{self.law}'s law"
        if self.stands_for:
            law += f" in place of {self.source.mixer}"
        return f"Surface({law}; domains: {', '.join(self.domains)})"
