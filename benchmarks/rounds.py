"""What a further round of proxies is worth: regret of proposals on planted problems.

Each problem plants a truth, one of nine kinds, over 5, 8 or 14 domains and 3 targets, and measures
64 runs with noise of 1 % of a target's spread. The ways to choose the 64 mixtures are compared by
the regret of the effective-data law's proposal, as a share of uniform's. The best mixture is sought
at random from all proposals.

OMP_NUM_THREADS=1 python benchmarks/rounds.py                    # two minutes of one core
python benchmarks/rounds.py --runs 32 --seeds 4 5 --to problems.csv
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from evidence import TARGETS, TOKENS
from rich.console import Console

from mixwright.designs import dirichlet, informative
from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.simplex.bounds import Bounds
from mixwright.trust.next_round import CANDIDATES, STRENGTHS, TEMPERATURE, next_round
from mixwright.trust.planted import KINDS, Truth

DOMAINS = (5, 8, 14)
NOISE = 0.01
TRIED = 500
# regrets below count as so much where logarithms are taken
LEAST = 1e-3
# way -> (whether the first round is informative, rounds)
WAYS = {
    "random": (False, 1),
    "informative": (True, 1),
    "informative, 2 rounds": (True, 2),
}
FURTHER = {
    "random, 2 rounds": (False, 2),
    "informative, 4 rounds": (True, 4),
}


@dataclass(frozen=True)
class Problem:
    """A truth whose losses can be measured."""

    # place of its kind in KINDS
    number: int
    seed: int
    goal: Goal
    truth: Truth
    # (targets,) of a run
    noise: Array

    def measured(self, rounds: Sequence[Array]) -> Observations:
        """Returns the runs of some rounds, (runs, domains) mixtures each.

        Run i of round r has the same noise whatever its mixture.
        """
        losses = []
        for number, weights in enumerate(rounds):
            domains = weights.shape[1]
            rng = np.random.default_rng([self.seed, domains, self.number, 1 + number])
            noise = rng.standard_normal((len(weights), len(TARGETS)))
            losses.append(self.truth(weights) + self.noise * noise)
        amounts = np.concatenate(rounds) * TOKENS
        labels = tuple(f"r{number:04}" for number in range(len(amounts)))
        roles = ("swarm",) * len(amounts)
        names = self.goal.names
        return Observations(names, TARGETS, labels, roles, amounts, np.concatenate(losses))

    def objective(self, weights: Array) -> Array:
        """Returns (mixtures,) means of the targets' true losses."""
        return self.truth(weights).mean(axis=1)


def plant(kind: str, domains: int, seed: int) -> Problem:
    """Draws a truth and the sizes of its domains."""
    number = list(KINDS).index(kind)
    rng = np.random.default_rng([seed, domains, number])
    truth = KINDS[kind](rng, domains)
    shares = rng.dirichlet(np.full(domains, 3.0))
    sizes = []
    for place, share in enumerate(shares):
        sizes.append(Domain(f"d{place:02}", int(1e9 * share)))
    bounds = Bounds(np.zeros(domains), np.ones(domains))
    goal = Goal(tuple(sizes), dict.fromkeys(TARGETS, 1 / len(TARGETS)), TOKENS, bounds, 0)
    spread = truth(rng.dirichlet(np.ones(domains), 200)).std(axis=0)
    return Problem(number, seed, goal, truth, NOISE * spread)


def chosen(problem: Problem, runs: int, is_informative: bool, rounds: int) -> list[Array]:
    """Returns the rounds, (runs, domains) mixtures each, of one way to choose them."""
    rngs = [np.random.default_rng([problem.seed, number]) for number in range(CANDIDATES)]
    middle = problem.goal.natural**TEMPERATURE
    pool = dirichlet.draw(middle, STRENGTHS, problem.goal.bounds, rngs)
    size = runs // rounds
    first = pool[:size]
    if is_informative:
        first = pool[informative.choose(pool, size)]
    mixtures = [first]
    for number in range(1, rounds):
        seed = 100 * number + problem.seed
        further = next_round(problem.measured(mixtures), problem.goal, size, seed)
        mixtures.append(further)
    return mixtures


def judged(problem: Problem, runs: int) -> Iterator[dict[str, object]]:
    """Yields a row a way: the regret of its proposal."""
    proposals = []
    for is_informative, rounds in WAYS.values():
        mixtures = chosen(problem, runs, is_informative, rounds)
        fitted = create("effective-data").fit(problem.measured(mixtures))
        proposals.append(fitted.propose(problem.goal).weights)
    domains = len(problem.goal.domains)
    uniform = np.full((1, domains), 1 / domains)
    best = _best(problem, np.concatenate([*np.array(proposals)[:, None], uniform]))
    of_uniform = problem.objective(uniform)[0] - best
    of_proposals = problem.objective(np.array(proposals)) - best
    for way, regret in zip(WAYS, of_proposals / of_uniform, strict=True):
        facts = {"seed": problem.seed, "domains": domains}
        yield {"way": way, **facts, "kind": list(KINDS)[problem.number], "regret": regret}


def _best(problem: Problem, starts: Array) -> float:
    """The least objective that a random search from the best start finds."""
    rng = np.random.default_rng(7)
    best = starts[problem.objective(starts).argmin()]
    for width in (1.0, 0.3, 0.1, 0.03, 0.01):
        for _ in range(3):
            others = rng.dirichlet(np.full(len(best), 0.5), TRIED)
            tried = np.concatenate([best[None], (1 - width) * best + width * others])
            best = tried[problem.objective(tried).argmin()]
    return float(problem.objective(best[None])[0])


def _geometric_mean(regrets: pd.Series) -> float:
    """Says what is typical: the mean is that of a few problems that no law can follow."""
    return float(np.exp(np.log(regrets.clip(lower=LEAST)).mean()))


def report(frame: pd.DataFrame, console: Console) -> None:
    """Prints regrets of each way, then by kind of truth and by domains."""
    groups = frame.groupby("way", sort=False).regret
    table = pd.DataFrame(
        {
            "mean": groups.mean(),
            "geometric mean": groups.apply(_geometric_mean),
            "median": groups.median(),
            "worst tenth": groups.quantile(0.9),
            "worse than uniform": groups.apply(lambda regrets: (regrets > 1).mean()),
        }
    )
    console.print(f"{len(frame) // len(WAYS)} problems\n{table.round(3).to_string()}")
    for column in ("kind", "domains"):
        means = frame.pivot_table(index="way", columns=column, values="regret", sort=False)
        console.print(f"\nmean regret\n{means.round(3).to_string()}")


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3])
    parser.add_argument("--all", action="store_true", help="four rounds, and a random first one")
    parser.add_argument("--to", help="a csv of every problem")
    options = parser.parse_args(words)
    if options.all:
        WAYS.update(FURTHER)
    rows = []
    for seed in options.seeds:
        for domains in DOMAINS:
            for kind in KINDS:
                rows += judged(plant(kind, domains, seed), options.runs)
            say(f"seed {seed}, {domains} domains")
        report(pd.DataFrame(rows), Console(width=200))
    if options.to:
        pd.DataFrame(rows).to_csv(options.to, index=False)


if __name__ == "__main__":
    main()
