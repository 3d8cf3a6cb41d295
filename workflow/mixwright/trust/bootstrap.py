"""How far to trust a proposal: its intervals, by refits of the mixer to resampled losses."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import nan, sqrt
from typing import Any, cast

import numpy as np
from scipy.special import stdtrit

from mixwright import mixers
from mixwright.errors import MixwrightError, TooFewRunsError
from mixwright.goal import Goal, Proposal, Readout
from mixwright.learners import LOSS, Metric
from mixwright.mixers.base import Mixer, Proposer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.cost import Cost, question_error
from mixwright.trust.evidence import CANNOT, Evidence
from mixwright.trust.intervals import LEVEL, REFERENCE, Difference, Interval, OfWorst
from mixwright.trust.judged import Judged, evidence_of, gained
from mixwright.trust.noise import NoiseFloor, noise_of
from mixwright.trust.notes import barred, of_form, of_refits, silent, silent_targets, untried
from mixwright.trust.refits import SECOND, Refits
from mixwright.trust.refitting import Refitting
from mixwright.trust.risk import UNSEEN, less_risky

# refits where no number is asked for
DRAWS = 100
LEAST_DRAWS = 10
# refits at most where each proposes for the worst target, which takes many times as long
WORST_DRAWS = 50
# runs whose distances are measured in pairs: those of 10,000 take 400 MB
MANY = 2_000


@dataclass(frozen=True)
class Bootstrap:
    """Intervals of one proposal at the scale the mixer saw.

    The objective, its gain and its noise are in the unit of `metric`; targets on the scale that
    mixers minimise. Where the goal is its worst target they are those of `worst`, the target that
    gains least; both ends of the gain are the least over the targets.
    """

    # of the fit to the runs as measured
    proposal: Proposal
    # of the refits' proposals
    weights: Mapping[str, Interval]
    # target -> its loss at the proposal
    predicted: Mapping[str, Interval]
    # the goal's weighted mean of them, or the one of the worst target
    objective: Interval
    # by how much the objective is better at the proposal than at natural, paired
    gain: Interval
    # refits
    draws: int
    # of one run's objective
    noise: NoiseFloor | None = None
    notes: tuple[str, ...] = ()
    # what the runs can tell of it; None: nobody looked
    evidence: Evidence | None = None
    # of the objective
    metric: Metric = LOSS
    # standard error of one run's objective by its questions alone; None: unknown
    question_error: float | None = None
    # the target that gains least, where the goal is its worst target
    worst: str = ""
    # `objective` and `gain` of the targets' mean, beside those of the worst target
    of_mean: Mapping[str, Interval] = field(default_factory=dict)

    @property
    def difference(self) -> Difference:
        """The gain as finals state theirs: proposal minus natural."""
        gain = self.gain
        quantile = float(stdtrit(self.draws - 1, (1 + LEVEL) / 2))
        ends = (-gain.high, -gain.low)
        value = -gain.value
        if self.metric.higher:
            ends = (gain.low, gain.high)
            value = gain.value
        difference = Difference(
            arm=self.proposal.mixer,
            reference=REFERENCE,
            value=value,
            low=ends[0],
            high=ends[1],
            seeds=0,
            seed_error=(gain.high - gain.low) / (2 * quantile),
            document_error=nan,
            identical=gain.value == gain.low == gain.high == 0,
            metric=self.metric,
        )
        if self.worst:
            return OfWorst(**vars(difference), target=self.worst)
        return difference

    @property
    def verdict(self) -> str:
        """`better than natural by x [lo, hi]` or `not distinguishable from natural`, predicted.

        A gain below the noise of one run is called so. Where the runs hold no evidence it is
        `these runs cannot tell`, why, and what would.
        """
        sentence = self.difference.sentence
        if self.difference.identical:
            return sentence
        if self.evidence is not None and not self.evidence.enough:
            return self.evidence.sentence
        gain = abs(self.gain.value)
        if self.noise is not None and gain < self.noise.value:
            noise = f"{self.noise.value:.3f} over {self.noise.runs} repeats"
            return f"{sentence}; less than the noise of one run, {noise}"
        if self.question_error is not None and gain < self.question_error:
            error = f"{self.question_error:.2f} {self.metric.unit}"
            return f"{sentence}; less than the error of its questions, {error}"
        return sentence

    @property
    def outlook(self) -> str:
        """The verdict, said to be a prediction where it is one."""
        verdict = self.verdict
        if verdict.startswith(CANNOT):
            return verdict
        return f"predicted {verdict}"

    @property
    def annotated(self) -> Proposal:
        """The proposal with its intervals, and the verdict among its notes."""
        notes = (
            *self.proposal.notes,
            self.outlook,
            *self.notes,
        )
        return replace(self.proposal, intervals=self.as_json(), notes=notes)

    def as_json(self) -> dict[str, Any]:
        """Returns what `mixtures/<mixer>.json` holds under `intervals`."""
        noise = None
        if self.noise is not None:
            noise = vars(self.noise)
        evidence = None
        if self.evidence is not None:
            evidence = self.evidence.as_json()
        content = {
            "level": LEVEL,
            "draws": self.draws,
            "weights": _ends(self.weights),
            "predicted": _ends(self.predicted),
            "objective": vars(self.objective),
            "gain": vars(self.gain),
            "noise": noise,
            "verdict": self.verdict,
            "evidence": evidence,
        }
        if self.worst:
            mean = {name: vars(interval) for name, interval in self.of_mean.items()}
            content |= {"worst_target": self.worst, "mean": mean}
        return content


def propose(
    mixer: Proposer,
    observations: Observations | None,
    goal: Goal,
    draws: int = DRAWS,
    refitting: Refitting | None = None,
) -> Proposal:
    """Returns the mixer's proposal, with intervals and the verdict where it can have them.

    It can where the mixer learned to predict from swarm runs and has no intervals of its own.

    Args:
        observations: the runs that the mixer was fitted to; None: it reads none.
        draws: refits of the mixer; 0: no intervals.
        refitting: of the mixer and its runs, where others ask for the same refits.
    """
    proposal = mixer.propose(goal)
    name = proposal.mixer
    ignored = mixers.ignored_limits(name, goal)
    proposal = _noted(proposal, *ignored, *untried(proposal, observations, goal))
    if goal.risk is not None and not draws and mixers.entry(name).heeds_targets:
        proposal = _noted(proposal, UNSEEN)
    if proposal.intervals or observations is None or not draws:
        return proposal
    if not mixers.entry(name).can_refit:
        return proposal
    try:
        result = bootstrap(
            cast(Mixer, mixer),
            observations,
            goal,
            proposal,
            draws,
            refitting,
        )
    except TooFewRunsError:
        runs = len(observations.of_role("swarm").runs)
        return _noted(proposal, f"no intervals: {runs} runs are too few to hold any out")
    return result.annotated


def bootstrap(
    full: Mixer,
    observations: Observations,
    goal: Goal,
    proposal: Proposal,
    draws: int = DRAWS,
    refitting: Refitting | None = None,
) -> Bootstrap:
    """Gives a proposal its intervals, by a residual bootstrap of the mixer.

    Each draw refits the mixer to its own predictions plus held-out residuals, resampled with
    replacement, a run's targets together. Losses are read at the proposal, held fixed; each
    refit proposes anew for the weights. Draw b is a function of (the goal's seed, b) alone.

    Refits know nothing of what the mixer's form cannot follow. So intervals of losses add in
    quadrature:
    - the refits' bias;
    - what the held-out residuals of the better runs hold beyond the refits' own scatter and,
      where a mixture was trained more than once, beyond the least noise that a run may have; more
      of it, the farther out a mixture lies;
    - how far another form is from what the mixer says of its own proposal, where no run may be
      near.

    Where the runs cannot speak of the proposal, the evidence says so in place of a verdict.

    Where the goal is its worst target, objective and gain are those of the target that gains least
    over natural inside the bounds (`mixwright.trust.judged`).

    Args:
        full: the mixer, fitted to `observations`.
        draws: refits; a mixer that takes long is given fewer, and a note says so.
        refitting: of `full` and its runs, where others ask for the same refits.

    Raises:
        MixwrightError: there are too few draws for an interval.
    """
    if draws < LEAST_DRAWS:
        remedy = f"ask for {LEAST_DRAWS} or more, or for 0 to do without"
        raise MixwrightError(f"--draws {draws}: too few for an interval; {remedy}")
    refitting = refitting or Refitting.of(full, observations, goal.seed, goal)
    observations, rows = refitting.observations, refitting.rows
    done = min(draws, mixers.entry(proposal.mixer).draws)
    if goal.worst:
        done = min(done, WORST_DRAWS)
    refits = Refits.of(refitting, goal, proposal, done)
    cost = Cost(Readout.of(goal.targets, full.targets, observations.metrics))
    if goal.risk is not None:
        proposal = less_risky(refitting, refits, goal, proposal, cost)
        refits = Refits.of(refitting, goal, proposal, done)
    judged = Judged.by_mean(cost)
    if goal.worst:
        judged = Judged.by_worst(goal, observations, refits)
    # the errors of the form at two near mixtures are not independent
    apart = np.linalg.norm(proposal.weights - goal.reference)
    distance = _distance(observations.weights[rows])
    points = 2 * sqrt(min(1.0, float(apart / distance)))
    result = gained(judged, refits, observations, points)
    gain, noise = result.gain, result.noise
    of_mean = {}
    if goal.worst:
        beside = gained(Judged.by_mean(cost), refits, observations, points)
        of_mean = {"objective": beside.objective, "gain": beside.gain}
    metric = result.cost.readout.metric
    read = observations.only(rows)
    evidence = evidence_of(refits, read, goal, proposal.weights, judged, metric.unit)
    opinion = refits.opinion(judged.of_points, metric, gain, result.of)
    doubts = of_form(proposal.mixer, gain, result.form_error, done, metric)
    if noise is None or not evidence.enough:
        # without repeats the noise of a run is part of it, and a note says so
        doubts = ()
    if refits.opponent != SECOND and not evidence.enough:
        opinion = ()
    return Bootstrap(
        proposal=proposal,
        weights=refits.weights_around(proposal.weights, goal),
        predicted=_by_target(refits, observations, goal),
        objective=result.objective,
        gain=gain,
        draws=done,
        noise=noise,
        notes=(
            *barred(goal),
            *silent(observations, goal),
            *refits.odd.notes(
                tuple(np.array(observations.runs)[rows].tolist()),
                observations.targets,
                observations.metrics,
            ),
            *opinion,
            *doubts,
            *of_refits(proposal.mixer, draws, done, noise),
        ),
        evidence=evidence,
        metric=metric,
        question_error=question_error(result.cost.readout, observations),
        worst=result.worst,
        of_mean=of_mean,
    )


def _by_target(refits: Refits, observations: Observations, goal: Goal) -> dict[str, Interval]:
    """The loss of each target of the goal at the proposal, on the scale that mixers minimise."""
    intervals = {}
    without_spread = silent_targets(observations, goal)
    for column, target in enumerate(observations.targets):
        if target not in goal.targets or target in without_spread:
            continue
        only = partial(np.take, indices=column, axis=-1)
        floor = noise_of(observations, observations.losses[:, column])
        form_error = refits.form_error([1, 0], only, floor)
        intervals[target] = refits.around([1, 0], only, form_error)
    return intervals


def _ends(intervals: Mapping[str, Interval]) -> dict[str, list[float]]:
    """Name -> low and high end."""
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}


def _noted(proposal: Proposal, *notes: str) -> Proposal:
    return replace(proposal, notes=(*proposal.notes, *notes))


def _distance(weights: Array) -> float:
    """Mean distance of two runs' mixtures (runs, domains).

    Errors of the form count as independent from there on, and less nearer by, with the root of the
    distance.
    """
    # a third of a second to import, and most proposals of a study have nothing to refit
    from scipy.spatial.distance import pdist

    step = -(-len(weights) // MANY)
    return float(pdist(weights[::step]).mean()) or 1.0
