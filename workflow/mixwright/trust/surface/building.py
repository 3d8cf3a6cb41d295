"""From a fit to its response surface: the law, its refits, and how far to trust each target."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import sqrt
from typing import Any

import numpy as np

from mixwright import mixers
from mixwright.errors import MixwrightError, TooFewRunsError
from mixwright.goal import Goal, Readout, check_one_unit
from mixwright.mixers.base import Mixer
from mixwright.mixers.laws.formula import (
    EFFECTIVE_DATA,
    Formula,
    form_of,
    formula_from,
    formula_of,
    mixer_in_weights,
    parameters_of,
)
from mixwright.mixers.laws.joint import Joint
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman
from mixwright.observations import Observations
from mixwright.progress import Pace, say
from mixwright.proposals.fits import Fit, FittedRuns
from mixwright.proposals.mean_accuracy import for_mean_accuracy
from mixwright.proposals.options import make_options
from mixwright.trust.bootstrap import LEAST_DRAWS
from mixwright.trust.cost import Cost
from mixwright.trust.evidence import Foreseen, HeldOut
from mixwright.trust.leverage import Cover
from mixwright.trust.noise import noise_of
from mixwright.trust.odd_runs import OddRuns
from mixwright.trust.reach import Reach
from mixwright.trust.refits import (
    SECOND,
    THIRD,
    Refits,
    second_form,
)
from mixwright.trust.refitting import Refitting
from mixwright.trust.surface.surface import Likeness, SecondForm, Surface, TargetTrust, Wish

# refits of a surface: a file stays small, and an interval grows by 2 % over that of many
DRAWS = 40
# seconds between two lines of progress
EVERY = 5.0
# digits of their parameters: an interval needs no more, and they are most of the file
DIGITS = 10


def surface_of(
    fit: Fit,
    goal: Goal | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    refitting: Refitting | None = None,
) -> Surface:
    """Returns the response surface of a fit to a swarm.

    A mixer without a formula is represented by the effective-data law of the same runs.

    Args:
        goal: of a study; None: what the fit alone implies.
        draws: refits; 0: no intervals.
        seed: of what is drawn, where no goal has one.
        refitting: of the fit, where others ask for the same refits.

    Raises:
        MixwrightError: the mixer learned from no swarm, or there are too few draws for an interval.
    """
    if 0 < draws < LEAST_DRAWS:
        remedy = f"ask for {LEAST_DRAWS} or more, or for 0 to do without"
        raise MixwrightError(f"--draws {draws}: too few for an interval; {remedy}")
    if not mixers.entry(fit.name).can_refit:
        raise MixwrightError(
            f"{fit.name} learns from no swarm, so it has no surface; fit effective-data to a swarm"
        )
    in_order = np.argsort(np.array(fit.runs.runs))
    runs = replace(fit.runs.only(in_order), metrics=fit.source.metrics)
    full = _with_formula(fit.mixer, runs)
    study_goal = goal
    if goal is None:
        goal = _implied_goal(fit.source, seed)
    if refitting is None or full is not refitting.full:
        # what is held out of a fit was told of the fit itself
        refitting = Refitting.of(full, replace(runs, derived=True), goal.seed)
    tested = _Tested.of(refitting, runs, goal, draws)
    trust = tested.trust()
    if full is not fit.mixer:
        likeness = _likeness(fit.mixer, full, runs)
        pairs = zip(trust, likeness, strict=True)
        trust = tuple(replace(one, likeness=near) for one, near in pairs)
    formula = _formula(full)
    return Surface(
        source=fit.source,
        mixer=_law_mixer(full, formula),
        law=full.name,
        formula=formula,
        refits=tested.refits,
        trust=trust,
        reach=tested.reach,
        wish=_wish(fit.source, runs, goal, study_goal, _law_mixer(full, formula)),
        second=tested.second,
    )


@dataclass(frozen=True)
class _Tested:
    """A law tested on the runs that it was fitted to."""

    full: Mixer
    # all that the fit kept, and those that the law reads
    runs: Observations
    swarm: Observations
    # (runs, targets); None: too few runs to hold any out
    residuals: Array | None
    odd: OddRuns
    reach: Reach
    refits: tuple[Formula, ...]
    # (draws, runs, targets) what the refits predict of the runs
    drawn: Array
    second: SecondForm | None

    @classmethod
    def of(cls, refitting: Refitting, runs: Observations, goal: Goal, draws: int) -> "_Tested":
        """Holds runs out, and refits the law."""
        full, rows = refitting.full, refitting.rows
        swarm = runs.only(rows)
        wanted = np.array([goal.targets.get(target, 0.0) > 0 for target in runs.targets])
        residuals = None
        # of runs that none was held out of, none is odd
        misses = np.zeros_like(swarm.losses)
        try:
            residuals = refitting.residuals
            misses = residuals
        except TooFewRunsError:
            draws = 0
        odd = OddRuns.of(swarm.losses, misses, Cover.of(swarm.weights).of_runs, wanted)
        refits = []
        drawn = []
        points = full.amounts_of(runs)[rows]
        pace = Pace(say, 1, EVERY, "refits")
        for refit in refitting.refits(draws, odd):
            refits.append(_rounded(_formula(refit)))
            drawn.append(refit.predict(points))
            done = len(refits)
            pace.tell(f"surface: refit {done}/{draws}", done, draws - done)
        sound = np.delete(np.arange(len(runs.runs)), rows[odd.odd])
        return cls(
            full=full,
            runs=runs,
            swarm=swarm,
            residuals=residuals,
            odd=odd,
            reach=Reach.of(swarm.runs, swarm.weights, odd.odd, runs.domains),
            refits=tuple(refits),
            drawn=np.array(drawn),
            second=_second(full.name, runs.only(sound)),
        )

    def trust(self) -> tuple[TargetTrust, ...]:
        """Returns how far to trust each target's law."""
        best = self.runs.losses.min(axis=0).tolist()
        noises = [noise_of(self.runs, losses) for losses in self.runs.losses.T]
        trust = []
        for column in range(len(self.runs.targets)):
            known = TargetTrust(best=best[column], noise=noises[column])
            if self.residuals is not None:
                known = self._tested(known, column, self.residuals)
            trust.append(known)
        return tuple(trust)

    def _tested(self, known: TargetTrust, column: int, residuals: Array) -> TargetTrust:
        """Adds what the held-out runs say of one target."""
        target = self.runs.targets[column]
        cost = Cost(Readout.of({target: 1.0}, self.runs.targets, self.runs.metrics))
        held_out = HeldOut(
            runs=self.swarm.runs,
            weights=self.swarm.weights,
            actual=cost(self.swarm.losses),
            predicted=cost(self.swarm.losses - residuals),
            odd=self.odd.odd,
        )
        squares = residuals[:, column] ** 2
        form_variance = None
        if self.refits:
            form_variance = self._form_variance(known, column, residuals)
        return replace(
            known,
            form_variance=form_variance,
            foreseen=Foreseen.of(*held_out.by_mixture()),
            rmse=float(np.sqrt(squares.mean())),
        )

    def _form_variance(self, known: TargetTrust, column: int, residuals: Array) -> float:
        """Variance of what the form cannot follow of one target, as near as the runs are."""
        # in place of the proposal and natural: neither is looked at
        nowhere = np.zeros((2, len(self.runs.targets)))
        two = np.zeros((len(self.drawn), *nowhere.shape))
        refits = Refits(
            full=np.concatenate([nowhere, self.swarm.losses]),
            losses=np.concatenate([two, self.drawn], axis=1),
            weights=np.zeros((len(self.drawn), len(self.runs.domains))),
            measured=self.swarm.losses,
            held_out=residuals,
            odd=self.odd,
            leverage=np.ones(2),
        )
        only = partial(np.take, indices=column, axis=-1)
        return refits.form_error([1, 0], only, known.noise) ** 2


