"""Regret of proposals on planted truths: mixers side by side, on the very same runs.

Nine kinds of truth, 5, 8 and 14 domains, 3 targets, noise of 1 % of the spread. The runs are drawn
at random, chosen, or chosen in two rounds. `mixwright regret` does the same for one plan.

OMP_NUM_THREADS=1 python benchmarks/regrets.py                  # a quarter of an hour of one core
"""

import argparse
import sys
import time

import pandas as pd
from rich.console import Console

from mixwright import mixers
from mixwright.progress import say
from mixwright.trust.planted import KINDS
from mixwright.trust.regret import Plan, Problem, trained

MIXERS = ("effective-data", "wide-law")
DOMAINS = (5, 8, 14)
TARGETS = 3
NOISE = 0.01
# name -> method of the first round, rounds
WAYS = {
    "dirichlet, 1 round": ("dirichlet", 1),
    "informative, 1 round": ("informative", 1),
    "informative, 2 rounds": ("informative", 2),
}


def played(
    seed: int, domains: int, kind: str, runs: int, names: list[str], ways: list[str]
) -> list[dict]:
    """A row a way of choosing the runs and a mixer, of one problem."""
    base = Plan(domains, TARGETS, runs, NOISE)
    problem = Problem.of(kind, seed, base)
    rows = []
    for way in ways:
        method, rounds = WAYS[way]
        plan = Plan(domains, TARGETS, runs, NOISE, rounds, method=method)
        observations = trained(problem, plan)
        for name in names:
            fitted = mixers.create(name).fit(observations)
            regret = problem.regret(fitted.propose(problem.goal).weights)
            facts = {"kind": kind, "domains": domains, "seed": seed, "way": way, "mixer": name}
            rows.append(facts | {"regret": regret, "form": getattr(fitted, "form", "")})
    return rows


def report(frame: pd.DataFrame, console: Console) -> None:
    """Prints regrets by way and mixer, and their means by kind."""
    groups = frame.groupby(["way", "mixer"]).regret
    summary = pd.DataFrame(
        {
            "problems": groups.size(),
            "median": groups.median(),
            "mean": groups.mean(),
            "nine of ten under": groups.quantile(0.9),
            "worse than uniform": groups.apply(lambda regrets: (regrets > 1).sum()),
        }
    )
    by_kind = frame.pivot_table(index="kind", columns=["way", "mixer"], values="regret")
    for table in (summary, by_kind):
        console.print(table.round(3).to_string())


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=64)
    parser.add_argument("--seeds", type=int, nargs="*", default=[10, 11])
    parser.add_argument("--mixers", nargs="*", default=list(MIXERS))
    parser.add_argument("--ways", nargs="*", choices=list(WAYS), default=list(WAYS))
    parser.add_argument("--to", help="a csv of every problem")
    options = parser.parse_args(words)
    rows = []
    began = time.monotonic()
    for seed in options.seeds:
        for domains in DOMAINS:
            for kind in KINDS:
                rows += played(seed, domains, kind, options.runs, options.mixers, options.ways)
            say(f"seed {seed}, {domains} domains: {time.monotonic() - began:,.0f} s")
    frame = pd.DataFrame(rows)
    if options.to:
        frame.to_csv(options.to, index=False)
    report(frame, Console(width=200))
    return 0


if __name__ == "__main__":
    sys.exit(main())
