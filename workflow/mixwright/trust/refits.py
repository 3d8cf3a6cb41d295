"""A fitted mixer refitted to losses that could as well have been measured.

The intervals of a proposal follow from what the refits predict and propose.
"""

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

# of the held-out residuals; under twice as many runs, each is a fold of its own
FOLDS = 8
# the mixer whose law is asked what it thinks of another mixer's proposal
SECOND = "effective-data"

# positions of runs
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Refits:
    """What the full fit and its refits predict at some points, nats/token.

    Point 0 is the proposal, point 1 is natural, and from 2 on they are the runs that it read.
    """

    # (points, targets) by the full fit
    full: Array
    # (draws, points, targets)
    losses: Array
    # (draws, domains) proposals
    weights: Array
    # (runs that it read, targets) residuals
    held_out: Array
    # (2, targets) what another form says of the first two points
    second: Array | None = None

    @classmethod
    def of(
        cls,
        full: Mixer,
        observations: Observations,
        goal: Goal,
        proposal: Proposal,
        draws: int,
    ) -> "Refits":
        """Refits a mixer `draws` times to the runs that it read."""
        reads = list(mixers.entry(proposal.mixer).reads)
        rows = np.flatnonzero(np.isin(observations.roles, reads))
        held_out = held_out_residuals(full, observations, rows, goal.seed)
        mixtures = np.stack([proposal.weights, goal.natural])
        total = float(np.median(observations.tokens[rows]))
        amounts = full.amounts_at(goal, mixtures, total)
        of_runs = full.amounts_of(observations)[rows]
        points = np.concatenate([amounts, of_runs])
        losses = []
        weights = []
        for refit in refitted(
            full,
            observations,
            rows,
            held_out,
            draws,
            goal.seed,
        ):
            losses.append(refit.predict(points))
            weights.append(refit.propose(goal).weights)
        return cls(
            full=full.predict(points),
            losses=np.stack(losses),
            weights=np.stack(weights),
            held_out=held_out,
            second=_second_opinion(proposal.mixer, observations, points[:2]),
        )

    def around(
        self,
        signs: Sequence[int],
        importance: Array,
        noise: NoiseFloor | None,
        points: float = 1.0,
    ) -> Interval:
        """Returns a signed sum over proposal and natural of the weighted targets, nats/token.

        Its variance is that of the refits, plus the squares of their bias, of what the mixer
        cannot follow and of how far the second form is from it.

        Args:
            signs: of the proposal and of natural: [1, 0] is the loss at the proposal,
                [-1, 1] the gain over natural.
            importance: (targets,) weights.
            noise: of one run, which counts for nothing that the mixer cannot follow.
            points: independent points that what the mixer cannot follow counts for.
        """
        sign = np.array(signs)
        both = self.full[:2] @ importance
        value = float(sign @ both)
        drawn = self.losses @ importance
        sums = drawn[:, :2] @ sign
        bias = sums.mean() - value
        unexplained = points * self._unexplained(drawn, importance, noise)
        apart = 0.0
        if self.second is not None:
            both = self.second @ importance
            apart = float(sign @ both) - value
        variance = sums.var(ddof=1) + bias**2 + unexplained + apart**2
        error = np.sqrt(variance)
        quantile = stdtrit(len(drawn) - 1, (1 + LEVEL) / 2)
        half = float(quantile * error)
        return Interval(value, value - half, value + half)

    def opinion(self, importance: Array) -> tuple[str, ...]:
        """What the other form says of the gain, in words; nothing where none was asked."""
        if self.second is None:
            return ()
        differences = self.full[0] - self.full[1]
        gain = float(differences @ importance)
        differences = self.second[0] - self.second[1]
        second_gain = float(differences @ importance)
        numbers = f"{second_gain:+.3f} nats/token against natural, by its own {gain:+.3f}"
        return (
            f"a second opinion: by {SECOND}'s law this mixture is {numbers}",
            "intervals of weights hold for its own form only:"
            " where that is wrong they miss the best weights",
        )

    def weights_around(self, proposal: Array, goal: Goal) -> dict[str, Interval]:
        """Returns the interval of each domain's weight, inside the bounds.

        It spans the refits' quantiles and their reflection about the proposal: refits are drawn
        to the prior twice.
        """
        levels = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
        below, above = np.quantile(self.weights, levels, axis=0)
        low = np.minimum(below, 2 * proposal - above)
        high = np.maximum(above, 2 * proposal - below)
        bounds = goal.bounds
        low = np.clip(np.minimum(low, proposal), bounds.lower, bounds.upper)
        high = np.clip(np.maximum(high, proposal), bounds.lower, bounds.upper)
        intervals = {}
        for name, value, least, most in zip(
            goal.names,
            proposal.tolist(),
            low.tolist(),
            high.tolist(),
            strict=True,
        ):
            intervals[name] = Interval(value, least, most)
        return intervals

    def _unexplained(self, drawn: Array, importance: Array, noise: NoiseFloor | None) -> float:
        """Variance of the held-out residuals beyond the refits' own and the least of one run."""
        residuals = self.held_out @ importance
        scatter = drawn[:, 2:].var(axis=0, ddof=1).mean()
        unexplained = float((residuals**2).mean() - scatter)
        if noise is None:
            return max(0.0, unexplained)
        return max(0.0, unexplained - noise.low**2)


def refitted(
    full: Mixer,
    observations: Observations,
    rows: Rows,
    held_out: Array,
    draws: int,
    seed: int,
) -> Iterator[Mixer]:
    """Refits a mixer to its predictions plus resampled residuals, `draws` times.

    Draw b is a function of (seed, b) alone. A run's targets are resampled together.

    Args:
        rows: positions of the runs that the mixer reads.
        held_out: (rows, targets) their residuals.
    """
    predicted = full.predict(full.amounts_of(observations)[rows])
    centred = held_out - held_out.mean(axis=0)
    runs = len(rows)
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        picks = rng.integers(runs, size=runs)
        losses = observations.losses.copy()
        losses[rows] = predicted + centred[picks]
        yield full.refit(replace(observations, losses=losses))


def held_out_residuals(full: Mixer, observations: Observations, rows: Rows, seed: int) -> Array:
    """Returns (rows, targets) measured minus predicted, by refits without the run's fold."""
    runs = len(rows)
    folds = FOLDS
    if runs < 2 * FOLDS:
        folds = runs
    fold = np.random.default_rng(seed).permutation(runs) % folds
    everything = np.arange(len(observations.runs))
    residuals = np.empty((runs, len(observations.targets)))
    for k in range(int(fold.max()) + 1):
        out = rows[fold == k]
        inside = np.setdiff1d(everything, out)
        fitted = full.refit(observations.only(inside))
        amounts = fitted.amounts_of(observations)[out]
        predicted = fitted.predict(amounts)
        residuals[fold == k] = observations.losses[out] - predicted
    return residuals


def _second_opinion(mixer: str, observations: Observations, points: Array) -> Array | None:
    """(points, targets) losses by another form, fitted to the same runs.

    It is None for that form itself, or where it cannot be fitted: runs differ in length.
    """
    if mixer == SECOND:
        return None
    try:
        return mixers.create(SECOND).fit(observations).predict(points)
    except MixwrightError:
        return None
