"""CPU-seconds of the steps that an own table takes: fit, proposal and its 100 refits, by mixer.

OMP_NUM_THREADS=1 python benchmarks/own_tables_speed.py [RUNS ...]

The swarm is that of `mixers.py`: 17 domains, 13 targets; 64 and 512 runs where none are named.
Proposals are capped at .3 a domain.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from mixers import TARGETS, planted

from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.trust.bootstrap import propose

NAMES = ("effective-data", "additive", "bimix", "log-linear", "joint", "regmix-linear", "regmix")
SIZES = (64, 512)


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]]
    for runs in sizes or SIZES:
        swarm = planted(np.random.default_rng(0), runs)
        print(f"{runs} runs: CPU-seconds of fit, proposal, proposal with intervals")
        for name in NAMES:
            show(name, swarm)


def show(name: str, swarm: Observations) -> None:
    """Prints a line on one mixer."""
    goal = capped(swarm)
    fit, seconds = timed(lambda: create(name).fit(swarm))
    _, alone = timed(lambda: fit.propose(goal))
    _, intervals = timed(lambda: propose(fit, swarm, goal))
    print(f"  {name:<15} {seconds:8.3f} {alone:8.3f} {intervals:8.3f}", flush=True)


def capped(swarm: Observations) -> Goal:
    """The goal of equal targets with a cap of .3 on every domain."""
    domains = tuple(Domain(name, 10_000_000) for name in swarm.domains)
    caps = dict.fromkeys(swarm.domains, 0.3)
    targets = dict.fromkeys(swarm.targets, 1 / TARGETS)
    return Goal(domains, targets, 1e6, Bounds.of(domains, 1e6, caps))


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work returns, and the CPU-seconds that it takes: the least of three tries."""
    seconds = []
    for _ in range(3):
        start = time.process_time()
        result = work()
        seconds.append(time.process_time() - start)
        if seconds[-1] > 2:
            break
    return result, min(seconds)


if __name__ == "__main__":
    main()
