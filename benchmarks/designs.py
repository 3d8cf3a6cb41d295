"""CPU-seconds of a swarm's design and of MixMin's intervals.

A user waits for the design before the trainings, and for the intervals after them.

OMP_NUM_THREADS=1 python benchmarks/designs.py
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.observations import Likelihoods, Observations
from mixwright.simplex.bounds import Bounds, Group
from mixwright.simplex.sampling import sample_rows

ROWS, DOMAINS, EXAMPLES, ROUNDS = 512, 17, 500, 5


def design(tight: bool, grouped: bool) -> Callable[[], Any]:
    """Returns a function that draws a swarm around natural.

    With `tight` the swarm is inside a box that rejects nearly everything. With `grouped` it is
    inside sums of groups too.
    """
    natural = np.random.default_rng(0).dirichlet(np.full(DOMAINS, 0.7))
    lower, upper = (
        (0.2 * natural, np.minimum(1, 1.3 * natural))
        if tight
        else (np.zeros(DOMAINS), np.ones(DOMAINS))
    )
    near = natural[:4].sum()
    groups = (
        Group("a", (0, 1, 2, 3), 0.95 * near, 1.05 * near),
        Group("b", (5, 8, 9), 0.0, natural[[5, 8, 9]].sum()),
    )
    return lambda: sample_rows(
        0.5 * natural,
        lower,
        upper,
        [np.random.default_rng([1, i]) for i in range(ROWS)],
        groups if grouped else (),
    )


def intervals() -> Callable[[], Any]:
    """MixMin's proposal with its 100 draws from likelihoods of seven domains."""
    names = tuple("abcdefg")
    values = np.random.default_rng(0).normal(-100, 2, (EXAMPLES, len(names)))
    observations = Observations(
        names,
        ("t",),
        names,
        ("vertex",) * len(names),
        1e6 * np.eye(len(names)),
        np.ones((len(names), 1)),
        {"t": Likelihoods(values, np.full(EXAMPLES, 40.0))},
    )
    domains = tuple(Domain(name, 10**6) for name in names)
    mixer = create("mixmin", {"tau": 0.01}).fit(observations)
    return lambda: mixer.propose(
        Goal(domains, {"t": 1.0}, 1e6, Bounds(np.zeros(len(names)), np.ones(len(names))))
    )


def seconds(work: Callable[[], Any]) -> list[float]:
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return times


def main() -> None:
    table = Table("work", "CPU-s, median", "least", "greatest", title=f"{ROUNDS} rounds")
    cases = {
        f"{ROWS} mixtures of {DOMAINS} domains": design(tight=False, grouped=False),
        "the same in a tight box": design(tight=True, grouped=False),
        "and inside sums of groups": design(tight=True, grouped=True),
        f"MixMin's 100 draws, {EXAMPLES} examples x 7": intervals(),
    }
    for name, work in cases.items():
        times = seconds(work)
        spread = (statistics.median(times), min(times), max(times))
        table.add_row(name, *(f"{value:.2f}" for value in spread))
    Console().print(table)


if __name__ == "__main__":
    main()
