"""A fitted mixer refitted to losses that could as well have been measured, and the intervals that follow from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.intervals import LEVEL, Interval
from mixwright.trust.noise import NoiseFloor

FOLDS = 8  # of the held-out residuals; under twice as many runs, each is a fold of its own
Rows = NDArray[np.int64]
SECOND = "effective-data"  # whose law is asked what it thinks of another mixer's proposal


@dataclass(frozen=True)
class Refits:
    """What the full fit and its refits predict at (0) the proposal, (1) natural and (2 and on) the runs it read."""

    own: Array  # (points, targets)
    losses: Array  # (draws, points, targets)
    weights: Array  # (draws, domains) proposals
    held_out: Array  # (runs it read, targets) residuals
    second: Array | None = None  # (2, targets) what another form says of the first two points

    @classmethod
    def of(
        cls, full: Mixer, seen: Observations, goal: Goal, proposal: Proposal, draws: int
    ) -> "Refits":
        rows = np.flatnonzero(np.isin(seen.roles, list(mixers.entry(proposal.mixer).reads)))
        held_out = held_out_residuals(full, seen, rows, goal.seed)
        asked = full.amounts_at(
            goal, np.stack([proposal.weights, goal.natural]), float(np.median(seen.tokens[rows]))
        )
        points = np.concatenate([asked, full.amounts_of(seen)[rows]])
        losses, weights = [], []
        for refit in refitted(full, seen, rows, held_out, draws, goal.seed):
            losses.append(refit.predict(points))
            weights.append(refit.propose(goal).weights)
        return cls(
            full.predict(points),
            np.stack(losses),
            np.stack(weights),
            held_out,
            _second(proposal.mixer, seen, points[:2]),
        )

    def around(
        self, signs: Sequence[int], importance: Array, noise: NoiseFloor | None, points: float = 1.0
    ) -> Interval:
        """The signed sum over proposal and natural of the weighted targets; what the mixer cannot follow counts for so many points."""
        drawn, value = (
            self.losses @ importance,
            float(np.array(signs) @ (self.own[:2] @ importance)),
        )
        unexplained = ((self.held_out @ importance) ** 2).mean() - drawn[:, 2:].var(
            axis=0, ddof=1
        ).mean()
        unexplained = max(0.0, float(unexplained) - (noise.low**2 if noise else 0.0))
        refitted = drawn[:, :2] @ np.array(signs)
        apart = (
            0.0
            if self.second is None
            else float(np.array(signs) @ (self.second @ importance)) - value
        )
        error = np.sqrt(
            refitted.var(ddof=1) + (refitted.mean() - value) ** 2 + points * unexplained + apart**2
        )
        half = float(stdtrit(len(drawn) - 1, (1 + LEVEL) / 2) * error)
        return Interval(value, value - half, value + half)

    def opinion(self, importance: Array) -> tuple[str, ...]:
        """What the other form says of the gain, in words."""
        if self.second is None:
            return ()
        own, other = (
            float((losses[0] - losses[1]) @ importance) for losses in (self.own, self.second)
        )
        return (
            f"a second opinion: by {SECOND}'s law this mixture is {other:+.3f} nats/token against natural, by its own {own:+.3f}",
            "intervals of weights hold for its own form only: where that is wrong they miss the best weights",
        )

    def weights_around(self, proposal: Array, goal: Goal) -> dict[str, Interval]:
        """Quantiles of the refits' weights and their reflection about the proposal (refits are drawn to the prior twice), in the bounds."""
        low, high = np.quantile(self.weights, [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
        low, high = np.minimum(low, 2 * proposal - high), np.maximum(high, 2 * proposal - low)
        low, high = np.clip(
            [np.minimum(low, proposal), np.maximum(high, proposal)],
            goal.bounds.lower,
            goal.bounds.upper,
        )
        rows = zip(goal.names, proposal.tolist(), low.tolist(), high.tolist(), strict=True)
        return {name: Interval(value, at_least, at_most) for name, value, at_least, at_most in rows}


def _second(mixer: str, seen: Observations, points: Array) -> Array | None:
    """(points, targets) of another form fitted to the same runs; none for that form itself, or where it cannot be fitted."""
    if mixer == SECOND:
        return None
    try:
        return mixers.create(SECOND).fit(seen).predict(points)
    except MixwrightError:  # runs of different length
        return None


def refitted(
    full: Mixer, seen: Observations, rows: Rows, held_out: Array, draws: int, seed: int
) -> Iterator[Mixer]:
    """`full` refitted to its predictions of the runs `rows` plus resampled held-out residuals; draw b is a function of (seed, b) alone."""
    own, centred = full.predict(full.amounts_of(seen)[rows]), held_out - held_out.mean(axis=0)
    for draw in range(draws):
        again = seen.losses.copy()
        again[rows] = (
            own + centred[np.random.default_rng([seed, draw]).integers(len(rows), size=len(rows))]
        )
        yield full.refit(replace(seen, losses=again))


def held_out_residuals(full: Mixer, seen: Observations, rows: Rows, seed: int) -> Array:
    """(rows, targets) measured minus predicted by a fit without the run's fold."""
    fold = np.random.default_rng(seed).permutation(len(rows)) % (
        FOLDS if len(rows) >= 2 * FOLDS else len(rows)
    )
    residuals = np.empty((len(rows), len(seen.targets)))
    for k in range(int(fold.max()) + 1):
        out = rows[fold == k]
        fitted = full.refit(seen.only(np.setdiff1d(np.arange(len(seen.runs)), out)))
        residuals[fold == k] = seen.losses[out] - fitted.predict(fitted.amounts_of(seen)[out])
    return residuals
