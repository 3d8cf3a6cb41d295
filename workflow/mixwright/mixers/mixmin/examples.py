"""A goal's examples, weighted by target, and what they say of a mixture of the proxies: its losses, its gain, how far to trust both."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from mixwright.goal import Goal
from mixwright.mixers.mixmin.solver import resolve
from mixwright.mixture import Array

LEVEL = 0.95
GROUPED = (
    20  # draws at most where sums of groups are kept: solving again then takes a third of a second
)


@dataclass(frozen=True)
class Examples:
    """All targets' examples one below the other; a target's importance is shared by its examples, over their scored tokens."""

    values: Array  # (examples, domains) nats
    importance: Array  # (examples,) a_j
    target: NDArray[np.int64]  # (examples,) position among the fit's targets

    @classmethod
    def of(cls, values: Sequence[Array], scored: Sequence[Array], importance: Array) -> "Examples":
        """Those of targets with importance; a target without examples is left out."""
        chosen = [
            k for k in np.flatnonzero(importance).tolist() if k < len(values) and len(values[k])
        ]
        if not chosen:
            return cls(np.zeros((0, 0)), np.zeros(0), np.zeros(0, np.int64))
        a = np.concatenate([importance[k] / (len(scored[k]) * scored[k]) for k in chosen])
        return cls(
            np.concatenate([values[k] for k in chosen]),
            a,
            np.repeat(chosen, [len(scored[k]) for k in chosen]),
        )

    def only(self, rows: NDArray[np.bool_]) -> "Examples":
        return Examples(self.values[rows], self.importance[rows], self.target[rows])

    def losses(self, weights: Array) -> Array:
        """(mixtures,) weighted nats/token."""
        return np.array(
            [-float(self.importance @ logsumexp(self.values, axis=1, b=w)) for w in weights]
        )

    def gains(self, weights: Array, natural: Array) -> Array:
        """(examples,) weighted gain in nats/token of one mixture over another; they sum to the gain."""
        better, worse = (logsumexp(self.values, axis=1, b=w) for w in (weights, natural))
        return np.asarray(self.importance * (better - worse))

    def least(self, importance: Array) -> int:
        """Examples of the target that has fewest, of those with importance."""
        return min(int((self.target == k).sum()) for k in np.flatnonzero(importance))

    def folds(self, count: int, seed: int) -> NDArray[np.int64]:
        """(examples,) a fold each; every fold holds every target."""
        fold = np.empty(len(self.target), dtype=np.int64)
        for target in np.unique(self.target):
            rows = np.flatnonzero(self.target == target)
            fold[rows] = np.random.default_rng([seed, int(target)]).permutation(len(rows)) % count
        return fold

    def resampled(self, draws: int, seed: int) -> NDArray[np.int64]:
        """(draws, examples) times that each example is drawn: as many of a target as it has, with replacement."""
        times = np.zeros((draws, len(self.target)), dtype=np.int64)
        for target in np.unique(self.target):
            rows = np.flatnonzero(self.target == target)
            times[:, rows] = np.random.default_rng([seed, int(target)]).multinomial(
                len(rows), np.full(len(rows), 1 / len(rows)), draws
            )
        return times


def gain_note(each: Array, tau: float, where: str) -> str:
    """One sentence: the sum of `each` example's gain over natural, with its standard error."""
    mean, error = float(each.sum()), float(np.sqrt(len(each)) * each.std())
    verdict = "gain over natural" if mean > 2 * error else "no gain over natural"
    return f"{verdict} on {where}: {mean:+.4f} +- {error:.4f} nats/token of the mixed proxies (pull to natural {tau:g})"


def intervals(
    choosing: Examples,
    told: Examples,
    gains: Array,
    goal: Goal,
    weights: Array,
    tau: float,
    targets: Sequence[str],
    draws: int,
) -> dict[str, Any]:
    """In the form of bootstrap.Bootstrap.as_json: weights by solving again for resampled examples that choose; the losses of the proposal,
    held fixed, and the `gains` (examples,) over natural on resampled examples `told`. Another training of the proxies is not in it.
    """
    draws = min(draws, GROUPED) if goal.bounds.groups else draws
    times = choosing.resampled(draws, goal.seed)
    again = resolve(
        choosing.values, choosing.importance * times, goal.bounds, goal.natural, tau, start=weights
    )
    counted = told.resampled(draws, goal.seed + 1)
    loss = -told.importance * logsumexp(told.values, axis=1, b=weights)
    gain = _interval(gains, counted)
    verdict = "no gain over natural" if gain["low"] <= 0 else "better than natural"
    low, high = np.quantile(np.vstack([again, weights]), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    bounds = zip(
        goal.names,
        np.minimum(low, weights).tolist(),
        np.maximum(high, weights).tolist(),
        strict=True,
    )
    return {
        "level": LEVEL,
        "draws": draws,
        "weights": {name: [at_least, at_most] for name, at_least, at_most in bounds},
        "predicted": {
            targets[k]: _ends(
                loss[told.target == k] / goal.targets[targets[k]], counted[:, told.target == k]
            )
            for k in np.unique(told.target).tolist()
        },
        "objective": _interval(loss, counted),
        "gain": gain,
        "noise": None,
        "verdict": f"{verdict}: {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}] nats/token of the mixed proxies",
    }


def _interval(each: Array, times: NDArray[np.int64]) -> dict[str, float]:
    """The sum and its interval over draws."""
    low, high = _ends(each, times)
    return {"value": float(each.sum()), "low": low, "high": high}


def _ends(each: Array, times: NDArray[np.int64]) -> list[float]:
    return [float(end) for end in np.quantile(times @ each, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])]
