"""A goal's examples, weighted by target, and what they say of a mixture of the proxies.

They give the mixture's loss and its gain over natural, and how far to trust both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixers.mixmin.solver import resolve
from mixwright.mixture import Array
from mixwright.observations import Observations

LEVEL = 0.95
# What losses and gains are of: no model's, so that they rank mixtures and forecast nothing.
MIXED = "mixed proxies"
# Draws at most where sums of groups are kept: solving again then takes a third of a second each.
GROUPED = 20


@dataclass(frozen=True)
class GoalExamples:
    """All targets' examples one below the other.

    An example of target k weighs a_j = importance_k / (examples of k * scored tokens of j), so
    that sum_j a_j (-log likelihood) is the goal's weighted loss in nats/token.
    """

    # (examples, domains) log-likelihoods under the proxies, nats
    values: Array
    # (examples,) a_j
    importance: Array
    # (examples,) position among the fit's targets
    target: NDArray[np.int64]

    @classmethod
    def of(
        cls, values: Sequence[Array], scored: Sequence[Array], importance: Array
    ) -> "GoalExamples":
        """Takes the examples of the targets with importance.

        Args:
            values: of each target (examples, domains) nats; a target may have no examples.
            scored: of each target (examples,) scored tokens.
            importance: (targets,) weights in the goal.
        """
        weighed = np.flatnonzero(importance).tolist()
        chosen = [k for k in weighed if k < len(values) and len(values[k])]
        if not chosen:
            return cls(np.zeros((0, 0)), np.zeros(0), np.zeros(0, np.int64))
        weights = []
        counts = []
        for k in chosen:
            count = len(scored[k])
            weights.append(importance[k] / (count * scored[k]))
            counts.append(count)
        return cls(
            values=np.concatenate([values[k] for k in chosen]),
            importance=np.concatenate(weights),
            target=np.repeat(chosen, counts),
        )

    def only(self, rows: NDArray[np.bool_]) -> "GoalExamples":
        """Returns the examples where `rows` (examples,) is true."""
        return GoalExamples(
            values=self.values[rows],
            importance=self.importance[rows],
            target=self.target[rows],
        )

    def by_target(self) -> dict[int, NDArray[np.bool_]]:
        """Returns position among the fit's targets -> (examples,) whether they are its own."""
        rows = {}
        for k in np.unique(self.target).tolist():
            rows[k] = self.target == k
        return rows

    def losses(self, weights: Array) -> Array:
        """Returns (mixtures,) losses, nats/token, of (mixtures, domains) weights."""
        losses = []
        for w in weights:
            likelihood = logsumexp(self.values, axis=1, b=w)
            losses.append(-float(self.importance @ likelihood))
        return np.array(losses)

    def gains(self, weights: Array, natural: Array) -> Array:
        """Returns (examples,) weighted gains of one mixture over another.

        They sum to the gain in nats/token. Both mixtures are (domains,).
        """
        better = logsumexp(self.values, axis=1, b=weights)
        worse = logsumexp(self.values, axis=1, b=natural)
        return np.asarray(self.importance * (better - worse))

    def fewest(self, importance: Array) -> int:
        """Returns how many examples the target with fewest has, among those with importance."""
        counts = []
        for k in np.flatnonzero(importance):
            rows = self.target == k
            counts.append(int(rows.sum()))
        return min(counts)

    def folds(self, count: int, seed: int) -> NDArray[np.int64]:
        """Returns (examples,) the fold of each example; every fold holds every target."""
        fold = np.empty(len(self.target), dtype=np.int64)
        for rows, rng in self._targets(seed):
            fold[rows] = rng.permutation(len(rows)) % count
        return fold

    def resampled(self, draws: int, seed: int) -> NDArray[np.int64]:
        """Returns (draws, examples) how often each example is drawn.

        A draw takes as many examples of a target as it has, with replacement.
        """
        times = np.zeros((draws, len(self.target)), dtype=np.int64)
        for rows, rng in self._targets(seed):
            count = len(rows)
            equal = np.full(count, 1 / count)
            times[:, rows] = rng.multinomial(count, equal, draws)
        return times

    def _targets(self, seed: int) -> Iterator[tuple[NDArray[np.int64], np.random.Generator]]:
        """Of each target the rows of its examples, and random numbers of its own."""
        for target in np.unique(self.target).tolist():
            rows = np.flatnonzero(self.target == target)
            yield rows, np.random.default_rng([seed, target])