def _with_formula(mixer: Mixer, runs: Observations) -> Mixer:
    """The mixer itself where it has a formula; else the law that stands for it."""
    if formula_of(mixer) is not None:
        return mixer
    return mixers.create(EFFECTIVE_DATA).fit(runs)


def _formula(mixer: Mixer) -> Formula:
    """The law of a mixer that has one."""
    formula = formula_of(mixer)
    assert formula is not None
    return formula


def _rounded(formula: Formula) -> Formula:
    """The law with DIGITS digits a parameter."""
    records = []
    for record in parameters_of(formula):
        rounded = {}
        for symbol, value in record.items():
            rounded[symbol] = _to_digits(value)
        records.append(rounded)
    return formula_from(form_of(formula), records)


def _to_digits(value: Any) -> Any:
    """A number, or a list of numbers, with DIGITS digits."""
    if isinstance(value, list):
        return [_to_digits(inner) for inner in value]
    return float(f"{value:.{DIGITS}g}")


def _law_mixer(full: Mixer, formula: Formula) -> Mixer:
    """The mixer that a surface predicts and proposes by; a joint law keeps its own scale."""
    if isinstance(full, Joint):
        return full
    return mixer_in_weights(formula, full.domains, full.targets)


def _second(law: str, runs: Observations) -> SecondForm | None:
    """The other form that `propose` asks too; the truth may lie anywhere between two laws."""
    opponent = SECOND
    share = 1.0
    if law == SECOND:
        opponent = THIRD
        share = 1 / sqrt(3)
    second = second_form(opponent, runs)
    if second is None:
        return None
    return SecondForm(opponent, _formula(second), share)


