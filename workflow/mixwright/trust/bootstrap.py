"""How far to trust a proposal: intervals by refitting the mixer to runs that could as well have been measured."""

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
from mixwright.trust.noise import NoiseFloor, noise_floor
from mixwright.trust.refits import Refits

DRAWS = 100  # where nothing was said
LEAST_DRAWS = 10
LITTLE = 1e-3  # a weight below this is not mentioned


@dataclass(frozen=True)
class Bootstrap:
    """Intervals of one proposal, losses in nats/token at the scale the mixer saw; the weights' are those of the refits' proposals."""

    proposal: Proposal  # of the fit to the runs as measured
    weights: Mapping[str, Interval]
    predicted: Mapping[str, Interval]  # target -> its loss at the proposal
    objective: Interval  # the goal's weighted mean of them
    gain: Interval  # objective at natural minus objective at the proposal, paired
    draws: int
    noise: NoiseFloor | None = None  # of one run's objective
    notes: tuple[str, ...] = ()

    @property
    def difference(self) -> Difference:
        """The gain as finals state theirs: proposal minus natural."""
        gain, same = self.gain, self.gain.value == self.gain.low == self.gain.high == 0
        error = (gain.high - gain.low) / (2 * float(stdtrit(self.draws - 1, (1 + LEVEL) / 2)))
        return Difference(
            self.proposal.mixer,
            REFERENCE,
            -gain.value,
            -gain.high,
            -gain.low,
            0,
            error,
            nan,
            identical=same,
        )

    @property
    def verdict(self) -> str:
        """`better than natural by x [lo, hi]` or `not distinguishable from natural`, predicted; a gain below one run's noise is said."""
        said = self.difference.sentence
        if (
            self.noise is None
            or self.difference.identical
            or abs(self.gain.value) >= self.noise.value
        ):
            return said
        return f"{said}; less than the noise of one run, {self.noise.value:.3f} over {self.noise.runs} repeats"

    @property
    def said(self) -> Proposal:
        """The proposal with its intervals, and the verdict among its notes."""
        notes = (*self.proposal.notes, f"predicted {self.verdict}", *self.notes)
        return replace(self.proposal, intervals=self.as_json(), notes=notes)

    def as_json(self) -> dict[str, Any]:
        """What `mixtures/<mixer>.json` holds under `intervals`."""
        return {
            "level": LEVEL,
            "draws": self.draws,
            "weights": {
                name: [interval.low, interval.high] for name, interval in self.weights.items()
            },
            "predicted": {
                name: [interval.low, interval.high] for name, interval in self.predicted.items()
            },
            "objective": vars(self.objective),
            "gain": vars(self.gain),
            "noise": None if self.noise is None else vars(self.noise),
            "verdict": self.verdict,
        }


def propose(mixer: Proposer, seen: Observations | None, goal: Goal, draws: int = DRAWS) -> Proposal:
    """The mixer's proposal; one that learned to predict from the swarm runs in `seen` adds intervals and the verdict, unless it has its
    own or `draws` is 0."""
    proposal = mixer.propose(goal)
    proposal = replace(
        proposal,
        notes=(
            *proposal.notes,
            *mixers.ignored_limits(proposal.mixer, goal),
            *_untried(proposal, seen, goal),
        ),
    )
    if (
        proposal.intervals
        or seen is None
        or not draws
        or not mixers.entry(proposal.mixer).can_refit
    ):
        return proposal
    try:
        found = bootstrap(cast(Mixer, mixer), seen, goal, proposal, draws)
    except TooFewRunsError:
        few = f"no intervals: {len(seen.of_role('swarm').runs)} runs are too few to hold any out"
        return replace(proposal, notes=(*proposal.notes, few))
    return found.said


def bootstrap(
    full: Mixer, seen: Observations, goal: Goal, proposal: Proposal, draws: int = DRAWS
) -> Bootstrap:
    """Residual bootstrap of a mixer fitted to `seen`: each draw refits it to its own predictions plus held-out residuals, resampled with
    replacement, a run's targets together. Losses are read at the proposal, held fixed; each refit proposes anew for the weights.

    Refits know nothing of what the mixer's form cannot follow. So intervals of losses add in quadrature the refits' bias; what the held-out
    residuals hold beyond the refits' own scatter and, where a mixture was trained more than once, the least noise that a run may have;
    and how far the effective-data law is from what the mixer says of its own proposal, where no run may be near.
    Draw b is a function of (the goal's seed, b) alone. Mixers that take long are given fewer draws, and it is said.
    """
    if draws < LEAST_DRAWS:
        raise MixwrightError(
            f"--draws {draws}: too few for an interval; ask for {LEAST_DRAWS} or more, or for 0 to do without"
        )
    seen = seen.only(np.argsort(np.array(seen.runs)))
    many = min(draws, mixers.entry(proposal.mixer).draws)
    refits = Refits.of(full, seen, goal, proposal, many)
    noise = noise_floor(seen, goal.targets)
    spread = np.linalg.norm(proposal.weights - goal.natural) / _distance(
        seen.of_role(*mixers.entry(proposal.mixer).reads).weights
    )
    importance = np.array([goal.targets.get(target, 0.0) for target in full.targets])
    parts = {
        t: (np.eye(len(importance))[k], noise_floor(seen, {t: 1.0}))
        for k, t in enumerate(full.targets)
        if t in goal.targets
    }
    barred = (
        ()
        if goal.bounds.contain(goal.natural[None])[0]
        else ("natural lies outside the bounds: the gain is over a mixture they bar",)
    )
    return Bootstrap(
        proposal,
        refits.weights_around(proposal.weights, goal),
        {target: refits.around([1, 0], column, floor) for target, (column, floor) in parts.items()},
        refits.around([1, 0], importance, noise),
        refits.around([-1, 1], importance, noise, 2 * min(1.0, float(spread))),
        many,
        noise,
        (*barred, *refits.opinion(importance), *_notes(proposal.mixer, draws, many, noise)),
    )


def _untried(proposal: Proposal, seen: Observations | None, goal: Goal) -> tuple[str, ...]:
    """Domains that the proposal takes and no run took."""
    if seen is None:
        return ()
    pairs = zip(goal.names, proposal.weights, seen.amounts.max(axis=0), strict=True)
    names = [name for name, weight, most in pairs if weight > LITTLE and not most > 0]
    return (
        (
            f"no run took any of {', '.join(names)}: the share is {proposal.mixer}'s prior, nothing measured",
        )
        if names
        else ()
    )


def _notes(name: str, draws: int, many: int, noise: NoiseFloor | None) -> tuple[str, ...]:
    fewer = (
        (f"intervals from {many} refits, not {draws}: {name} takes long to fit",)
        if many < draws
        else ()
    )
    return (
        fewer
        if noise
        else (
            *fewer,
            "no mixture was trained twice: intervals count the noise of a run as the mixer's error",
        )
    )


def _distance(weights: Array) -> float:
    """Mean distance of two runs' mixtures: errors of the form count as independent from there on, and less nearer by."""
    from scipy.spatial.distance import (
        pdist,
    )  # a third of a second, and most proposals of a study have nothing to refit

    return float(pdist(weights).mean()) or 1.0
