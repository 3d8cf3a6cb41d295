"""CPU-seconds and held-out rank correlation of the mixers on one planted swarm, side by side in one run and in interleaved rounds.

python benchmarks/mixers.py
"""

import statistics
import time

import numpy as np
from rich.console import Console
from rich.table import Table

from mixwright import mixers
from mixwright.mixture import Bounds, Domain, Goal
from mixwright.observations import Observations
from mixwright.validation import score

NAMES = ("regmix", "regmix-linear", "effective-data")
ROUNDS, DOMAINS, TARGETS, RUNS = 3, 17, 13, 64


def planted(rng: np.random.Generator, runs: int) -> Observations:
    """Losses E + (sum_i K_i w_i^.7)^-.3 with noise of 1 % of their spread."""
    weights = rng.dirichlet(np.full(DOMAINS, 0.4), runs)
    transfer = np.random.default_rng(1).gamma(0.5, 1.0, (TARGETS, DOMAINS)) + 0.02
    losses = 2 + (weights**0.7 @ transfer.T) ** -0.3
    losses += 0.01 * losses.std(axis=0) * rng.standard_normal(losses.shape)
    names = [tuple(f"{prefix}{i:03}" for i in range(count)) for prefix, count in (("d", DOMAINS), ("t", TARGETS), ("r", runs))]
    return Observations(*names, ("swarm",) * runs, weights * 1e6, losses)


def main() -> None:
    rng = np.random.default_rng(0)
    seen, unseen = planted(rng, RUNS), planted(rng, 256)
    domains = tuple(Domain(name, 10_000_000) for name in seen.domains)
    goal = Goal(domains, dict.fromkeys(seen.targets, 1 / TARGETS), 1e6, Bounds.of(domains, 1e6, dict.fromkeys(seen.domains, 0.3)))
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
    ranks: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name in NAMES:
            start = time.process_time()
            fitted = mixers.create(name).fit(seen)
            middle = time.process_time()
            fitted.propose(goal)
            seconds[name].append((middle - start, time.process_time() - middle))
            predicted = fitted.predict(unseen.amounts)
            ranks[name] = float(np.mean([score(unseen.losses[:, k], predicted[:, k])["spearman"] for k in range(TARGETS)]))
    fits = {name: statistics.median(fit for fit, _ in seconds[name]) for name in NAMES}
    table = Table("mixer", "fit CPU-s", "against regmix", "propose CPU-s", "rank correlation", title=f"{RUNS} runs, {DOMAINS} x {TARGETS}")
    for name in NAMES:
        propose = statistics.median(propose for _, propose in seconds[name])
        table.add_row(name, f"{fits[name]:.3f}", f"{fits[name] / fits['regmix']:.2f}", f"{propose:.2f}", f"{ranks[name]:.3f}")
    Console().print(table)


if __name__ == "__main__":
    main()
