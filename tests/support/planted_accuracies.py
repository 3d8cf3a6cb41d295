"""Tables of accuracies whose truth is known: shares of right answers, with binomial noise."""

from dataclasses import dataclass, replace

import numpy as np

from mixwright.learners import LOSS, Metric
from mixwright.measured.metric_options import check_numbers
from mixwright.observations import Observations

TASKS = ("arc", "piqa", "sciq")


@dataclass(frozen=True)
class Accuracies:
    weights: np.ndarray  # (runs, domains)
    shares: np.ndarray  # (runs, tasks) of right answers
    truth: object  # (mixtures, domains) -> (mixtures, tasks)

    @property
    def domains(self):
        return tuple(f"d{i}" for i in range(self.weights.shape[1]))

    def observed(self, values=None, metrics=None) -> Observations:
        """The runs as a reader hands them on: numbers as measured, then their metrics."""
        numbers = self.shares if values is None else values
        runs = len(self.weights)
        raw = Observations(
            domains=self.domains,
            targets=TASKS[: numbers.shape[1]],
            runs=tuple(f"r{i:02}" for i in range(runs)),
            roles=("swarm",) * runs,
            amounts=self.weights,
            losses=numbers,
        )
        losses = numbers.copy()
        for column, target in enumerate(raw.targets):
            metric = (metrics or {}).get(target, LOSS)
            check_numbers(metric, target, numbers[:, column], lambda row: f"run {raw.runs[row]}")
            losses[:, column] = metric.minimised(numbers[:, column])
        return replace(raw, losses=losses, metrics=metrics or {})

    def mean(self, weights) -> float:
        return float(self.truth(np.atleast_2d(weights)).mean())


def plant(
    seed: int = 0, questions: int = 1000, domains: int = 5, chance: float = 0.25, runs: int = 64
) -> Accuracies:
    """Accuracies above chance, by a logistic function of a loss of the effective-data kind."""
    rng = np.random.default_rng([seed, domains])
    transfer = rng.gamma(0.5, 1.0, (len(TASKS), domains)) + 0.02
    weights = rng.dirichlet(np.ones(domains), runs)

    def truth(mixtures):
        losses = (mixtures**0.7 @ transfer.T + 0.02) ** -0.3
        return chance + (1 - chance) / (1 + np.exp(5 * (losses - 1.0)))

    shares = rng.binomial(questions, truth(weights)) / questions
    return Accuracies(weights, shares, truth)


def every(metric: Metric) -> dict[str, Metric]:
    return dict.fromkeys(TASKS, metric)
