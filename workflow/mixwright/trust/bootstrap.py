"""How far to trust a proposal: its intervals, by refits of the mixer to resampled losses."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import nan
from typing import Any, cast

import numpy as np
from scipy.special import stdtrit

from mixwright import mixers
from mixwright.errors import MixwrightError, TooFewRunsError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import Mixer, Proposer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.intervals import LEVEL, REFERENCE, Difference, Interval
from mixwright.trust.noise import NoiseFloor, noise_floor, target_weights
from mixwright.trust.refits import Refits

# refits where no number is asked for
DRAWS = 100
LEAST_DRAWS = 10
# a weight below this is not mentioned
LITTLE = 1e-3


@dataclass(frozen=True)
class Bootstrap:
    """Intervals of one proposal, losses in nats/token at the scale the mixer saw."""

    # of the fit to the runs as measured
    proposal: Proposal
    # of the refits' proposals
    weights: Mapping[str, Interval]
    # target -> its loss at the proposal
    predicted: Mapping[str, Interval]
    # the goal's weighted mean of them
    objective: Interval
    # objective at natural minus objective at the proposal, paired
    gain: Interval
    # refits
    draws: int
    # of one run's objective
    noise: NoiseFloor | None = None
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> Difference:
        """The gain as finals state theirs: proposal minus natural."""
        gain = self.gain
        quantile = float(stdtrit(self.draws - 1, (1 + LEVEL) / 2))
        return Difference(
            arm=self.proposal.mixer,
            reference=REFERENCE,
            value=-gain.value,
            low=-gain.high,
            high=-gain.low,
            seeds=0,
            seed_error=(gain.high - gain.low) / (2 * quantile),
            document_error=nan,
            identical=gain.value == gain.low == gain.high == 0,
        )

    @property
    def verdict(self) -> str:
        """`better than natural by x [lo, hi]` or `not distinguishable from natural`, predicted.

        A gain below the noise of one run is called so.
        """
        sentence = self.difference.sentence
        if self.noise is None or self.difference.identical:
            return sentence
        if abs(self.gain.value) >= self.noise.value:
            return sentence
        noise = f"{self.noise.value:.3f} over {self.noise.runs} repeats"
        return f"{sentence}; less than the noise of one run, {noise}"

    @property
    def annotated(self) -> Proposal:
        """The proposal with its intervals, and the verdict among its notes."""
        notes = (
            *self.proposal.notes,
            f"predicted {self.verdict}",
            *self.notes,
        )
        return replace(self.proposal, intervals=self.as_json(), notes=notes)

    def as_json(self) -> dict[str, Any]:
        """Returns what `mixtures/<mixer>.json` holds under `intervals`."""
        noise = None
        if self.noise is not None:
            noise = vars(self.noise)
        return {
            "level": LEVEL,
            "draws": self.draws,
            "weights": _ends(self.weights),
            "predicted": _ends(self.predicted),
            "objective": vars(self.objective),
            "gain": vars(self.gain),
            "noise": noise,
            "verdict": self.verdict,
        }


def propose(
    mixer: Proposer,
    observations: Observations | None,
    goal: Goal,
    draws: int = DRAWS,
) -> Proposal:
    """Returns the mixer's proposal, with intervals and the verdict where it can have them.

    It can where the mixer learned to predict from swarm runs and has no intervals of its own.

    Args:
        observations: the runs that the mixer was fitted to; None: it reads none.
        draws: refits of the mixer; 0: no intervals.
    """
    proposal = mixer.propose(goal)
    name = proposal.mixer
    ignored = mixers.ignored_limits(name, goal)
    proposal = _noted(proposal, *ignored, *_untried(proposal, observations, goal))
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
) -> Bootstrap:
    """Gives a proposal its intervals, by a residual bootstrap of the mixer.

    Each draw refits the mixer to its own predictions plus held-out residuals, resampled with
    replacement, a run's targets together. Losses are read at the proposal, held fixed; each
    refit proposes anew for the weights. Draw b is a function of (the goal's seed, b) alone.

    Refits know nothing of what the mixer's form cannot follow. So intervals of losses add in
    quadrature:
    - the refits' bias;
    - what the held-out residuals hold beyond the refits' own scatter and, where a mixture was
      trained more than once, beyond the least noise that a run may have;
    - how far the effective-data law is from what the mixer says of its own proposal, where no
      run may be near.

    Args:
        full: the mixer, fitted to `observations`.
        draws: refits; a mixer that takes long is given fewer, and a note says so.

    Raises:
        MixwrightError: there are too few draws for an interval.
    """
    if draws < LEAST_DRAWS:
        remedy = f"ask for {LEAST_DRAWS} or more, or for 0 to do without"
        raise MixwrightError(f"--draws {draws}: too few for an interval; {remedy}")
    observations = observations.only(np.argsort(np.array(observations.runs)))
    entry = mixers.entry(proposal.mixer)
    done = min(draws, entry.draws)
    refits = Refits.of(
        full,
        observations,
        goal,
        proposal,
        done,
    )
    importance = target_weights(goal.targets, full.targets)
    noise = noise_floor(observations, goal.targets)
    predicted = {}
    for target, only in zip(full.targets, np.eye(len(importance)), strict=True):
        if target in goal.targets:
            floor = noise_floor(observations, {target: 1.0})
            predicted[target] = refits.around([1, 0], only, floor)
    # the errors of the form at two near mixtures are not independent
    apart = np.linalg.norm(proposal.weights - goal.natural)
    distance = _distance(observations.of_role(*entry.reads).weights)
    points = 2 * min(1.0, float(apart / distance))
    return Bootstrap(
        proposal=proposal,
        weights=refits.weights_around(proposal.weights, goal),
        predicted=predicted,
        objective=refits.around([1, 0], importance, noise),
        gain=refits.around([-1, 1], importance, noise, points),
        draws=done,
        noise=noise,
        notes=(
            *_barred(goal),
            *refits.opinion(importance),
            *_notes(proposal.mixer, draws, done, noise),
        ),
    )


def _ends(intervals: Mapping[str, Interval]) -> dict[str, list[float]]:
    """Name -> low and high end."""
    return {name: [interval.low, interval.high] for name, interval in intervals.items()}


def _noted(proposal: Proposal, *notes: str) -> Proposal:
    return replace(proposal, notes=(*proposal.notes, *notes))


def _untried(
    proposal: Proposal,
    observations: Observations | None,
    goal: Goal,
) -> tuple[str, ...]:
    """A note on the domains that the proposal takes and no run took."""
    if observations is None:
        return ()
    most = observations.amounts.max(axis=0)
    names = []
    for name, weight, amount in zip(goal.names, proposal.weights, most, strict=True):
        if weight > LITTLE and not amount > 0:
            names.append(name)
    if not names:
        return ()
    prior = f"the share is {proposal.mixer}'s prior, nothing measured"
    return (f"no run took any of {', '.join(names)}: {prior}",)


def _barred(goal: Goal) -> tuple[str, ...]:
    """A note where natural, which the gain is over, lies outside the bounds."""
    if goal.bounds.contain(goal.natural[None])[0]:
        return ()
    return ("natural lies outside the bounds: the gain is over a mixture they bar",)


def _notes(mixer: str, draws: int, done: int, noise: NoiseFloor | None) -> tuple[str, ...]:
    """Notes on fewer draws than asked for, and on a noise that nobody measured."""
    notes = []
    if done < draws:
        notes.append(f"intervals from {done} refits, not {draws}: {mixer} takes long to fit")
    if noise is None:
        notes.append(
            "no mixture was trained twice: intervals count the noise of a run as the mixer's error"
        )
    return tuple(notes)


def _distance(weights: Array) -> float:
    """Mean distance of two runs' mixtures (runs, domains).

    Errors of the form count as independent from there on, and less nearer by.
    """
    # a third of a second to import, and most proposals of a study have nothing to refit
    from scipy.spatial.distance import pdist

    return float(pdist(weights).mean()) or 1.0
