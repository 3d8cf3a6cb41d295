"""The referee on planted truths: every method's choice, and what it misses of the best mixture.

Nine kinds of truth, and one whose targets are the domains' own texts; 5, 8 and 14 domains. Methods
that read a swarm read 64 random runs with noise of 1 % of the spread. Proxies have a fifth of a
final's tokens, as in `config/studies/referee.yaml`, or all of them. docs/referee.md reads the
tables.

OMP_NUM_THREADS=1 python benchmarks/referee.py --to choices.csv     # half an hour of one core
python benchmarks/referee.py --read choices.csv                     # its tables again
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console

from mixwright import mixers
from mixwright.mixture import Array
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.trust.planted import KINDS
from mixwright.trust.planted_runs import (
    OF_AMOUNTS,
    OF_DOMAINS,
    PlantedRuns,
    domain_losses,
    plant,
    together,
)
from mixwright.trust.planted_training import PlantedTraining
from mixwright.trust.regret import Plan, Problem

DOMAINS = (5, 8, 14)
TARGETS = 3
NOISE = 0.01
# a proxy's tokens over a final's
SHARES = (0.2, 1.0)
DRAWS = 2_000
# what a method reads
NOTHING, ONLINE, REFERENCED = "nothing", "a run that learns", "a run that learns, and a reference"
VERTICES, PERTURBED, SWARM = "single domains", "changed amounts", "a swarm"
ROUNDS, ALL_ROLES = "a swarm in two rounds", "swarm, changed amounts, single domains"
AT_A_FINAL = (NOTHING, SWARM, ROUNDS)


@dataclass(frozen=True)
class Player:
    """A method, and what it reads."""

    mixer: str
    reads: str
    settings: Mapping[str, Any]

    def plays(self, kind: str, share: float) -> bool:
        """Whether a kind of truth means something to it.

        Where no run repeats its text, `repeating` is `joint` to the last bit and not played again.
        """
        if self.mixer == "repeating":
            return kind == "repeating"
        if kind in OF_AMOUNTS or kind == OF_DOMAINS or self.reads == NOTHING:
            return True
        return share == 1 and self.reads in AT_A_FINAL


def players() -> dict[str, Player]:
    """The methods of the study, and four of ours that it does not have, by their names."""
    lines = {name: Player(name, NOTHING, {}) for name in ("natural", "uniform", "unimax")}
    lines |= {name: Player(name, ONLINE, {}) for name in ("odm", "fastmix")}
    lines["fastmix, a look in 20 steps"] = Player("fastmix", ONLINE, {"every": 20})
    lines["doremi"] = Player("doremi", REFERENCED, {})
    lines["best-source"] = Player("best-source", VERTICES, {})
    lines["autoscale"] = Player("autoscale", PERTURBED, {})
    of_swarm = "best-of-swarm", "regmix-linear", "effective-data", "wide-law", "log-linear", "olmix"
    lines |= {name: Player(name, SWARM, {}) for name in of_swarm}
    lines["regmix"] = Player("regmix", SWARM, {"workers": 1})
    lines["wide-law, two rounds"] = Player("wide-law", ROUNDS, {})
    lines |= {name: Player(name, ALL_ROLES, {}) for name in ("joint", "repeating")}
    return lines


@dataclass(frozen=True)
class Table:
    """The runs of one problem, made when a method first reads them."""

    problem: Problem
    runs: PlantedRuns
    plan: Plan
    training: PlantedTraining

    @classmethod
    def of(cls, problem: Problem, share: float, plan: Plan) -> "Table":
        runs = PlantedRuns(problem, share, NOISE)
        goal = problem.goal
        of_domains = domain_losses(problem)
        training = PlantedTraining(
            problem.truth, problem.importance, of_domains, goal.natural, share
        )
        return cls(problem, runs, plan, training)

    def observations(self, reads: str) -> Observations | None:
        """The finished runs that a method reads; None where it reads none."""
        if reads == PERTURBED:
            return self.runs.perturbed()
        if reads == SWARM:
            return self.runs.swarm(self.plan)
        if reads == ROUNDS:
            informed = replace(self.plan, rounds=2, method="informative")
            return self.runs.swarm(informed)
        if reads == VERTICES:
            return self.runs.vertices()
        if reads == ALL_ROLES:
            swarm = self.runs.swarm(self.plan)
            return together([self.runs.perturbed(), swarm, self.runs.vertices()])
        return None

    def learned(self, player: Player) -> Observations:
        """The run that a method learned its weights by."""
        mixer = mixers.create(player.mixer, player.settings)
        settings = {part.name: getattr(mixer, part.name) for part in fields(mixer)}
        weights = self.training.learned(player.mixer, settings)
        goal = self.problem.goal
        targets = tuple(goal.targets)
        return Observations(
            goal.names,
            targets,
            ("r0",),
            (player.mixer,),
            weights[None] * goal.tokens * self.runs.share,
            np.zeros((1, len(targets))),
            learned=weights[None],
            derived=True,
        )


def cost(player: Player, table: Table, runs: Observations | None) -> tuple[int, float]:
    """How many runs a method reads, and their tokens as a multiple of a final's."""
    if runs is None:
        count = {NOTHING: 0, ONLINE: 1, REFERENCED: 2}[player.reads]
        return count, count * table.runs.share
    tokens = runs.tokens.sum() / table.problem.goal.tokens
    return len(runs.runs), float(tokens)


