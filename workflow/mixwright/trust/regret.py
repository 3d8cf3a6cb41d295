"""How much of the way to the best mixture a plan of proxies leaves, on planted truths.

A problem plants a truth (see `planted`), trains what a plan says by it (a design, further rounds,
noise), fits a mixer and takes its proposal. The regret of the proposal is

    (f(proposed) - f(best)) / (f(uniform) - f(best))

with f the weighted mean of the targets' true losses: 0 is the best mixture inside the bounds, 1 is
no better than equal weights, moved into the bounds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from mixwright import mixers
from mixwright.designs.elsewhere import NO_BOUNDS, Wanted, designed
from mixwright.errors import MixwrightError, TooFewRunsError, counted
from mixwright.goal import Goal
from mixwright.mixers.base import Mixer
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.simplex.geometry import scale_into
from mixwright.study.design_checks import LEAST_OF_A_ROUND
from mixwright.trust.next_round import next_round
from mixwright.trust.planted import KINDS, Truth
from mixwright.trust.planted_optimum import Optimum, optimum

# of the Dirichlet law that sizes of domains are drawn by where nobody names any
SIZES = 3.0
# tokens of all domains, and of a training, where sizes are drawn
HELD = 1e9
TOKENS = 1e6
# the last line of `by_kind`
ALL = "all"
# nats/token: bounds may leave uniform nothing to miss
LEAST_ROOM = 1e-9
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
    # names of the domains; none: they are made up
    own_names: tuple[str, ...] = ()
    # tokens of every domain; none: they are drawn anew for each problem
    available: tuple[Domain, ...] = ()
    # what Bounds.of takes beside the domains
    limits: Mapping[str, Any] = field(default_factory=dict)
    # (targets,) weights in the goal; none: all alike
    importance: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the domains."""
        if self.own_names:
            return self.own_names
        return _numbered("d", 2, self.domains)

    @property
    def sentence(self) -> str:
        """What is planned, in words."""
        runs = f"{self.runs} runs"
        if self.rounds > 1:
            runs += f" in {self.rounds} rounds"
        domains = counted(self.domains, "domain")
        targets = counted(self.targets, "target")
        noise = f"noise {self.noise:.3g} of the spread"
        return f"{domains}, {targets}, {runs}, {noise}, {self.mixer}"

    def check(self) -> None:
        """Refuses a plan that cannot be played.

        Raises:
            MixwrightError: it names the number that is out of range.
        """
        if self.noise < 0:
            raise MixwrightError(f"--noise {self.noise:g}: give a share of the spread, 0 or more")
        sizes = _parts(self.runs, self.rounds)
        if self.rounds > 1 and sizes[-1] < LEAST_OF_A_ROUND:
            raise MixwrightError(
                f"--rounds {self.rounds}: {self.runs} runs leave {sizes[-1]} a round, and a fit"
                f" needs {LEAST_OF_A_ROUND}: give --runs {LEAST_OF_A_ROUND * self.rounds} or more"
            )
        method = mixers.entry(self.mixer)
        if method.reads and method.reads != {"swarm"}:
            raise MixwrightError(
                f"--mixer {self.mixer}: it reads more than a swarm; name a mixer that reads one"
            )

    def goal_of(self, rng: np.random.Generator, seed: int) -> Goal:
        """Returns the goal of a problem."""
        available = self.available
        if not available:
            available = _drawn(rng, self.names)
        weights = self.importance
        if not weights:
            alike = 1 / self.targets
            weights = (alike,) * self.targets
        names = _numbered("t", 2, self.targets)
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
        domains = plan.domains
        targets = plan.targets
        place = list(KINDS).index(kind)
        rng = np.random.default_rng([seed, domains, targets, place])
        planted = KINDS[kind]
        truth = planted(rng, domains, targets)
        goal = plan.goal_of(rng, seed)
        importance = _importance(goal)
        equal = np.full(domains, 1 / domains)
        even = scale_into(equal, *goal.bounds.parts)
        best = optimum(truth, importance, goal.bounds, seed)
        uniform = _objective(truth, importance, even)
        return cls(kind, seed, truth, goal, best, uniform)

    def regret(self, weights: Array) -> float:
        """Returns the regret of a mixture (domains,) as a share of uniform's."""
        loss = _objective(self.truth, self.importance, weights)
        missed = loss - self.best.loss
        share = missed / self.room
        return max(0.0, share)

    @property
    def importance(self) -> Array:
        """(targets,) weights of the losses in f."""
        return _importance(self.goal)

    @property
    def room(self) -> float:
        """What uniform misses, nats/token."""
        missed = self.uniform - self.best.loss
        return max(missed, LEAST_ROOM)


def trained(problem: Problem, plan: Plan) -> Observations:
    """Returns the runs that the plan trains: its design, and its rounds, with noise."""
    goal = problem.goal
    seed = problem.seed
    rng = np.random.default_rng([seed, plan.runs, plan.rounds, 1])
    sizes = _parts(plan.runs, plan.rounds)
    limits = {**plan.limits, "tokens": goal.tokens}
    wanted = Wanted(goal.domains, limits, sizes[0], plan.method, seed=seed)
    weights = designed(wanted).weights
    noise = plan.noise * _spread(problem)
    losses = _measured(problem.truth, weights, noise, rng)
    for number, size in enumerate(sizes[1:]):
        runs = _observed(goal, weights, losses)
        added = next_round(runs, goal, size, seed + number)
        measured = _measured(problem.truth, added, noise, rng)
        weights = np.concatenate([weights, added])
        losses = np.concatenate([losses, measured])
    return _observed(goal, weights, losses)


