"""A fitted mixer refitted to losses that could as well have been measured.

The intervals of a proposal follow from what the refits predict and propose.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
from scipy.special import stdtrit

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.goal import Goal, Proposal
from mixwright.learners import Metric
from mixwright.mixers.base import Mixer
from mixwright.mixers.laws.mixer import SAME_LENGTH
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.trust.folds import Rows
from mixwright.trust.intervals import LEVEL, Interval
from mixwright.trust.leverage import Cover
from mixwright.trust.noise import NoiseFloor
from mixwright.trust.odd_runs import OddRuns
from mixwright.trust.refitting import Refitting

# the mixer whose law is asked what it thinks of another mixer's proposal
SECOND = "effective-data"
# whose law is asked about the proposals of that one
THIRD = "additive"
# share of the squared residuals that is the form's at least
LEAST_FORM = 0.1
# runs at least whose residuals tell how far the form is off near the optimum
NEAR = 8

# (..., targets) what mixers minimise -> (...) one number of them; less is better
Reading = Callable[[Array], Array]


@dataclass(frozen=True)
class Refits:
    """What the full fit and its refits predict at some points, nats/token.

    Point 0 is the proposal, point 1 is natural (`Goal.reference`), and from 2 on they are the runs
    that it read.
    """

    # (points, targets) by the full fit
    full: Array
    # (draws, points, targets)
    losses: Array
    # (draws, domains) proposals
    weights: Array
    # (runs that it read, targets) what was measured, and residuals
    measured: Array
    held_out: Array
    # (runs that it read,) which lie far off what the others say
    odd: OddRuns
    # (2,) how far out the first two points lie, 1 being the mean of the runs
    leverage: Array
    # whether the points are as long as the runs: the best run is no measure of longer ones
    same_length: bool = True
    # (2, targets) what another form says of the first two points, and its mixer
    second: Array | None = None
    opponent: str = SECOND

    @classmethod
    def of(
        cls,
        refitting: Refitting,
        goal: Goal,
        proposal: Proposal,
        draws: int,
    ) -> "Refits":
        """Refits a mixer `draws` times to the runs that it read."""
        full, observations, rows = refitting.full, refitting.observations, refitting.rows
        held_out = refitting.residuals
        mixtures = np.stack([proposal.weights, goal.reference])
        total = float(np.median(observations.tokens[rows]))
        amounts = full.amounts_at(goal, mixtures, total)
        of_runs = full.amounts_of(observations)[rows]
        points = np.concatenate([amounts, of_runs])
        cover = Cover.of(observations.weights[rows])
        measured = observations.losses[rows]
        wanted = [goal.targets.get(target, 0.0) > 0 for target in observations.targets]
        odd = OddRuns.of(measured, held_out, cover.of_runs, np.array(wanted))
        losses = []
        weights = []
        for refit in refitting.refits(draws, odd):
            losses.append(refit.predict(points))
            weights.append(refit.propose(goal).weights)
        sound = observations.only(np.delete(np.arange(len(observations.runs)), rows[odd.odd]))
        opponent = SECOND
        if proposal.mixer == SECOND:
            opponent = THIRD
        return cls(
            full=full.predict(points),
            losses=np.stack(losses),
            weights=np.stack(weights),
            measured=measured,
            held_out=held_out,
            odd=odd,
            leverage=cover.leverage(mixtures),
            same_length=bool(np.allclose(amounts.sum(axis=1), total, rtol=SAME_LENGTH)),
            second=_second_opinion(second_form(opponent, sound), points[:2]),
            opponent=opponent,
        )

    def around(self, signs: Sequence[int], reading: Reading, form_error: float) -> Interval:
        """Returns a signed sum over proposal and natural of what is read of their losses.

        Its variance is that of the refits, plus the squares of their bias, of what the mixer
        cannot follow and of how far the second form is from it.

        Args:
            signs: of the proposal and of natural: [1, 0] is the loss at the proposal,
                [-1, 1] the gain over natural.
            reading: what is read of the losses.
            form_error: what `form_error` returns.
        """
        sign = np.array(signs)
        value = float(sign @ reading(self.full[:2]))
        drawn = reading(self.losses)
        sums = drawn[:, :2] @ sign
        bias = sums.mean() - value
        variance = sums.var(ddof=1) + bias**2 + form_error**2
        error = np.sqrt(variance)
        quantile = stdtrit(len(drawn) - 1, (1 + LEVEL) / 2)
        half = float(quantile * error)
        return Interval(value, value - half, value + half)

    def form_error(
        self,
        signs: Sequence[int],
        reading: Reading,
        noise: NoiseFloor | None,
        points: float = 1.0,
    ) -> float:
        """Returns the standard error of the same sum by what the mixer's form cannot follow.

        Args:
            signs: as in `around`.
            reading: what is read of the losses.
            noise: of one run, which counts for nothing that the mixer cannot follow.
            points: independent points that what the mixer cannot follow counts for.
        """
        sign = np.array(signs)
        unexplained = self._unexplained(reading(self.losses), reading, noise)
        variance = points * self._extrapolated(sign) * unexplained
        return sqrt(variance + self._apart(sign, reading) ** 2)

    def opinion(
        self, reading: Reading, metric: Metric, gain: Interval, of: str = ""
    ) -> tuple[str, ...]:
        """What the other form says of the gain, in words; nothing where none was asked.

        Of the law itself it is said only where it decides: the law claims a gain that the other
        form denies.

        Args:
            reading: what the gain is read by.
            metric: what it is a number of.
            gain: of the mixer.
            of: what it is of, as words after natural; empty: the mean of the targets.
        """
        if self.second is None:
            return ()
        sign = np.array([1, -1])
        second_gain = float(sign @ reading(self.second))
        way = 1
        if metric.higher:
            way = -1
        unit = f" {metric.unit}".rstrip()
        theirs = f"{way * second_gain:+.3f}{unit} against natural{of}"
        numbers = f"{theirs}, by its own {-way * gain.value:+.3f}"
        words = f"a second opinion: by {self.opponent}'s law this mixture is {numbers}"
        if self.opponent == THIRD:
            apart = abs(second_gain + gain.value)
            half = gain.high - gain.value
            if apart < half / 4 or gain.value >= half:
                return ()
            return (f"{words}; their forms differ more than the refits do",)
        return (
            words,
            "intervals of weights hold for its own form only:"
            " where that is wrong they miss the best weights",
        )

    def predictions(self, reading: Reading) -> tuple[Array, Array]:
        """Returns (runs,) what is read of each run, and of its prediction without it."""
        return reading(self.measured), reading(self.measured - self.held_out)

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

    def _extrapolated(self, sign: Array) -> float:
        """How many times as far off the form is as at the runs: farther out it errs more."""
        farther = np.maximum(1.0, self.leverage)
        return float(np.average(farther, weights=np.abs(sign)))

    def _apart(self, sign: Array, reading: Reading) -> float:
        """Error of the signed sum by the second form.

        Between a law and its opponent the truth may lie anywhere: the error is their difference
        over the root of 3. Other mixers are judged by the law, and differ from it in full.
        """
        if self.second is None:
            return 0.0
        difference = reading(self.second) - reading(self.full[:2])
        apart = float(sign @ difference)
        if self.opponent == THIRD:
            return apart / sqrt(3)
        return apart

    def _better(self, actual: Array) -> Rows:
        """Positions of the better half of the runs that are not odd, by what was measured."""
        good = np.flatnonzero(~self.odd.odd)
        order = np.argsort(actual[good], kind="stable")
        return good[order[: max(NEAR, len(good) // 2)]]

    def _unexplained(self, drawn: Array, reading: Reading, noise: NoiseFloor | None) -> float:
        """Variance of the held-out residuals beyond the refits' own and the least of one run.

        It is that of the better half of the runs: starved mixtures, which nobody would propose,
        are missed by most. A share of the residuals is the form's, however large the scatter:
        it is what a mixture far outside the runs is doubted by.
        """
        actual, predicted = self.predictions(reading)
        residuals = actual - predicted
        scatter = drawn[:, 2:].var(axis=0, ddof=1)
        good = np.flatnonzero(~self.odd.odd)
        better = self._better(actual)
        squares = residuals[better] ** 2
        missed = float(squares.mean())
        unexplained = missed - float(scatter[good].mean())
        if noise is not None:
            unexplained -= noise.low**2
        return max(LEAST_FORM * missed, unexplained)


def second_form(mixer: str, observations: Observations) -> Mixer | None:
    """Returns another form fitted to the same runs; None where their lengths forbid it."""
    quiet = replace(observations, derived=True)
    try:
        return mixers.create(mixer).fit(quiet)
    except MixwrightError:
        return None


def _second_opinion(second: Mixer | None, points: Array) -> Array | None:
    """(points, targets) losses by another form; None where there is none."""
    if second is None:
        return None
    return second.predict(points)