def _likeness(mixer: Mixer, law: Mixer, runs: Observations) -> list[Likeness]:
    """Of each target, how near the law is to the mixer, on the swarm's mixtures."""
    swarm = runs.of_role("swarm")
    theirs = mixer.predict(mixer.amounts_of(swarm))
    ours = law.predict(law.amounts_of(swarm))
    likeness = []
    for one, other in zip(theirs.T, ours.T, strict=True):
        rmse = float(np.sqrt(((one - other) ** 2).mean()))
        likeness.append(Likeness(spearman(one, other), rmse))
    return likeness


def _implied_goal(source: FittedRuns, seed: int) -> Goal:
    """The goal that `propose` has without options: the study's targets, or all of them alike."""
    return make_options(source, seed=seed).goal(source)


def _wish(
    source: FittedRuns,
    runs: Observations,
    goal: Goal,
    study_goal: Goal | None,
    mixer: Mixer,
) -> Wish:
    """What is known of the goal, and the best mixture for it."""
    goal = for_mean_accuracy(runs, goal)
    weights: Mapping[str, float] = goal.targets
    if study_goal is None and not source.goal.targets and not _of_one_unit(goal, source):
        weights = {}
    available = None
    bounds = None
    if study_goal is not None:
        bounds = study_goal.bounds
        amounts = np.array([float(domain.available) for domain in study_goal.domains])
        if np.isfinite(amounts).all():
            available = amounts
    tokens = goal.tokens
    wish = Wish(
        weights=weights,
        importance=goal.importance or weights,
        natural=goal.natural,
        natural_known=study_goal is not None,
        tokens=None if source.weights_alone else tokens,
        available=None if source.weights_alone else available,
        bounds=bounds,
        never_worse=goal.never_worse,
    )
    if not weights:
        return wish
    try:
        proposal = mixer.propose(goal)
    except MixwrightError:
        return wish
    return replace(wish, best=proposal.weights, gap=proposal.gap)


def _of_one_unit(goal: Goal, source: FittedRuns) -> bool:
    """Whether a plain mean of the goal's targets means anything."""
    try:
        check_one_unit(list(goal.targets), source.metrics, "goal", "")
    except MixwrightError:
        return False
    return True
