"""How many more proxies? Held-out rank correlation and regret of a mixer over nested subsets of the runs, carried on by a power law."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright import mixers
from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.numerics.rank_correlation import spearman_of_rows
from mixwright.observations import Observations

LEAST_RUNS = 24
WORTH = 0.005  # a quarter more runs that raise the rank correlation by less are not worth training
DRAWS = 200  # resamples of the held-out runs
GOLDEN = (5**0.5 - 1) / 2
FLOORS = np.linspace(
    0.0, 0.95, 20
)  # tried shares of the smallest deficit that no number of runs takes away


@dataclass(frozen=True)
class Raise:
    """What `more` runs would add to the rank correlation, with its 95% interval."""

    more: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class LearningCurve:
    """Measures at each number of training runs; every run is predicted by fits that have not seen it, at every size."""

    mixer: str
    runs: int  # that there are
    sizes: tuple[int, ...]  # trained on
    spearman: Array  # (sizes,) weighted mean of the targets
    regret: Array  # (sizes,) of the objective, nats/token: the pick among the held-out runs minus their best
    resampled: Array  # (draws, sizes) spearman over resampled held-out runs

    @cached_property
    def _laws(self) -> tuple[Array, Array]:
        """(1 + draws, floors, 3) power laws of 1 - spearman and (1 + draws, floors) weights: the curve's own, spread by belief, then
        those of its resamples, each at one floor drawn by belief (at evenly spread quantiles)."""
        sizes = np.array(self.sizes, dtype=np.float64)
        laws, beliefs = (
            np.stack(part)
            for part in zip(
                *(_power_laws(sizes, 1 - c) for c in (self.spearman, *self.resampled)), strict=True
            )
        )
        quantiles = (np.arange(len(self.resampled)) * GOLDEN % 1)[:, None]
        drawn = (np.cumsum(beliefs[1:], axis=1) < quantiles * (1 - 1e-9)).sum(axis=1)
        return laws, np.concatenate([beliefs[:1], np.eye(len(FLOORS))[drawn]])

    def at(self, runs: float) -> Array:
        """(1 + draws,) rank correlations that the power laws expect of so many runs."""
        laws, weights = self._laws
        return 1 - (weights * (laws[..., 0] + laws[..., 1] * float(runs) ** -laws[..., 2])).sum(
            axis=1
        )

    def raised_by(self, more: int, runs: int | None = None) -> Raise:
        """What `more` runs add to `runs` (all there are), by the power law."""
        here = runs or self.runs
        gains = self.at(here + more) - self.at(here)
        low, high = np.quantile(gains[1:], [0.025, 0.975])
        return Raise(more, float(gains[0]), float(min(low, gains[0])), float(max(high, gains[0])))

    def enough(self, worth: float = WORTH, most: int = 64) -> int | None:
        """The least number of runs, not under those there are, where a quarter more raises the rank correlation by less than `worth`;
        None if `most` times the runs are not enough."""
        tried = np.unique(np.round(self.runs * np.geomspace(1, most, 200)).astype(int))
        return next(
            (int(n) for n in tried if self.raised_by(_quarter(n), int(n)).value < worth), None
        )

    def answer(self, more: int | None = None, worth: float = WORTH) -> str:
        """`24 more runs would raise the rank correlation by about 0.003 [0.001, 0.005], to 0.989: stop`."""
        step = self.raised_by(more or _quarter(self.runs))
        said = f"{step.more} more runs would raise the rank correlation by about {step.value:.3f} [{step.low:.3f}, {step.high:.3f}]"
        said += f", to {self.at(self.runs + step.more)[0]:.3f}: "
        if step.value < worth:
            return said + "stop"
        enough = self.enough(worth)
        return said + ("go on" if enough is None else f"go on, to about {enough} runs in all")

    def as_json(self, more: int | None = None, worth: float = WORTH) -> dict[str, Any]:
        """Points, power law, the next quarter's worth and the answer."""
        low, high = np.quantile(self.resampled, [0.025, 0.975], axis=0)
        columns = {
            "runs": self.sizes,
            "spearman": self.spearman,
            "low": low,
            "high": high,
            "regret": self.regret,
        }
        return {
            "mixer": self.mixer,
            "runs": self.runs,
            "points": [
                dict(zip(columns, (int(row[0]), *map(float, row[1:])), strict=True))
                for row in zip(*columns.values(), strict=True)
            ],
            "next": vars(self.raised_by(more or _quarter(self.runs))),
            "enough": self.enough(worth),
            "answer": self.answer(more, worth),
        }