def regrets(
    plan: Plan, kinds: Sequence[str] = tuple(KINDS), seeds: Sequence[int] = (0, 1, 2)
) -> Iterator[dict[str, Any]]:
    """Yields a row a problem, in turn over the kinds: its kind and seed, and regrets.

    `regret` is the proposal's, `best_run` that of the swarm's best run by its measured losses, and
    `gap` what the best mixture misses at most, all as shares of uniform's; `gap` is NaN where it
    is not known.

    Raises:
        MixwrightError: the plan has too few runs for the mixer or for its rounds.
    """
    method = mixers.create(plan.mixer, plan.settings)
    for seed in seeds:
        for kind in kinds:
            problem = Problem.of(kind, seed, plan)
            runs = trained(problem, plan)
            fitted = _fitted(method, runs)
            proposed = fitted.propose(problem.goal).weights
            measured = runs.losses @ problem.importance
            place = int(measured.argmin())
            best_run = runs.weights[place]
            yield {
                "kind": kind,
                "seed": seed,
                "regret": problem.regret(proposed),
                "best_run": problem.regret(best_run),
                "gap": problem.best.gap / problem.room,
            }


def _fitted(method: Mixer, runs: Observations) -> Mixer:
    """Returns the mixer with what it learned from the plan's runs."""
    try:
        return method.fit(runs)
    except TooFewRunsError as error:
        raise MixwrightError(
            f"--runs {len(runs.runs)}: {method.name} needs {error.least} or more;"
            f" give --runs {error.least}"
        ) from None


def by_kind(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns a row a kind, and a last one of all: how regrets are spread.

    Columns: `problems`, the `median`, the `mean`, the `worst_tenth` (nine of ten problems stay
    under it), `worse`, the number of problems whose proposal is worse than uniform, and `best_run`,
    the median regret of the best run.
    """
    names = dict.fromkeys(rows.kind)
    records = []
    for name in [*names, ALL]:
        part = rows
        if name != ALL:
            part = rows[rows.kind == name]
        regret = part.regret
        worse = regret > 1
        record = {
            "kind": name,
            "problems": len(part),
            "median": regret.median(),
            "mean": regret.mean(),
            "worst_tenth": regret.quantile(0.9),
            "worse": int(worse.sum()),
            "best_run": part.best_run.median(),
        }
        records.append(record)
    return pd.DataFrame(records)


def _importance(goal: Goal) -> Array:
    """Returns (targets,) weights of the losses in f."""
    weights = goal.targets.values()
    return np.array(list(weights))


def _objective(truth: Truth, importance: Array, weights: Array) -> float:
    """Returns f of a mixture (domains,), nats/token."""
    losses = truth(weights[None])
    values = losses @ importance
    return float(values[0])


def _numbered(letter: str, digits: int, count: int) -> tuple[str, ...]:
    """Returns made-up names: a letter and a number of so many digits."""
    names = []
    for number in range(count):
        suffix = str(number).zfill(digits)
        names.append(letter + suffix)
    return tuple(names)


def _drawn(rng: np.random.Generator, names: Sequence[str]) -> tuple[Domain, ...]:
    """Domains of sizes that no one named."""
    concentration = np.full(len(names), SIZES)
    shares = rng.dirichlet(concentration)
    available = []
    for name, share in zip(names, shares, strict=True):
        tokens = round(HELD * share)
        domain = Domain(name, max(1, tokens))
        available.append(domain)
    return tuple(available)


def _parts(runs: int, rounds: int) -> list[int]:
    """Returns the runs of each round: as alike as they can be, the first ones greater."""
    if runs < 1:
        raise MixwrightError(f"--runs {runs}: give 1 or more")
    if not 0 < rounds <= runs:
        raise MixwrightError(f"--rounds {rounds}: {runs} runs make 1 to {runs} rounds")
    least, more = divmod(runs, rounds)
    greater = [least + 1] * more
    others = [least] * (rounds - more)
    return greater + others


def _spread(problem: Problem) -> Array:
    """Returns (targets,) how far true losses spread over mixtures around natural."""
    goal = problem.goal
    limits = {"tokens": goal.tokens}
    wanted = Wanted(goal.domains, limits, SPREAD, "dirichlet", seed=0)
    weights = designed(wanted).weights
    losses = problem.truth(weights)
    spread: Array = losses.std(axis=0)
    return spread


def _measured(truth: Truth, weights: Array, noise: Array, rng: np.random.Generator) -> Array:
    """Returns (runs, targets) losses of runs with their noise."""
    losses = truth(weights)
    deviations = rng.standard_normal(losses.shape)
    return losses + noise * deviations


def _observed(goal: Goal, weights: Array, losses: Array) -> Observations:
    """Returns runs of a swarm."""
    count = len(weights)
    labels = _numbered("r", 4, count)
    roles = ("swarm",) * count
    amounts = weights * goal.tokens
    targets = tuple(goal.targets)
    # made-up runs that are odd are nobody's news
    return Observations(goal.names, targets, labels, roles, amounts, losses, derived=True)
