"""How much of the way to the best mixture a plan of proxies leaves, on planted truths.

A problem plants a truth (see `planted`), trains what a plan says by it (a design, further rounds,
noise), fits a mixer and takes its proposal. The regret of the proposal is

    (f(proposed) - f(best)) / (f(uniform) - f(best))

with f the weighted mean of the targets' true losses: 0 is the best mixture inside the bounds, 1 is
no better than equal weights, moved into the bounds.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mixwright import mixers
from mixwright.designs.elsewhere import NO_BOUNDS, Wanted, designed
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import scale_into
from mixwright.trust.planted import KINDS, Truth
from mixwright.trust.planted_optimum import Optimum, optimum

# of the Dirichlet law that sizes of domains are drawn by where nobody names any
SIZES = 3.0
# tokens of all domains, and of a training, where sizes are drawn
HELD = 1e9
TOKENS = 1e6
# mixtures whose true losses tell how far a target's losses spread
SPREAD = 200


@dataclass(frozen=True)
class Plan:
    """A plan of proxies: what is mixed, how many runs in how many rounds, and which mixer reads."""

    # number of domains; with `available` as many as there are
    domains: int
    targets: int
    runs: int
    # standard deviation of a run's loss over seeds, as a share of the swarm's spread
    noise: float = 0.02
    rounds: int = 1
    mixer: str = "effective-data"
    settings: Mapping[str, Any] = field(default_factory=dict)
    # how the first round is drawn: informative or dirichlet
    method: str = "informative"
    # tokens of every domain; none: they are drawn anew for each problem
    available: tuple[Domain, ...] = ()
    # what Bounds.of takes beside the domains
    limits: Mapping[str, Any] = field(default_factory=dict)
    # (targets,) weights in the goal; none: all alike
    importance: tuple[float, ...] = ()

    def goal_of(self, rng: np.random.Generator, seed: int) -> Goal:
        """Returns the goal of a problem."""
        available = self.available or _drawn(rng, self.domains)
        weights = self.importance or (1 / self.targets,) * self.targets
        names = [f"t{number:02}" for number in range(self.targets)]
        limits = {**NO_BOUNDS, "tokens": TOKENS, **self.limits}
        bounds = Bounds.of(available, **limits)
        targets = dict(zip(names, weights, strict=True))
        return Goal(available, targets, limits["tokens"], bounds, seed)


@dataclass(frozen=True)
class Problem:
    """A planted truth with its best mixture."""

    kind: str
    seed: int
    truth: Truth
    goal: Goal
    best: Optimum
    # f of equal weights, moved into the bounds
    uniform: float

    @classmethod
    def of(cls, kind: str, seed: int, plan: Plan) -> "Problem":
        """Plants a truth: the same kind, seed and numbers give the same one."""
        place = list(KINDS).index(kind)
        rng = np.random.default_rng([seed, plan.domains, plan.targets, place])
        truth = KINDS[kind](rng, plan.domains, plan.targets)
        goal = plan.goal_of(rng, seed)
        importance = np.array(list(goal.targets.values()))
        even = scale_into(np.full(plan.domains, 1 / plan.domains), *goal.bounds.parts)
        best = optimum(truth, importance, goal.bounds, seed)
        uniform = float((truth(even[None]) @ importance)[0])
        return cls(kind, seed, truth, goal, best, uniform)

    def regret(self, weights: Array) -> float:
        """Returns the regret of a mixture (domains,) as a share of uniform's."""
        importance = np.array(list(self.goal.targets.values()))
        loss = float((self.truth(weights[None]) @ importance)[0])
        room = self.uniform - self.best.loss
        return (loss - self.best.loss) / room


# what a further round trains: of the runs so far, the goal, how many, and a seed
NextRound = Callable[[Observations, Goal, int, int], Array]


def trained(problem: Problem, plan: Plan, next_round: NextRound) -> Observations:
    """Returns the runs that the plan trains: its design, and its rounds, with noise."""
    goal = problem.goal
    rng = np.random.default_rng([problem.seed, plan.runs, plan.rounds, 1])
    sizes = _parts(plan.runs, plan.rounds)
    limits = {**plan.limits, "tokens": goal.tokens}
    wanted = Wanted(goal.domains, limits, sizes[0], plan.method, seed=problem.seed)
    weights = designed(wanted).weights
    spread = _spread(problem, rng)
    losses = _measured(problem.truth, weights, plan.noise * spread, rng)
    for number, size in enumerate(sizes[1:]):
        runs = _observed(goal, weights, losses)
        added = next_round(runs, goal, size, problem.seed + number)
        weights = np.concatenate([weights, added])
        losses = np.concatenate(
            [losses, _measured(problem.truth, added, plan.noise * spread, rng)]
        )
    return _observed(goal, weights, losses)


def regrets(
    plan: Plan, next_round: NextRound, kinds: Sequence[str] = tuple(KINDS), seeds: int = 3
) -> Iterator[dict[str, Any]]:
    """Yields a row a problem: its kind, its seed, the regret, and that of the best run.

    Raises:
        MixwrightError: the plan has too few runs for the mixer or for its rounds.
    """
    method = mixers.create(plan.mixer, plan.settings)
    for seed in range(seeds):
        for kind in kinds:
            problem = Problem.of(kind, seed, plan)
            runs = trained(problem, plan, next_round)
            fitted = method.fit(runs)
            proposed = fitted.propose(problem.goal).weights
            importance = np.array(list(problem.goal.targets.values()))
            first = runs.weights[(runs.losses @ importance).argmin()]
            yield {
                "kind": kind,
                "seed": seed,
                "regret": max(0.0, problem.regret(proposed)),
                "best_run": problem.regret(first),
                "gap": problem.best.gap / (problem.uniform - problem.best.loss),
            }


def _drawn(rng: np.random.Generator, domains: int) -> tuple[Domain, ...]:
    """Domains of sizes that no one named."""
    shares = rng.dirichlet(np.full(domains, SIZES))
    available = []
    for number, share in enumerate(shares):
        available.append(Domain(f"d{number:02}", max(1, round(HELD * share))))
    return tuple(available)


def _parts(runs: int, rounds: int) -> list[int]:
    """Returns the runs of each round: as alike as they can be, the first ones greater."""
    if not 0 < rounds <= runs:
        raise MixwrightError(f"{rounds} rounds of {runs} runs: give every round a run")
    least, more = divmod(runs, rounds)
    return [least + (number < more) for number in range(rounds)]


def _spread(problem: Problem, rng: np.random.Generator) -> Array:
    """Returns (targets,) how far true losses spread over mixtures around natural."""
    wanted = Wanted(
        problem.goal.domains, {"tokens": problem.goal.tokens}, SPREAD, "dirichlet", seed=0
    )
    spread: Array = problem.truth(designed(wanted).weights).std(axis=0)
    return spread


def _measured(truth: Truth, weights: Array, noise: Array, rng: np.random.Generator) -> Array:
    """Returns (runs, targets) losses of runs with their noise."""
    losses = truth(weights)
    return losses + noise * rng.standard_normal(losses.shape)


def _observed(goal: Goal, weights: Array, losses: Array) -> Observations:
    """Returns runs of a swarm."""
    labels = tuple(f"r{number:04}" for number in range(len(weights)))
    roles = ("swarm",) * len(weights)
    return Observations(
        goal.names, tuple(goal.targets), labels, roles, weights * goal.tokens, losses
    )
