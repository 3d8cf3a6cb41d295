"""How far to trust a proposal: intervals by refitting the mixer to runs that could as well have been measured."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.stats import t as student

from mixwright import mixers
from mixwright.comparison import REFERENCE, Difference
from mixwright.errors import MixwrightError, TooFewRunsError
from mixwright.mixers.protocol import Mixer, Proposer
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations
from mixwright.signals import NoiseFloor, noise_floor

LEVEL = 0.95
FOLDS = 8  # of the held-out residuals; under twice as many runs, each is a fold of its own
DRAWS = 100  # where nothing was said
LEAST_DRAWS = 10
LITTLE = 1e-3  # a weight below this is not mentioned
SECOND = "effective-data"  # whose law is asked what it thinks of another mixer's proposal


@dataclass(frozen=True)
class Interval:
    """An estimate and its 95% interval."""

    value: float
    low: float
    high: float


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
        error = (gain.high - gain.low) / (2 * float(student.ppf((1 + LEVEL) / 2, self.draws - 1)))
        return Difference(self.proposal.mixer, REFERENCE, -gain.value, -gain.high, -gain.low, 0, error, nan, identical=same)

    @property
    def verdict(self) -> str:
        """`better than natural by x [lo, hi]` or `not distinguishable from natural`, predicted; a gain below one run's noise is said."""
        said = self.difference.sentence
        if self.noise is None or self.difference.identical or abs(self.gain.value) >= self.noise.value:
            return said
        return f"{said}; less than the noise of one run, {self.noise.value:.3f} over {self.noise.runs} repeats"

    def as_json(self) -> dict[str, Any]:
        """What `mixtures/<mixer>.json` holds under `intervals`."""
        return {
            "level": LEVEL,
            "draws": self.draws,
            "weights": {name: [interval.low, interval.high] for name, interval in self.weights.items()},
            "predicted": {name: [interval.low, interval.high] for name, interval in self.predicted.items()},
            "objective": vars(self.objective),
            "gain": vars(self.gain),
            "noise": None if self.noise is None else vars(self.noise),
            "verdict": self.verdict,
        }


def propose(mixer: Proposer, seen: Observations | None, goal: Goal, draws: int = DRAWS) -> Proposal:
    """The mixer's proposal; one that learned to predict from the swarm runs in `seen` adds intervals and the verdict, unless it has its
    own or `draws` is 0."""
    proposal = mixer.propose(goal)
    proposal = replace(proposal, notes=(*proposal.notes, *_untried(proposal, seen, goal)))
    if proposal.intervals or seen is None or not draws or not mixers.entry(proposal.mixer).can_refit:
        return proposal
    try:
        found = bootstrap(cast(Mixer, mixer), seen, goal, proposal, draws)
    except TooFewRunsError:
        few = f"no intervals: {len(seen.of_role('swarm').runs)} runs are too few to hold any out"
        return replace(proposal, notes=(*proposal.notes, few))
    return replace(proposal, intervals=found.as_json(), notes=(*proposal.notes, f"predicted {found.verdict}", *found.notes))


def bootstrap(full: Mixer, seen: Observations, goal: Goal, proposal: Proposal, draws: int = DRAWS) -> Bootstrap:
    """Residual bootstrap of a mixer fitted to `seen`: each draw refits it to its own predictions plus held-out residuals, resampled with
    replacement, a run's targets together. Losses are read at the proposal, held fixed; each refit proposes anew for the weights.

    Refits know nothing of what the mixer's form cannot follow. So intervals of losses add in quadrature the refits' bias; what the held-out
    residuals hold beyond the refits' own scatter and, where a mixture was trained more than once, the least noise that a run may have;
    and how far the effective-data law is from what the mixer says of its own proposal, where no run may be near.
    Draw b is a function of (the goal's seed, b) alone. Mixers that take long are given fewer draws, and it is said.
    """
    if draws < LEAST_DRAWS:
        raise MixwrightError(f"--draws {draws}: too few for an interval; ask for {LEAST_DRAWS} or more, or for 0 to do without")
    seen = seen.only(np.argsort(np.array(seen.runs)))
    many = min(draws, mixers.entry(proposal.mixer).draws)
    refits = Refits.of(full, seen, goal, proposal, many)
    noise = noise_floor(seen, goal.targets)
    spread = np.linalg.norm(proposal.weights - goal.natural) / _distance(seen.of_role("swarm").weights)
    importance = np.array([goal.targets.get(target, 0.0) for target in full.targets])
    parts = {t: (np.eye(len(importance))[k], noise_floor(seen, {t: 1.0})) for k, t in enumerate(full.targets) if t in goal.targets}
    return Bootstrap(
        proposal,
        refits.weights_around(proposal.weights, goal),
        {target: refits.around([1, 0], column, floor) for target, (column, floor) in parts.items()},
        refits.around([1, 0], importance, noise),
        refits.around([-1, 1], importance, noise, 2 * min(1.0, float(spread))),
        many,
        noise,
        (*refits.opinion(importance), *_notes(proposal.mixer, draws, many, noise)),
    )


