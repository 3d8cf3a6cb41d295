"""CPU-seconds, certified gap and held-out rank correlation of the mixers on one planted swarm.

The mixers are compared in one run, in interleaved rounds, at 64 and at 512 runs. Then comes the
regret of their proposals on planted laws whose optimum is known, as a share of uniform's.

OMP_NUM_THREADS=1 python benchmarks/mixers.py      # about two minutes of one core

A line on stderr shows the progress.
"""

import statistics
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from mixwright import mixers
from mixwright.goal import Goal
from mixwright.mixers.laws.law import Law
from mixwright.mixers.laws.optimum import best_mixture
from mixwright.mixture import Domain
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.simplex.bounds import Bounds
from mixwright.trust.validation import score

NAMES = ("regmix", "regmix-linear", "log-linear", "additive", "bimix", "effective-data")
PROPOSERS = ("regmix", "log-linear", "additive", "effective-data", "ensemble")
PLANTED = [
    (domains, capped, seed)
    for domains in (7, 12, 20)
    for capped in (False, True)
    for seed in range(3)
]
ROUNDS, DOMAINS, TARGETS, SIZES = 3, 17, 13, (64, 512)


def planted(rng: np.random.Generator, runs: int) -> Observations:
    """Losses E + (sum_i K_i w_i^.7)^-.3 with noise of 1 % of their spread."""
    weights = rng.dirichlet(np.full(DOMAINS, 0.4), runs)
    transfer = np.random.default_rng(1).gamma(0.5, 1.0, (TARGETS, DOMAINS)) + 0.02
    losses = 2 + (weights**0.7 @ transfer.T) ** -0.3
    losses += 0.01 * losses.std(axis=0) * rng.standard_normal(losses.shape)
    names = [
        tuple(f"{prefix}{i:03}" for i in range(count))
        for prefix, count in (("d", DOMAINS), ("t", TARGETS), ("r", runs))
    ]
    return Observations(*names, ("swarm",) * runs, weights * 1e6, losses)


def main() -> None:
    console = Console(width=120)
    for runs in SIZES:
        console.print(speed(runs))
    console.print(regrets())


def speed(runs: int) -> Table:
    """Times the fit and the proposal of every mixer: medians of the rounds.

    Proposals are capped at .3 a domain.
    """
    rng = np.random.default_rng(0)
    swarm = planted(rng, runs)
    held_out = planted(rng, 256)
    domains = tuple(Domain(name, 10_000_000) for name in swarm.domains)
    goal = Goal(
        domains,
        dict.fromkeys(swarm.targets, 1 / TARGETS),
        1e6,
        Bounds.of(domains, 1e6, dict.fromkeys(swarm.domains, 0.3)),
    )
    fits: dict[str, list[float]] = {name: [] for name in NAMES}
    last: dict[str, tuple[float, float | None, float]] = {}
    for turn in range(ROUNDS):
        for name in NAMES:
            say(f"{runs} runs, round {turn + 1} of {ROUNDS}: {name}")
            start = time.process_time()
            fitted = mixers.create(name).fit(swarm)
            fits[name].append(time.process_time() - start)
            # A search of 100,000 mixtures takes seconds: one round is enough to know them.
            if turn and "regmix" in name:
                continue
            start = time.process_time()
            proposal = fitted.propose(goal)
            seconds, predicted = time.process_time() - start, fitted.predict(held_out.amounts)
            rank = float(
                np.mean(
                    [
                        score(held_out.losses[:, k], predicted[:, k])["spearman"]
                        for k in range(TARGETS)
                    ]
                )
            )
            last[name] = (seconds, proposal.gap, rank)
    middle = {name: statistics.median(times) for name, times in fits.items()}
    table = Table(
        "mixer",
        "fit CPU-s",
        "against regmix",
        "propose CPU-s",
        "gap",
        "rank correlation",
        title=f"{runs} runs, {DOMAINS} x {TARGETS}",
    )
    for name, (seconds, gap, rank) in last.items():
        certified = "" if gap is None else f"{gap:.0e}"
        table.add_row(
            name,
            f"{middle[name]:.3f}",
            f"{middle[name] / middle['regmix']:.2f}",
            f"{seconds:.3f}",
            certified,
            f"{rank:.3f}",
        )
    return table


def regrets() -> Table:
    """Worst and mean regret over seeds of proposals from 60 runs, in percent of uniform's.

    There is one row for each size and each kind of caps of the planted law.
    """
    cases: dict[tuple[int, bool], list[dict[str, float]]] = {}
    for number, (domains, capped, seed) in enumerate(PLANTED):
        say(f"regret: planted law {number + 1} of {len(PLANTED)}")
        cases.setdefault((domains, capped), []).append(regret(domains, capped, seed))
    table = Table(
        "domains", "caps", *PROPOSERS, title="regret in % of uniform's at 60 runs: mean (worst)"
    )
    for (domains, capped), shares in cases.items():
        cells = [[100 * share[name] for share in shares] for name in PROPOSERS]
        table.add_row(
            str(domains),
            "1.5 / domains" if capped else "none",
            *(f"{statistics.mean(c):.1f} ({max(c):.1f})" for c in cells),
        )
    return table


def regret(domains: int, capped: bool, seed: int) -> dict[str, float]:
    """Share of uniform's distance from the optimum that each proposal leaves.

    The optimum of the planted law is certified. The law has 4 targets and noise of 1 %.
    """
    rng = np.random.default_rng((seed, domains))
    shape, weights = (4, domains), rng.dirichlet(np.full(domains, 0.6), 60)
    transfer = np.exp(rng.normal(-1.2, 1.2, shape))
    law = Law(
        np.full(4, 2.0),
        np.ones(4),
        rng.uniform(0.15, 0.5, 4),
        np.full(4, 0.05),
        transfer,
        rng.uniform(0.5, 0.95, shape),
        0 * transfer,
    )
    losses = law.predict(weights)
    losses += 0.01 * losses.std(axis=0) * rng.standard_normal(losses.shape)
    names = [
        tuple(f"{prefix}{i:03}" for i in range(count))
        for prefix, count in (("d", domains), ("t", 4), ("r", 60))
    ]
    observations = Observations(*names, ("swarm",) * 60, weights * 1e6, losses)
    sources = tuple(Domain(name, 10_000_000) for name in observations.domains)
    caps = dict.fromkeys(observations.domains, 1.5 / domains) if capped else {}
    bounds = Bounds.of(sources, 1e6, caps)
    # Under caps the optimum lies far from uniform only if one target counts most.
    goal = Goal(sources, {"t000": 0.7, "t001": 0.1, "t002": 0.1, "t003": 0.1}, 1e6, bounds)
    importance = np.array(list(goal.targets.values()))
    best, _ = best_mixture(law, importance, bounds.lower, bounds.upper)

    def above(mixture: np.ndarray) -> float:
        return float((law.predict(mixture[None]) - law.predict(best[None]))[0] @ importance)

    uniform = above(np.full(domains, 1 / domains))
    light = {"regmix": {"samples": 20_000, "keep": 26}}
    shares = {}
    for name in PROPOSERS:
        fit = mixers.create(name, light.get(name)).fit(observations)
        shares[name] = above(fit.propose(goal).weights) / uniform
    return shares


if __name__ == "__main__":
    main()