def scored_targets(observations: Observations) -> tuple[str, ...]:
    """Returns the targets that have log-likelihoods, sorted; there must be one."""
    if not observations.likelihoods:
        raise MixwrightError(
            "MixMin needs the log-likelihoods of the vertex runs and there are none;"
            " train the vertex design"
        )
    return tuple(sorted(observations.likelihoods))


def refuse_nan(target: str, values: Array) -> None:
    """Refuses log-likelihoods (examples, domains) of a target that hold a NaN."""
    if np.isnan(values).any():
        raise MixwrightError(f"MixMin: target {target} has a log-likelihood of NaN; score it again")


def gain_note(gains: Array, tau: float, where: str) -> str:
    """Returns a sentence: the sum of (examples,) gains over natural, with its standard error."""
    mean = float(gains.sum())
    error = float(np.sqrt(len(gains)) * gains.std())
    verdict = "gain over natural" if mean > 2 * error else "no gain over natural"
    return (
        f"{verdict} on {where}: {mean:+.4f} +- {error:.4f} nats/token of the mixed proxies"
        f" (pull to natural {tau:g})"
    )


def intervals(
    choosing: GoalExamples,
    judging: GoalExamples,
    gains: Array,
    goal: Goal,
    weights: Array,
    tau: float,
    targets: Sequence[str],
    draws: int,
) -> dict[str, Any]:
    """Returns 95 % intervals by resampling examples, in the form of `Bootstrap.as_json`.

    The weights' are over mixtures solved again for resampled examples. Those of losses and of the
    gain over natural hold the proposal fixed. Another training of the proxies is not in them.

    Args:
        choosing: examples that chose the mixture.
        judging: examples that losses and gain are read from.
        gains: (judging examples,) gains over natural.
        goal: its bounds, seed and targets' weights count.
        weights: (domains,) the proposal.
        tau: pull to natural, relative to the sum of example weights.
        targets: names of the fit's targets.
        draws: how often to resample.
    """
    if goal.bounds.groups:
        draws = min(draws, GROUPED)
    times = judging.resampled(draws, goal.seed + 1)
    loglikelihoods = logsumexp(judging.values, axis=1, b=weights)
    losses = -judging.importance * loglikelihoods
    predicted = {}
    for k in np.unique(judging.target).tolist():
        rows = judging.target == k
        name = targets[k]
        alone = losses[rows] / goal.targets[name]
        predicted[name] = _ends(alone, times[:, rows])
    gain = _interval(gains, times)
    verdict = "no gain over natural" if gain["low"] <= 0 else "better than natural"
    return {
        "level": LEVEL,
        "of": MIXED,
        "draws": draws,
        "weights": _weight_intervals(choosing, goal, weights, tau, draws),
        "predicted": predicted,
        "objective": _interval(losses, times),
        "gain": gain,
        "noise": None,
        "verdict": (
            f"{verdict}: {gain['value']:+.3f} [{gain['low']:+.3f}, {gain['high']:+.3f}]"
            " nats/token of the mixed proxies"
        ),
    }


def _weight_intervals(
    choosing: GoalExamples, goal: Goal, weights: Array, tau: float, draws: int
) -> dict[str, list[float]]:
    """Domain -> interval of its weight over resampled examples; it holds the proposal's weight."""
    importance = choosing.importance * choosing.resampled(draws, goal.seed)
    again = resolve(
        choosing.values,
        importance,
        goal.bounds,
        prior=goal.natural,
        tau=tau,
        start=weights,
    )
    mixtures = np.vstack([again, weights])
    low, high = np.quantile(mixtures, _tails(), axis=0)
    low = np.minimum(low, weights)
    high = np.maximum(high, weights)
    ends = np.stack([low, high], axis=1)
    return dict(zip(goal.names, ends.tolist(), strict=True))


def _interval(values: Array, times: NDArray[np.int64]) -> dict[str, float]:
    """The sum of (examples,) values and its interval over (draws, examples) draws."""
    low, high = _ends(values, times)
    return {"value": float(values.sum()), "low": low, "high": high}


def _ends(values: Array, times: NDArray[np.int64]) -> list[float]:
    """The ends of the sum's interval over (draws, examples) draws; it holds the sum itself."""
    sums = times @ values
    value = float(values.sum())
    low, high = np.quantile(sums, _tails()).tolist()
    return [min(low, value), max(high, value)]


def _tails() -> list[float]:
    """The two quantiles that enclose LEVEL."""
    low = (1 - LEVEL) / 2
    high = (1 + LEVEL) / 2
    return [low, high]