def judged(problem: Problem, share: float, plan: Plan, names: list[str]) -> Iterator[dict]:
    """Yields a row a method: its regret and its cost."""
    table = Table.of(problem, share, plan)
    for name in names:
        player = players()[name]
        if not player.plays(problem.kind, share):
            continue
        began = time.monotonic()
        mixer = mixers.create(player.mixer, player.settings)
        observations = table.observations(player.reads)
        if player.reads in (ONLINE, REFERENCED):
            mixer = mixer.fit(table.learned(player))
        elif observations is not None:
            mixer = mixer.fit(observations)
        weights = mixer.propose(problem.goal).weights
        runs, tokens = cost(player, table, observations)
        yield {
            "share": share,
            "kind": problem.kind,
            "domains": plan.domains,
            "seed": problem.seed,
            "swarm": plan.runs,
            "method": name,
            "runs": runs,
            "tokens": tokens,
            "regret": problem.regret(weights),
            "gap": problem.best.gap / problem.room,
            "seconds": time.monotonic() - began,
        }


def interval(regrets: Array, middle: Callable[..., Array]) -> str:
    """A middle of regrets with its 95 % interval over the problems."""
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(regrets), size=(DRAWS, len(regrets)))
    middles = middle(regrets[drawn], axis=1)
    low, high = np.quantile(middles, [0.025, 0.975])
    return f"{middle(regrets):.3f} [{low:.3f}, {high:.3f}]"


def summary(frame: pd.DataFrame) -> pd.DataFrame:
    """A row a method, in the order of their mean regret."""
    rows = {}
    for method, part in frame.groupby("method"):
        regrets = part.regret.to_numpy()
        rows[method] = {
            "runs": part.runs.mean(),
            "tokens of a final": part.tokens.mean(),
            "mean": interval(regrets, np.mean),
            "median": interval(regrets, np.median),
            "worst tenth from": np.quantile(regrets, 0.9),
            "worse than uniform": int((regrets > 1 + 1e-9).sum()),
            "problems": len(regrets),
            "order": regrets.mean(),
        }
    table = pd.DataFrame(rows).T.sort_values("order").drop(columns="order")
    return table.infer_objects()


def report(frame: pd.DataFrame, console: Console) -> None:
    """Prints each share's and swarm's methods on equal kinds, and their means by kind."""
    for (share, swarm), part in frame.groupby(["share", "swarm"]):
        console.print(f"\nproxies of {share:g} of a final's tokens, swarms of {swarm}")
        equal = part[part.kind.isin(OF_AMOUNTS)]
        of_domains = part[part.kind == OF_DOMAINS]
        kinds = {"kinds that all play": equal, "targets are the domains' own texts": of_domains}
        for title, chosen in kinds.items():
            most = chosen.groupby("method").kind.transform("nunique")
            chosen = chosen[most == most.max()]
            if len(chosen):
                console.print(f"{title}\n{summary(chosen).round(3).to_string()}")
        means = part.pivot_table(index="method", columns="kind", values="regret", sort=False)
        console.print(f"mean regret by kind\n{means.round(3).to_string()}")


def played(options: argparse.Namespace) -> pd.DataFrame:
    """Plays all problems."""
    rows: list[dict] = []
    began = time.monotonic()
    for seed in options.seeds:
        for share in options.shares:
            for domains in options.domains:
                plan = Plan(domains, TARGETS, options.runs, NOISE, method="dirichlet")
                for kind in options.kinds:
                    problem = plant(kind, seed, plan)
                    rows += judged(problem, share, plan, options.methods)
                spent = time.monotonic() - began
                say(f"seed {seed}, share {share:g}, {domains} domains: {spent:,.0f} s")
                if options.to:
                    pd.DataFrame(rows).to_csv(options.to, index=False)
    return pd.DataFrame(rows)


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=64, help="of a swarm")
    parser.add_argument("--seeds", type=int, nargs="*", default=[10, 11])
    parser.add_argument("--shares", type=float, nargs="*", default=list(SHARES))
    parser.add_argument("--domains", type=int, nargs="*", default=list(DOMAINS))
    parser.add_argument("--kinds", nargs="*", default=[*KINDS, OF_DOMAINS])
    parser.add_argument("--methods", nargs="*", default=list(players()))
    parser.add_argument("--to", help="a csv of every problem")
    parser.add_argument("--read", nargs="*", help="such files, in place of playing")
    options = parser.parse_args(words)
    if options.read:
        frame = pd.concat([pd.read_csv(path) for path in options.read])
    else:
        frame = played(options)
    report(frame, Console(width=220, soft_wrap=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