@dataclass(frozen=True)
class Refits:
    """What the full fit and its refits predict at (0) the proposal, (1) natural and (2 and on) the swarm's runs."""

    own: Array  # (points, targets)
    losses: Array  # (draws, points, targets)
    weights: Array  # (draws, domains) proposals
    held_out: Array  # (swarm runs, targets) residuals
    second: Array | None = None  # (2, targets) what another form says of the first two points

    @classmethod
    def of(cls, full: Mixer, seen: Observations, goal: Goal, proposal: Proposal, draws: int) -> "Refits":
        swarm = np.flatnonzero(np.array(seen.roles) == "swarm")
        held_out = _held_out(full, seen, swarm, goal.seed)
        scale = float(np.median(seen.tokens[swarm]))
        points = np.concatenate([np.stack([proposal.weights, goal.natural]) * scale, seen.amounts[swarm]])
        own, losses, weights = full.predict(points), [], []
        for draw in range(draws):
            rows = np.random.default_rng([goal.seed, draw]).integers(len(swarm), size=len(swarm))
            again = seen.losses.copy()
            again[swarm] = own[2:] + (held_out - held_out.mean(axis=0))[rows]
            refit = full.refit(replace(seen, losses=again))
            losses.append(refit.predict(points))
            weights.append(refit.propose(goal).weights)
        return cls(own, np.stack(losses), np.stack(weights), held_out, _second(proposal.mixer, seen, points[:2]))

    def around(self, signs: Sequence[int], importance: Array, noise: NoiseFloor | None, points: float = 1.0) -> Interval:
        """The signed sum over proposal and natural of the weighted targets; what the mixer cannot follow counts for so many points."""
        drawn, value = self.losses @ importance, float(np.array(signs) @ (self.own[:2] @ importance))
        unexplained = ((self.held_out @ importance) ** 2).mean() - drawn[:, 2:].var(axis=0, ddof=1).mean()
        unexplained = max(0.0, float(unexplained) - (noise.low**2 if noise else 0.0))
        refitted = drawn[:, :2] @ np.array(signs)
        apart = 0.0 if self.second is None else float(np.array(signs) @ (self.second @ importance)) - value
        error = np.sqrt(refitted.var(ddof=1) + (refitted.mean() - value) ** 2 + points * unexplained + apart**2)
        half = float(student.ppf((1 + LEVEL) / 2, len(drawn) - 1) * error)
        return Interval(value, value - half, value + half)

    def opinion(self, importance: Array) -> tuple[str, ...]:
        """What the other form says of the gain, in words."""
        if self.second is None:
            return ()
        own, other = (float((losses[0] - losses[1]) @ importance) for losses in (self.own, self.second))
        return (f"a second opinion: by {SECOND}'s law this mixture is {other:+.3f} nats/token against natural, by its own {own:+.3f}",)

    def weights_around(self, proposal: Array, goal: Goal) -> dict[str, Interval]:
        """Quantiles of the refits' weights and their reflection about the proposal (refits are drawn to the prior twice), in the bounds."""
        low, high = np.quantile(self.weights, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        low, high = np.minimum(low, 2 * proposal - high), np.maximum(high, 2 * proposal - low)
        low, high = np.clip([np.minimum(low, proposal), np.maximum(high, proposal)], goal.bounds.lower, goal.bounds.upper)
        rows = zip(goal.names, proposal.tolist(), low.tolist(), high.tolist(), strict=True)
        return {name: Interval(value, at_least, at_most) for name, value, at_least, at_most in rows}


def _untried(proposal: Proposal, seen: Observations | None, goal: Goal) -> tuple[str, ...]:
    """Domains that the proposal takes and no run took."""
    if seen is None:
        return ()
    pairs = zip(goal.names, proposal.weights, seen.amounts.max(axis=0), strict=True)
    names = [name for name, weight, most in pairs if weight > LITTLE and not most > 0]
    return (f"no run took any of {', '.join(names)}: the share is {proposal.mixer}'s prior, nothing measured",) if names else ()


def _notes(name: str, draws: int, many: int, noise: NoiseFloor | None) -> tuple[str, ...]:
    fewer = (f"intervals from {many} refits, not {draws}: {name} takes long to fit",) if many < draws else ()
    return fewer if noise else (*fewer, "no mixture was trained twice: intervals count the noise of a run as the mixer's error")


def _second(mixer: str, seen: Observations, points: Array) -> Array | None:
    """(points, targets) of another form fitted to the same runs; none for that form itself, or where it cannot be fitted."""
    if mixer == SECOND:
        return None
    try:
        return mixers.create(SECOND).fit(seen).predict(points)
    except MixwrightError:  # runs of different length
        return None


def _held_out(full: Mixer, seen: Observations, swarm: NDArray[np.int64], seed: int) -> Array:
    """(swarm runs, targets) measured minus predicted by a fit without the run's fold."""
    fold = np.random.default_rng(seed).permutation(len(swarm)) % (FOLDS if len(swarm) >= 2 * FOLDS else len(swarm))
    residuals = np.empty((len(swarm), len(seen.targets)))
    for k in range(int(fold.max()) + 1):
        out = swarm[fold == k]
        fitted = full.refit(seen.only(np.setdiff1d(np.arange(len(seen.runs)), out)))
        residuals[fold == k] = seen.losses[out] - fitted.predict(seen.amounts[out])
    return residuals


def _distance(weights: Array) -> float:
    """Mean distance of two runs' mixtures: errors of the form count as independent from there on, and less nearer by."""
    return float(pdist(weights).mean()) or 1.0
