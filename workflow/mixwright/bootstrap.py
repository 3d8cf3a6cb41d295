"""How far to trust a proposal: intervals by refitting the mixer to runs that could as well have been measured."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from scipy.stats import t as student

from mixwright import mixers
from mixwright.comparison import REFERENCE, Difference
from mixwright.errors import MixwrightError
from mixwright.mixers.protocol import Mixer
from mixwright.mixture import Array, Goal, Proposal
from mixwright.observations import Observations
from mixwright.signals import NoiseFloor, noise_floor

LEVEL = 0.95
FOLDS = 8  # of the held-out residuals
LEAST_DRAWS = 10
SEARCH = 10_000  # mixtures that a mixer which searches draws for each refit


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


def with_intervals(proposal: Proposal, found: Bootstrap) -> Proposal:
    """The proposal with its intervals and the verdict among its notes."""
    return replace(proposal, intervals=found.as_json(), notes=(*proposal.notes, f"predicted {found.verdict}", *found.notes))


def check(name: str, draws: int) -> None:
    """Refuses what the bootstrap has no answer to."""
    kind = mixers.entry(name)
    if "swarm" not in kind.reads or not kind.predicts:
        raise MixwrightError(f"bootstrap: {name} does not learn to predict from a swarm; ask intervals of one that does, or of none")
    if draws < LEAST_DRAWS:
        raise MixwrightError(f"bootstrap: {draws} draws give no interval; ask for {LEAST_DRAWS} or more (200 is usual)")


def bootstrap(name: str, settings: Mapping[str, Any], seen: Observations, goal: Goal, draws: int = 200, seed: int = 0) -> Bootstrap:
    """Residual bootstrap: each draw refits the mixer to its own predictions plus held-out residuals, resampled with replacement, a run's
    targets together. Losses are read at the proposal of the full fit, held fixed; each refit proposes anew for the weights.

    Refits know nothing of what the mixer's form cannot follow: intervals of losses add in quadrature the refits' bias and what the
    held-out residuals hold beyond the refits' own scatter and, where a mixture was trained more than once, the least noise that a run may
    have. Draw b is a function of (seed, b) alone. Mixers that take long are given fewer draws, and it is said.
    """
    check(name, draws)
    seen = seen.only(np.argsort(np.array(seen.runs)))
    mixer = mixers.create(name, settings)
    full = mixer.fit(seen)
    proposal = full.propose(goal)
    many = min(draws, mixers.entry(name).draws)
    refits = Refits.of(mixer, full, seen, goal, proposal.weights, many, seed)
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
        _notes(name, draws, many, noise),
    )


@dataclass(frozen=True)
class Refits:
    """What the full fit and its refits predict at (0) the proposal, (1) natural and (2 and on) the swarm's runs."""

    own: Array  # (points, targets)
    losses: Array  # (draws, points, targets)
    weights: Array  # (draws, domains) proposals
    held_out: Array  # (swarm runs, targets) residuals

    @classmethod
    def of(cls, mixer: Mixer, full: Mixer, seen: Observations, goal: Goal, proposal: Array, draws: int, seed: int) -> "Refits":
        swarm = np.flatnonzero(np.array(seen.roles) == "swarm")
        held_out = held_out_residuals(mixer, seen, swarm, seed)
        scale = float(np.median(seen.tokens[swarm]))
        points = np.concatenate([np.stack([proposal, goal.natural]) * scale, seen.amounts[swarm]])
        losses, weights = [], []
        for refit in refitted(_lighter(mixer), full, seen, held_out, draws, seed):
            losses.append(refit.predict(points))
            weights.append(refit.propose(goal).weights)
        return cls(full.predict(points), np.stack(losses), np.stack(weights), held_out)

    def around(self, signs: Sequence[int], importance: Array, noise: NoiseFloor | None, points: float = 1.0) -> Interval:
        """The signed sum over proposal and natural of the weighted targets; what the mixer cannot follow counts for so many points."""
        drawn, value = self.losses @ importance, float(np.array(signs) @ (self.own[:2] @ importance))
        unexplained = ((self.held_out @ importance) ** 2).mean() - drawn[:, 2:].var(axis=0, ddof=1).mean()
        unexplained = max(0.0, float(unexplained) - (noise.low**2 if noise else 0.0))
        refitted = drawn[:, :2] @ np.array(signs)
        error = np.sqrt(refitted.var(ddof=1) + (refitted.mean() - value) ** 2 + points * unexplained)
        half = float(student.ppf((1 + LEVEL) / 2, len(drawn) - 1) * error)
        return Interval(value, value - half, value + half)

    def weights_around(self, proposal: Array, goal: Goal) -> dict[str, Interval]:
        """Quantiles of the refits' weights and their reflection about the proposal (refits are drawn to the prior twice), in the bounds."""
        low, high = np.quantile(self.weights, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        low, high = np.minimum(low, 2 * proposal - high), np.maximum(high, 2 * proposal - low)
        low, high = np.clip([np.minimum(low, proposal), np.maximum(high, proposal)], goal.bounds.lower, goal.bounds.upper)
        rows = zip(goal.names, proposal.tolist(), low.tolist(), high.tolist(), strict=True)
        return {name: Interval(value, at_least, at_most) for name, value, at_least, at_most in rows}


def _notes(name: str, draws: int, many: int, noise: NoiseFloor | None) -> tuple[str, ...]:
    fewer = (f"intervals from {many} refits, not {draws}: {name} takes long to fit",) if many < draws else ()
    return fewer if noise else (*fewer, "no mixture was trained twice: intervals count the noise of a run as the mixer's error")


def refitted(mixer: Mixer, full: Mixer, seen: Observations, held_out: Array, draws: int, seed: int) -> Iterator[Mixer]:
    """The mixer fitted to `full`'s predictions of the swarm plus resampled held-out residuals; draw b is a function of (seed, b) alone."""
    swarm = np.flatnonzero(np.array(seen.roles) == "swarm")
    own, centred = full.predict(seen.amounts[swarm]), held_out - held_out.mean(axis=0)
    for draw in range(draws):
        again = seen.losses.copy()
        again[swarm] = own + centred[np.random.default_rng([seed, draw]).integers(len(swarm), size=len(swarm))]
        yield mixer.fit(replace(seen, losses=again))


def held_out_residuals(mixer: Mixer, seen: Observations, swarm: NDArray[np.int64], seed: int) -> Array:
    """(swarm runs, targets) measured minus predicted by a fit without the run's fold."""
    fold = np.random.default_rng(seed).permutation(len(swarm)) % FOLDS
    residuals = np.empty((len(swarm), len(seen.targets)))
    for k in range(FOLDS):
        out = swarm[fold == k]
        fitted = mixer.fit(seen.only(np.setdiff1d(np.arange(len(seen.runs)), out)))
        residuals[fold == k] = seen.losses[out] - fitted.predict(seen.amounts[out])
    return residuals


def _lighter(mixer: Any) -> Any:
    """The same with a smaller search, the same share of it kept: refits of a searching mixer would take minutes each."""
    samples, keep = getattr(mixer, "samples", 0), getattr(mixer, "keep", 0)
    return mixer if samples <= SEARCH else replace(mixer, samples=SEARCH, keep=max(1, round(keep * SEARCH / samples)))


def _distance(weights: Array) -> float:
    """Mean distance of two runs' mixtures: errors of the form count as independent from there on, and less nearer by."""
    return float(pdist(weights).mean()) or 1.0
