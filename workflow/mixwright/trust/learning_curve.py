"""How many more proxies? A mixer's held-out rank correlation and regret by the number of runs.

They are measured over nested subsets of the runs, and carried on by a power law.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.goal import Readout
from mixwright.learners import LOSS
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman_of_rows
from mixwright.observations import Observations
from mixwright.simplex.alike import mixture_folds
from mixwright.study.learning import LEAST_RUNS
from mixwright.trust.deficit_laws import FLOORS, power_laws
from mixwright.trust.intervals import fisher_interval
from mixwright.trust.noise import target_weights

# a quarter more runs that raise the rank correlation by less are not worth training
WORTH = 0.005
# a change of a rank correlation that nothing shows in three digits
NOTHING = 0.0005
# resamples of the held-out runs
DRAWS = 200
GOLDEN = (5**0.5 - 1) / 2
# the ends of a 95% interval
ENDS = (0.025, 0.975)


@dataclass(frozen=True)
class Raise:
    """What `more` runs would add to the rank correlation, with its 95% interval."""

    more: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """Measures at each number of training runs.

    Every run is predicted by fits that have not seen it, at every size.
    """

    mixer: str
    # runs that there are
    runs: int
    # numbers of runs that fits were trained on
    sizes: tuple[int, ...]
    # (sizes,) weighted mean of the targets
    spearman: Array
    # (sizes,) of the objective as shown: the pick among the held-out runs against their best
    regret: Array
    # (draws, sizes) spearman over resampled held-out runs
    resampled: Array
    # of the regret
    unit: str = LOSS.unit

    @cached_property
    def _laws(self) -> tuple[Array, Array]:
        """(1 + draws, floors, 3) power laws of 1 - spearman and (1 + draws, floors) weights.

        The first are the curve's own, spread by belief. Then come those of its resamples, each
        at one floor drawn by belief (at evenly spread quantiles).
        """
        sizes = np.array(self.sizes, dtype=np.float64)
        all_laws = []
        all_beliefs = []
        for curve in (self.spearman, *self.resampled):
            laws, belief = power_laws(sizes, 1 - curve)
            all_laws.append(laws)
            all_beliefs.append(belief)
        beliefs = np.stack(all_beliefs)
        draws = np.arange(len(self.resampled))
        quantiles = (draws * GOLDEN % 1)[:, None]
        cumulated = np.cumsum(beliefs[1:], axis=1)
        below = cumulated < quantiles * (1 - 1e-9)
        one_floor = np.eye(len(FLOORS))
        drawn = one_floor[below.sum(axis=1)]
        weights = np.concatenate([beliefs[:1], drawn])
        return np.stack(all_laws), weights

    def at(self, runs: float) -> Array:
        """Returns (1 + draws,) rank correlations that the power laws expect of so many runs."""
        laws, weights = self._laws
        floor = laws[..., 0]
        scale = laws[..., 1]
        power = laws[..., 2]
        deficits = floor + scale * float(runs) ** -power
        mean = (weights * deficits).sum(axis=1)
        return 1 - mean

    def raised_by(self, more: int, runs: int | None = None) -> Raise:
        """Returns what `more` runs add to `runs` (none: all there are), by the power law."""
        start = runs or self.runs
        before = self.at(start)
        after = self.at(start + more)
        gains = after - before
        value = float(gains[0])
        low, high = np.quantile(gains[1:], ENDS)
        ends = (float(min(low, value)), float(max(high, value)))
        return Raise(more, value, *ends)

    def enough(self, worth: float = WORTH, most: int = 64) -> int | None:
        """Returns the number of runs at which to stop.

        It is the least one, not under those there are, at which a quarter more raises the rank
        correlation by less than `worth`; None if `most` times the runs are not enough.
        """
        factors = np.geomspace(1, most, 200)
        tried = np.round(self.runs * factors).astype(int)
        for runs in np.unique(tried).tolist():
            step = self.raised_by(_quarter(runs), runs)
            if step.value < worth:
                return int(runs)
        return None

    def answer(self, more: int | None = None, worth: float = WORTH) -> str:
        """Returns whether to train `more` runs (none: a quarter more), in words.

        Such as `24 more runs would raise the rank correlation by about 0.003 [0.001, 0.005],
        to 0.989: stop`.
        """
        step = self.raised_by(more or _quarter(self.runs))
        after = self.at(self.runs + step.more)
        expected = after[0]
        sentence = f"{step.more} more runs would {_raise(step)}, to {expected:.3f}"
        if step.high < NOTHING:
            sentence = f"{step.more} more runs would leave the rank correlation at {expected:.3f}"
        if step.value < worth:
            rank = fisher_interval(float(self.spearman[-1]), self.runs)
            if rank.low <= 0:
                return f"{sentence}, no better than chance: train longer runs, not more"
            return f"{sentence}: stop"
        enough = self.enough(worth)
        if enough is None:
            return f"{sentence}: go on"
        return f"{sentence}: go on, to about {enough} runs in all"

    def _expected(self, runs: int) -> dict[str, float]:
        """The rank correlation that is expected of so many runs, with its 95% interval."""
        value, *drawn = self.at(runs).tolist()
        low, high = np.quantile(drawn, ENDS)
        ends = {"low": min(float(low), value), "high": min(1.0, max(float(high), value))}
        return {"runs": runs, "spearman": value, **ends}

    def as_json(self, more: int | None = None, worth: float = WORTH) -> dict[str, Any]:
        """Returns the points, the worth of the next runs by the power law, and the answer."""
        low, high = np.quantile(self.resampled, ENDS, axis=0)
        points = []
        for number, size in enumerate(self.sizes):
            point = {
                "runs": int(size),
                "spearman": float(self.spearman[number]),
                "low": float(low[number]),
                "high": float(high[number]),
                "regret": float(self.regret[number]),
            }
            points.append(point)
        return {
            "mixer": self.mixer,
            "runs": self.runs,
            "points": points,
            "regret_unit": self.unit,
            "next": vars(self.raised_by(more or _quarter(self.runs))),
            "expected": self._expected(self.runs + (more or _quarter(self.runs))),
            "enough": self.enough(worth),
            "answer": self.answer(more, worth),
        }


def no_curve(name: str, runs: int) -> dict[str, Any]:
    """Returns the record of a mixer whose runs are too few for a curve, as `as_json` has it."""
    return {
        "mixer": name,
        "runs": runs,
        "points": [],
        "regret_unit": LOSS.unit,
        "next": vars(Raise(more=0, value=0.0, low=0.0, high=0.0)),
        "expected": None,
        "enough": None,
        "answer": f"{runs} runs are too few for a curve: it takes {LEAST_RUNS}",
    }


def learning_curve(
    name: str,
    settings: Mapping[str, Any],
    observations: Observations,
    targets: Mapping[str, float] | None = None,
    sizes: Sequence[int] = (),
    folds: int = 8,
    seed: int = 0,
) -> LearningCurve:
    """Fits a mixer on nested subsets of each fold's training runs, and predicts the fold.

    The subsets of a fold are the first runs of an order that is the fold's own.

    Args:
        targets: target -> weight; none: all count alike.
        sizes: numbers of runs to train on; none: six, evenly spaced in their logarithm.
        folds: parts that the runs are held out in; runs of one mixture are in one part.

    Raises:
        MixwrightError: the mixer has no curve, there are too few runs, or a size is too large.
    """
    swarm = _swarm(name, observations)
    runs = len(swarm.runs)
    rng = np.random.default_rng(seed)
    fold = mixture_folds(swarm.weights, folds, rng)
    most = runs - int(np.bincount(fold).max())
    sizes = tuple(sorted(set(sizes))) or _sizes(runs, most)
    if len(sizes) < 3 or sizes[-1] > most:
        names = ", ".join(map(str, sizes))
        raise MixwrightError(f"learning curve: sizes {names}; name three or more up to {most} runs")
    mixer = mixers.create(name, settings)
    predicted = _held_out(
        mixer,
        swarm,
        sizes,
        fold,
        rng,
    )
    weights = _shares(swarm, targets)
    rng = np.random.default_rng([seed, 1])
    resampled = []
    for rows in rng.integers(runs, size=(DRAWS, runs)):
        ranks = _spearman(swarm.losses[rows], predicted[:, rows], weights)
        resampled.append(ranks)
    predicted_objective = predicted @ weights
    picks = predicted_objective.argmin(axis=1)
    readout = Readout.of(_weights(swarm, targets), swarm.targets, swarm.metrics)
    objective = readout.objective(swarm.losses)
    if readout.metric.higher:
        regret = objective.max() - objective[picks]
    else:
        regret = objective[picks] - objective.min()
    return LearningCurve(
        mixer=name,
        runs=runs,
        sizes=sizes,
        spearman=_spearman(swarm.losses, predicted, weights),
        regret=regret,
        resampled=np.stack(resampled),
        unit=readout.metric.unit,
    )


def _swarm(name: str, observations: Observations) -> Observations:
    """The swarm runs in the order of their names, if they can have a curve."""
    entry = mixers.entry(name)
    if "swarm" not in entry.reads or not entry.predicts:
        raise MixwrightError(
            f"learning curve: {name} does not learn to predict from a swarm;"
            " name a mixer that does, such as effective-data"
        )
    swarm = observations.of_role("swarm")
    runs = len(swarm.runs)
    if runs < LEAST_RUNS:
        problem = f"{runs} swarm runs are too few"
        raise MixwrightError(f"learning curve: {problem}; train at least {LEAST_RUNS}")
    return swarm.only(np.argsort(np.array(swarm.runs)))


def _held_out(
    mixer: Mixer,
    swarm: Observations,
    sizes: Sequence[int],
    fold: NDArray[np.int64],
    rng: np.random.Generator,
) -> Array:
    """(sizes, runs, targets) predictions of each run by fits without its fold."""
    predicted = np.empty((len(sizes), *swarm.losses.shape))
    for k in range(int(fold.max()) + 1):
        held_out = fold == k
        order: NDArray[np.int64] = rng.permutation(np.flatnonzero(~held_out))
        for row, size in enumerate(sizes):
            subset = np.sort(order[:size])
            fitted = mixer.fit(swarm.only(subset))
            amounts = fitted.amounts_of(swarm)[held_out]
            predicted[row, held_out] = fitted.predict(amounts)
    return predicted


def _sizes(runs: int, most: int) -> tuple[int, ...]:
    """Six sizes, evenly spaced in their logarithm, from a fifth of the runs (at least 12) on."""
    least = max(12, runs // 5)
    spaced = np.geomspace(least, most, 6)
    rounded = np.round(spaced).astype(int)
    return tuple(np.unique(rounded).tolist())


def _weights(swarm: Observations, targets: Mapping[str, float] | None) -> Mapping[str, float]:
    """Target -> weight; all count alike where nothing was said."""
    if targets is None:
        return dict.fromkeys(swarm.targets, 1.0)
    return targets


def _shares(swarm: Observations, targets: Mapping[str, float] | None) -> Array:
    """(targets,) weights that sum to 1."""
    targets = _weights(swarm, targets)
    unknown = sorted(set(targets) - set(swarm.targets))
    if unknown:
        remedy = f"choose among {', '.join(swarm.targets)}"
        raise MixwrightError(f"learning curve: target {unknown[0]} was never measured; {remedy}")
    weights = target_weights(targets, swarm.targets)
    return weights / weights.sum()


def _spearman(actual: Array, predicted: Array, weights: Array) -> Array:
    """(sizes,) weighted mean over the targets; a constant ranks nothing.

    `actual` is (runs, targets), `predicted` (sizes, runs, targets).
    """
    by_target = np.swapaxes(predicted, 1, 2)
    ranks = spearman_of_rows(actual.T, by_target)
    return ranks @ weights


def _raise(step: Raise) -> str:
    """What more runs would do, in words; what rounds to nothing is called so."""
    words = "raise the rank correlation by"
    if step.value < NOTHING:
        return f"{words} less than 0.001 [{step.low:.3f}, {step.high:.3f}]"
    return f"{words} about {step.value:.3f} [{step.low:.3f}, {step.high:.3f}]"


def _quarter(runs: int) -> int:
    return max(1, round(runs / 4))
