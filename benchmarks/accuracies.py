"""Regret of proposals for accuracies with binomial noise, as a share of uniform's.

Planted tables: 64 runs over 5, 8 and 14 domains, three tasks of 200 or 1,000 questions. A task's
true accuracy is a logistic or an exponential function of a planted loss. The loss is a law of the
mixers' own family or one of four other forms. The accuracies lie in the middle, above the chance
of four answers, near all, or near none.

The default mixer is fitted to -log accuracy and proposes for the mean accuracy. Beside it stand
the mean of -log accuracy, 1 - accuracy, and accuracies taken for losses.

OMP_NUM_THREADS=1 python benchmarks/accuracies.py      # about two minutes of one core

A line on stderr shows the progress.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from mixwright import mixers
from mixwright.goal import Goal
from mixwright.learners import ACCURACY, LOSS, Metric
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.proposals.mean_accuracy import for_mean_accuracy
from mixwright.simplex.bounds import Bounds

MIXER = "effective-data"
RUNS, TASKS, SEEDS = 64, 3, 3
DOMAINS, QUESTIONS = (5, 8, 14), (200, 1000)
FORMS = ("law", "powers", "log-linear", "complements", "thresholds")
# where the accuracies lie -> the range of their logits at the mean mixture
LEVELS = {
    "in the middle": (-0.2, 0.2),
    "above chance": (-1.0, 0.0),
    "near all": (1.5, 2.5),
    "near none": (-3.5, -2.5),
}
CHANCE = 0.25
WAYS = ("mean accuracy", "-log accuracy", "1 - accuracy", "as losses")
Curve = Callable[[Array], Array]


@dataclass(frozen=True)
class Problem:
    """A planted truth; a cell of the table holds the problems of its form, level and size."""

    form: str
    level: str
    domains: int
    seed: int

    def rng(self) -> np.random.Generator:
        """Returns the generator of all that is drawn for it."""
        level = list(LEVELS).index(self.level)
        return np.random.default_rng([self.seed, self.domains, FORMS.index(self.form), level])


def truth(problem: Problem, rng: np.random.Generator) -> Curve:
    """Returns the true accuracies (mixtures, tasks) of mixtures (mixtures, domains)."""
    loss = _loss(problem.form, problem.domains, rng)
    drawn = loss(rng.dirichlet(np.ones(problem.domains), 400))
    mean = drawn.mean(axis=0)
    spread = drawn.std(axis=0)
    centre = rng.uniform(*LEVELS[problem.level], TASKS)
    steep = rng.uniform(0.4, 0.8, TASKS)
    chance = CHANCE if problem.level == "above chance" else 0.0
    middle = 1 / (1 + np.exp(-centre))

    def accuracies(weights: Array) -> Array:
        fall = (mean - loss(weights)) / spread
        if problem.seed % 2:
            right = np.minimum(middle * np.exp(steep * (1 - middle) * fall), 1.0)
        else:
            right = 1 / (1 + np.exp(-centre - steep * fall))
        return np.asarray(chance + (1 - chance) * right)

    return accuracies


def _loss(form: str, domains: int, rng: np.random.Generator) -> Curve:
    """A loss (mixtures, tasks) of mixtures, of this form."""
    transfer = rng.gamma(0.5, 1.0, (TASKS, domains)) + 0.02
    gains = rng.gamma(0.7, 1.0, (TASKS, domains))
    powers = rng.uniform(0.3, 0.9, (TASKS, domains))
    enough = rng.uniform(0.1, 0.3, (TASKS, domains))
    first, second = rng.permuted(np.tile(np.arange(domains), (TASKS, 1)), axis=1)[:, :2].T

    def law(weights: Array) -> Array:
        return np.asarray((np.maximum(weights, 0.0) ** 0.7 @ transfer.T + 0.02) ** -0.3)

    def separate(weights: Array) -> Array:
        amounts = np.maximum(weights, 0.0)[:, None, :] ** powers
        return np.asarray(-(gains * amounts).sum(axis=-1))

    def log_linear(weights: Array) -> Array:
        return np.asarray(np.exp(-3 * weights @ transfer.T / transfer.max()))

    def complements(weights: Array) -> Array:
        both = np.maximum(weights[:, first] * weights[:, second], 0.0)
        return np.asarray(law(weights) - 1.5 * np.sqrt(both))

    def thresholds(weights: Array) -> Array:
        amounts = np.minimum(weights[:, None, :], enough)
        return np.asarray(-(gains * amounts).sum(axis=-1))

    curves = (law, separate, log_linear, complements, thresholds)
    return dict(zip(FORMS, curves, strict=True))[form]


def best(accuracies: Curve, domains: int) -> float:
    """Returns the best mean accuracy, by local searches from a few places."""
    tried = np.random.default_rng(0).dirichlet(np.full(domains, 0.5), 4000)
    means = accuracies(tried).mean(axis=1)
    starts = [np.full(domains, 1 / domains), *tried[np.argsort(-means)[:3]]]
    for corner in np.eye(domains)[:4]:
        starts.append(0.5 * corner + 0.5 / domains)
    values = []
    for start in starts:
        result = minimize(
            lambda weights: -accuracies(weights[None]).mean(),
            start,
            bounds=[(1e-6, 1.0)] * domains,
            constraints=[{"type": "eq", "fun": lambda weights: weights.sum() - 1}],
            method="SLSQP",
        )
        weights = np.maximum(result.x, 0.0)
        values.append(accuracies(weights[None] / weights.sum()).mean())
    return float(max(values))


def observed(weights: Array, numbers: Array, metric: Metric) -> Observations:
    """Returns the runs with what is minimised for these numbers."""
    tasks = tuple(f"t{k}" for k in range(TASKS))
    return Observations(
        domains=tuple(f"d{i:02}" for i in range(weights.shape[1])),
        targets=tasks,
        runs=tuple(f"r{i:03}" for i in range(RUNS)),
        roles=("swarm",) * RUNS,
        amounts=weights,
        losses=metric.minimised(numbers),
        metrics=dict.fromkeys(tasks, metric),
    )


def proposed(way: str, weights: Array, shares: Array, questions: int) -> Array:
    """Returns the proposal (domains,) for measured accuracies (runs, tasks)."""
    metric = replace(ACCURACY, questions=questions)
    numbers = shares
    if way in ("1 - accuracy", "as losses"):
        metric = LOSS
        numbers = 1 - shares if way == "1 - accuracy" else shares
    runs = observed(weights, numbers, metric)
    fitted = mixers.create(MIXER).fit(runs)
    domains = tuple(Domain(name, None, 1 / len(runs.domains)) for name in runs.domains)
    targets = dict.fromkeys(runs.targets, 1 / TASKS)
    goal = Goal(domains, targets, 1.0, Bounds.of(domains, 1.0))
    if way == "mean accuracy":
        goal = for_mean_accuracy(runs, goal)
    return np.asarray(fitted.propose(goal).weights)


def regrets() -> Iterator[Mapping[str, object]]:
    """Yields a record for each problem, number of questions and way: its share of regret."""
    cells = itertools.product(FORMS, LEVELS, DOMAINS, range(SEEDS))
    problems = [Problem(*cell) for cell in cells]
    for number, problem in enumerate(problems, 1):
        rng = problem.rng()
        accuracies = truth(problem, rng)
        top = best(accuracies, problem.domains)
        uniform = accuracies(np.full((1, problem.domains), 1 / problem.domains)).mean()
        for questions in QUESTIONS:
            weights = rng.dirichlet(np.ones(problem.domains), RUNS)
            shares = rng.binomial(questions, accuracies(weights)) / questions
            for way in WAYS:
                chosen = proposed(way, weights, shares, questions)
                lost = top - accuracies(chosen[None]).mean()
                share = float(lost / (top - uniform))
                yield vars(problem) | {"questions": questions, "way": way, "regret": share}
        say(f"{number}/{len(problems)} problems")


def table(records: list[Mapping[str, object]]) -> Table:
    """Returns median and mean of the regrets: a row a part of the problems, a column a way."""
    result = Table("problems", *WAYS, title="regret as a share of uniform's: median / mean")
    apart = [record for record in records if record["level"] != "near none"]
    _row(result, "all", records)
    _row(result, "all but near none", apart)
    for key in ("questions", "domains", "form"):
        for value in dict.fromkeys(record[key] for record in apart):
            part = [record for record in apart if record[key] == value]
            _row(result, f"{key} {value}", part)
    for level in LEVELS:
        _row(result, level, [record for record in records if record["level"] == level])
    return result


def _row(result: Table, name: str, records: list[Mapping[str, object]]) -> None:
    cells = []
    for way in WAYS:
        values = [record["regret"] for record in records if record["way"] == way]
        cells.append(f"{np.median(values):.3f} / {np.mean(values):.3f}")
    result.add_row(name, *cells)


if __name__ == "__main__":
    Console(width=110).print(table(list(regrets())))
