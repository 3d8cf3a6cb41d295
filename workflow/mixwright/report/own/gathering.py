"""All that a page of own tables says, computed from a fit, or from a surface that was handed over.

Whatever cannot be computed is None or empty, and `lacking` says why in a sentence.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from mixwright import mixers
from mixwright.errors import MixwrightError, TooFewRunsError
from mixwright.goal import Goal, Proposal, Readout
from mixwright.mixers.laws.formula import formula_of
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.proposals.fits import Fit, FittedRuns
from mixwright.proposals.mean_accuracy import for_mean_accuracy, for_mean_of
from mixwright.proposals.options import Options
from mixwright.report.own.option_words import bound_words
from mixwright.report.own.prices import Price, prices
from mixwright.report.own.trade_offs import TradeOffs, trade_offs
from mixwright.trust.bootstrap import DRAWS, LEAST_DRAWS
from mixwright.trust.folds import CHEAP
from mixwright.trust.learning_curve import LearningCurve, learning_curve
from mixwright.trust.proposal import propose_within
from mixwright.trust.refitting import Refitting
from mixwright.trust.surface.building import DRAWS as SURFACE_DRAWS
from mixwright.trust.surface.building import surface_of
from mixwright.trust.surface.proposing import propose_from
from mixwright.trust.surface.surface import Surface, Wish
from mixwright.trust.validation import validate

# Numbers of a surface's refits that a page holds at most: it must stay light.
MOST_NUMBERS = 60_000
# Numbers of each domain that a law has of a target.
OF_DOMAIN = 3


@dataclass(frozen=True)
class BestRun:
    """The run that came out best on the goal, and what it measured."""

    run: str
    # domain -> weight
    weights: Mapping[str, float]
    # target -> what was measured, in its own unit
    measured: Mapping[str, float]
    # the goal as it is shown
    objective: float


@dataclass(frozen=True)
class OwnResult:
    """What a fit says under options, before it is laid out."""

    source: FittedRuns
    options: Options
    # as the mixer is asked for it: with the importance of targets where it has one
    goal: Goal
    # of the goal over its targets
    readout: Readout
    # in the targets' units
    proposal: Proposal
    # what `mixwright propose` writes
    record: Mapping[str, Any]
    # what predicts every target of a mixture, with intervals; None: the mixer has none
    surface: Surface | None
    # fitted: what proposes, and predicts where it can
    mixer: Any
    # of the mixer that was fitted; None: only a surface was handed over
    runs: Observations | None = None
    best: BestRun | None = None
    # a VALIDATION table of held-out runs; empty: none could be held out
    validation: pd.DataFrame = field(default_factory=pd.DataFrame)
    curve: LearningCurve | None = None
    trade_offs: TradeOffs | None = None
    prices: tuple[Price, ...] = ()
    # what is not there -> why, in a sentence
    lacking: Mapping[str, str] = field(default_factory=dict)
    draws: int = DRAWS

    @property
    def natural_known(self) -> bool:
        """Whether natural is known by the tokens of domains; else it is the mean of the runs."""
        return bool(self.options.available)

    @property
    def weights(self) -> Array:
        """(domains,) of the proposal."""
        return self.proposal.weights


def gather(fitted: Fit | Surface, options: Options, draws: int = DRAWS) -> OwnResult:
    """Computes everything that a page of own tables says.

    Args:
        fitted: a fit, or a surface that was handed over: it knows less.
        options: goal and bounds, as of `propose`.
        draws: refits that give the proposal its intervals; 0: no intervals.

    Raises:
        MixwrightError: as `propose` does.
    """
    if isinstance(fitted, Surface):
        return _of_surface(fitted, options)
    steps = Steps(fitted.name)
    runs = replace(fitted.runs, metrics=fitted.source.metrics)
    # the proposal and the surface rest on the same refits
    refitting = None
    if formula_of(fitted.mixer) is not None:
        refitting = Refitting.of(fitted.mixer, runs, options.seed)
    proposal = steps.take(
        f"the proposal, {draws} refits", propose_within, fitted, options, draws, refitting
    )
    goal = for_mean_accuracy(runs, options.goal(fitted.source))
    result = _start(fitted, options, goal, proposal)
    result = replace(result, runs=runs, draws=draws, best=_best_run(result, runs))
    lacking: dict[str, str] = {}
    surface = None
    count = _surface_draws(fitted.source, draws)
    if not mixers.entry(fitted.name).can_refit:
        lacking["surface"] = (
            f"{fitted.name} has no law of every mixture, so there is nothing to try out here:"
            " fit effective-data to a swarm to see it"
        )
        return _tested(
            _weighed(replace(result, lacking=lacking), fitted.mixer, steps), fitted, steps
        )
    try:
        surface = steps.take(
            f"the surface, {count} refits",
            surface_of,
            fitted,
            goal,
            count,
            options.seed,
            refitting,
        )
        surface = _with_wish(surface, result)
    except MixwrightError as error:
        lacking["surface"] = f"{error}"
    result = replace(result, surface=surface, lacking=lacking)
    return _tested(_weighed(result, fitted.mixer, steps), fitted, steps)


def _of_surface(surface: Surface, options: Options) -> OwnResult:
    """What a surface alone can say."""
    proposal = propose_from(surface, options)
    best = {}
    for target, trust in zip(surface.targets, surface.trust, strict=True):
        best[target] = trust.best
    goal = for_mean_of(best, surface.source.metrics, options.goal(surface.source))
    result = _start(surface, options, goal, proposal)
    reason = "A surface holds no runs: only a page of the fit itself shows how it was tested."
    lacking = dict.fromkeys(("runs", "validation", "curve"), reason)
    theirs = ""
    if surface.wish.bounds is not None:
        theirs = bound_words(surface.wish.bounds, surface.domains)
    if theirs and theirs != bound_words(goal.bounds, surface.domains):
        lacking["bounds"] = (
            "The bounds that came with the surface are not applied here. To apply them, type"
            f" {theirs}"
        )
    result = replace(result, surface=_with_wish(surface, result), lacking=lacking, draws=0)
    return _weighed(result, surface.mixer, Steps(surface.name))


def _start(fitted: Fit | Surface, options: Options, goal: Goal, proposal: Proposal) -> OwnResult:
    targets = tuple(goal.targets)
    source = fitted.source
    return OwnResult(
        source=source,
        options=options,
        goal=goal,
        readout=Readout.of(goal.targets, targets, source.metrics),
        proposal=proposal,
        record=options.record(source, proposal),
        surface=None,
        mixer=fitted.mixer,
    )


class Steps:
    """Says what is computed, while it is: some mixers take minutes."""

    def __init__(self, name: str) -> None:
        self.name = name

    def take(self, what: str, work: Callable[..., Any], *arguments: Any) -> Any:
        """Says what comes, does it, and returns its result."""
        say(f"{self.name}: {what}")
        return work(*arguments)


def _weighed(result: OwnResult, mixer: Any, steps: Steps) -> OwnResult:
    """Adds what the bounds cost, and what the targets cost each other."""
    cost = steps.take(
        "what the bounds cost", prices, mixer, result.options, result.source, result.goal
    )
    law = mixer
    if result.surface is not None:
        # a law answers at once, and a search scatters
        law = result.surface.mixer
    elif not mixers.entry(result.source.mixer).predicts:
        return replace(result, prices=cost)
    costs = steps.take(
        "what targets cost each other",
        trade_offs,
        law,
        result.goal,
        result.source,
        result.weights,
    )
    return replace(result, prices=cost, trade_offs=costs)


def _tested(result: OwnResult, fitted: Fit, steps: Steps) -> OwnResult:
    """Adds predictions of held-out runs, and the learning curve."""
    lacking = dict(result.lacking)
    settings = mixers.settings_of(fitted.mixer)
    runs = result.runs
    assert runs is not None
    validation = result.validation
    curve = None
    try:
        validation = steps.take(
            "runs held out", validate, fitted.name, settings, runs, 8, result.options.seed
        )
    except MixwrightError as error:
        lacking["validation"] = f"{error}"
    entry = mixers.entry(fitted.name)
    line = f"mixwright learning-curve --mixer {fitted.name}"
    if entry.can_refit and entry.draws < CHEAP:
        lacking["curve"] = f"{fitted.name} takes minutes for a learning curve: {line} draws it"
    else:
        try:
            curve = steps.take(
                "the learning curve",
                learning_curve,
                fitted.name,
                settings,
                runs,
                result.goal.targets,
                (),
                8,
                result.options.seed,
            )
        except (MixwrightError, TooFewRunsError) as error:
            lacking["curve"] = f"{error}"
    return replace(result, validation=validation, curve=curve, lacking=lacking)


def _best_run(result: OwnResult, runs: Observations) -> BestRun | None:
    """The run of the swarm with the best measured goal; None where its targets lack."""
    swarm = runs.of_role("swarm")
    targets = list(result.goal.targets)
    if not swarm.runs or not {*targets} <= {*swarm.targets}:
        return None
    columns = [swarm.targets.index(target) for target in targets]
    objective = result.readout.objective(swarm.losses[:, columns])
    place = int(objective.argmax() if result.readout.metric.higher else objective.argmin())
    weights = dict(zip(swarm.domains, swarm.weights[place].tolist(), strict=True))
    measured = dict(zip(swarm.targets, swarm.measured[place].tolist(), strict=True))
    return BestRun(swarm.runs[place], weights, measured, float(objective[place]))


def _surface_draws(source: FittedRuns, draws: int) -> int:
    """So many refits that the page stays light; none where none were asked for."""
    if not draws:
        return 0
    numbers = len(source.targets) * OF_DOMAIN * len(source.domains)
    most = max(LEAST_DRAWS, MOST_NUMBERS // numbers)
    return min(draws, SURFACE_DRAWS, most)


def _with_wish(surface: Surface, result: OwnResult) -> Surface:
    """The surface with the goal and the bounds of the options, and its own best mixture there."""
    goal = result.goal
    best = None
    gap = None
    try:
        proposal = surface.mixer.propose(goal)
        best = np.array(proposal.weights)
        gap = proposal.gap
    except MixwrightError:
        # the law has no mixture inside limits that another mixer does not keep
        pass
    available = surface.wish.available
    if result.options.available:
        available = np.array([result.options.available[name] for name in goal.names])
    wish = Wish(
        weights=goal.targets,
        importance=goal.importance or goal.targets,
        natural=goal.natural,
        natural_known=result.natural_known,
        bounds=goal.bounds,
        never_worse=goal.never_worse,
        tokens=result.options.tokens or surface.wish.tokens,
        available=available,
        best=best,
        gap=gap,
    )
    return replace(surface, wish=wish)