def learning_curve(
    name: str,
    settings: Mapping[str, Any],
    seen: Observations,
    targets: Mapping[str, float] | None = None,
    sizes: Sequence[int] = (),
    folds: int = 8,
    seed: int = 0,
) -> LearningCurve:
    """Fits the mixer on nested subsets of each fold's training runs, in an order of the fold's own, and predicts the fold; `targets` and
    their weights are alike by default."""
    if "swarm" not in mixers.entry(name).reads or not mixers.entry(name).predicts:
        raise MixwrightError(
            f"learning curve: {name} does not learn to predict from a swarm; name a mixer that does, such as effective-data"
        )
    swarm = seen.of_role("swarm")
    swarm = swarm.only(np.argsort(np.array(swarm.runs)))
    runs = len(swarm.runs)
    if runs < LEAST_RUNS:
        raise MixwrightError(
            f"learning curve: {runs} swarm runs are too few; train at least {LEAST_RUNS}"
        )
    sizes = tuple(sorted(set(sizes))) or _sizes(runs, folds)
    if len(sizes) < 3 or sizes[-1] > runs - -(-runs // folds):
        raise MixwrightError(
            f"learning curve: sizes {', '.join(map(str, sizes))}; name three or more up to {runs - -(-runs // folds)} runs"
        )
    predicted = _held_out(mixers.create(name, settings), swarm, sizes, folds, seed)
    weights = _target_weights(swarm, targets)
    rng = np.random.default_rng([seed, 1])
    draws = [
        _spearman(swarm.losses[rows], predicted[:, rows], weights)
        for rows in rng.integers(runs, size=(DRAWS, runs))
    ]
    picks = (predicted @ weights).argmin(axis=1)
    objective = swarm.losses @ weights
    spearman = _spearman(swarm.losses, predicted, weights)
    return LearningCurve(
        name, runs, sizes, spearman, objective[picks] - objective.min(), np.stack(draws)
    )


def _held_out(
    mixer: Any, swarm: Observations, sizes: Sequence[int], folds: int, seed: int
) -> Array:
    """(sizes, runs, targets) predictions of each run by fits without its fold."""
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(swarm.runs)) % folds
    predicted = np.empty((len(sizes), *swarm.losses.shape))
    for k in range(folds):
        order: NDArray[np.int64] = rng.permutation(np.flatnonzero(fold != k))
        for row, size in enumerate(sizes):
            fitted = mixer.fit(swarm.only(np.sort(order[:size])))
            predicted[row, fold == k] = fitted.predict(fitted.amounts_of(swarm)[fold == k])
    return predicted


def _sizes(runs: int, folds: int) -> tuple[int, ...]:
    """Six sizes, evenly spaced in their logarithm, from a fifth of the runs (at least 12) to what a fold leaves."""
    most = runs - -(-runs // folds)
    return tuple(
        int(size)
        for size in np.unique(np.round(np.geomspace(max(12, runs // 5), most, 6)).astype(int))
    )


def _target_weights(swarm: Observations, targets: Mapping[str, float] | None) -> Array:
    unknown = sorted(set(targets or {}) - set(swarm.targets))
    if unknown:
        raise MixwrightError(
            f"learning curve: target {unknown[0]} was never measured; choose among {', '.join(swarm.targets)}"
        )
    weights = np.array(
        [1.0 if targets is None else targets.get(target, 0.0) for target in swarm.targets]
    )
    return weights / weights.sum()


def _spearman(actual: Array, predicted: Array, weights: Array) -> Array:
    """(sizes,) weighted mean over the targets; a constant ranks nothing."""
    return spearman_of_rows(actual.T, np.swapaxes(predicted, 1, 2)) @ weights


def _power_laws(sizes: Array, deficit: Array) -> tuple[Array, Array]:
    """(floors, 3) power laws floor + scale n^-power, none rising, by least squares of the logarithms, one a floor on a grid; and how far
    the points believe each floor, (1 / squared error)^(sizes / 2), summing to 1."""
    deficit = np.maximum(deficit, 1e-6)
    floors = FLOORS * deficit.min()
    centre = np.log(sizes).mean()
    logs, x = np.log(deficit - floors[:, None]), np.log(sizes) - centre
    power = np.clip(-(logs @ x) / (x @ x), 0.0, 4.0)
    scale = np.exp(logs.mean(axis=1) + power * centre)
    fitted = floors[:, None] + scale[:, None] * sizes ** -power[:, None]
    error = ((np.log(fitted) - np.log(deficit)) ** 2).sum(axis=1) + 1e-12
    belief = (error.min() / error) ** (len(sizes) / 2)
    return np.stack([floors, scale, power], axis=1), belief / belief.sum()


def _quarter(runs: int) -> int:
    return max(1, round(runs / 4))
