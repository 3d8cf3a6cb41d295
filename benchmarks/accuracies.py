"""Regret of proposals for accuracies with binomial noise, as a share of uniform's.

Planted tables: 64 runs over 5, 8 and 14 domains, three tasks of 200 or 1,000 questions, four
answers a question. A task's true accuracy is a function of a planted loss: a logistic one, or an
exponential one, each above chance or from 0 on. The scales on which mixers could minimise accuracy
are compared by what their proposals gain in true mean accuracy.

OMP_NUM_THREADS=1 python benchmarks/accuracies.py      # about three minutes of one core

A line on stderr shows the progress.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from mixwright.goal import Goal
from mixwright.learners import Metric
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds

RUNS, TASKS, SEEDS = 64, 3, 6
DOMAINS, QUESTIONS = (5, 8, 14), (200, 1000)
CHANCE = 0.25
# scale that is minimised -> the metric that makes it of accuracies
SCALES = ("-log accuracy", "1 - accuracy", "logit above chance", "unweighted", "linearised")


@dataclass(frozen=True)
class Truth:
    """True accuracies of a few tasks, as functions of the mixture."""

    # (tasks, domains) and (tasks,)
    transfer: Array
    easy: Array
    steep: Array
    shape: str
    chance: float

    def accuracies(self, weights: Array) -> Array:
        """Returns (mixtures, tasks) of (mixtures, domains)."""
        amounts = np.maximum(weights, 0.0) ** 0.7 @ self.transfer.T
        losses = (amounts + 0.02) ** -0.3
        if self.shape == "logistic":
            right = 1 / (1 + np.exp(self.steep * (losses - self.easy)))
        else:
            right = np.exp(-0.7 * self.steep / 4 * (losses - 0.6 * self.easy))
            right = np.minimum(right, 1.0)
        return self.chance + (1 - self.chance) * right

    def mean(self, weights: Array) -> float:
        """Returns the mean accuracy of one mixture (domains,)."""
        return float(self.accuracies(weights[None]).mean())


def truths() -> Iterator[tuple[int, Truth, np.random.Generator]]:
    """Yields the number of domains, a truth, and the generator of its runs."""
    for domains in DOMAINS:
        for shape in ("logistic", "exponential"):
            for chance in (0.0, CHANCE):
                for seed in range(SEEDS):
                    rng = np.random.default_rng([seed, domains, len(shape), int(chance * 100)])
                    transfer = rng.gamma(0.5, 1.0, (TASKS, domains)) + 0.02
                    middle = (np.full((1, domains), 1 / domains) ** 0.7 @ transfer.T)[0] ** -0.3
                    truth = Truth(
                        transfer=transfer,
                        easy=middle - rng.uniform(-0.2, 0.2, TASKS),
                        steep=rng.uniform(3, 6, TASKS),
                        shape=shape,
                        chance=chance,
                    )
                    yield domains, truth, rng


def observed(weights: Array, accuracies: Array, metric: Metric) -> Observations:
    """Returns the runs, with accuracies on the scale that their metric is minimised on."""
    runs, domains = weights.shape
    tasks = tuple(f"t{k}" for k in range(accuracies.shape[1]))
    return Observations(
        domains=tuple(f"d{i:02}" for i in range(domains)),
        targets=tasks,
        runs=tuple(f"r{i:03}" for i in range(runs)),
        roles=("swarm",) * runs,
        amounts=weights,
        losses=metric.minimised(accuracies),
        metrics=dict.fromkeys(tasks, metric),
    )


def best(truth: Truth, domains: int) -> float:
    """Returns the best mean accuracy, by local searches from the corners and the centre."""
    starts = [np.full(domains, 1 / domains)]
    for corner in np.eye(domains):
        starts.append(0.5 * corner + 0.5 / domains)
    sums_to_one = {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    values = []
    for start in starts:
        found_here = minimize(
            lambda weights: -truth.mean(weights),
            start,
            bounds=[(1e-6, 1.0)] * domains,
            constraints=[sums_to_one],
            method="SLSQP",
            options={"maxiter": 200},
        )
        weights = np.maximum(found_here.x, 0)
        values.append(truth.mean(weights / weights.sum()))
    return max(values)


def goal(observations: Observations) -> Goal:
    """Returns the plain mean of the tasks, without limits."""
    shares = observations.weights.mean(axis=0)
    pairs = zip(observations.domains, shares.tolist(), strict=True)
    domains = tuple(Domain(name, None, share) for name, share in pairs)
    tasks = dict.fromkeys(observations.targets, 1 / TASKS)
    return Goal(domains, tasks, 1.0, Bounds.of(domains, 1.0))
