"""Regret of mixtures proposed for 10 times the largest trained scale of planted truths.

The regret is in percent of uniform's. The speed of water-filling is measured too.

OMP_NUM_THREADS=1 python benchmarks/scales.py      # two minutes of one core
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.optimize import minimize

from mixwright import mixers
from mixwright.goal import Goal
from mixwright.mixers.autoscale.autoscale import water_filling
from mixwright.mixers.laws.law import Law
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.simplex.bounds import Bounds

UNIT, TARGETS = 1e6, 3  # tokens of the largest trained scale
TOTALS, FAR, FACTOR = (UNIT / 4, UNIT), 10 * UNIT, 3.0
CHOICES = ("joint", "autoscale", "keep", "effective-data")
SEEDS = range(10, 14)  # the joint law's settings were chosen on seeds 0 to 2
CASES = [
    (kind, noise, domains)
    for kind in ("joint law", "offsets", "pure")
    for noise in (0.0, 0.001, 0.005)
    for domains in (4, 7)
]
Truth = Callable[[Array], Array]  # (runs, domains) tokens -> (runs, targets) nats/token


def truth(kind: str, domains: int, seed: int) -> Truth:
    """Draws a planted truth of one kind.

    `joint law` is of the family of the joint law. `offsets` and `pure` have one target, a sum of
    separate powers c_i (n_i + a_i)^-b_i, as AutoScale assumes. In `offsets`, a_i is 0.1 to 1 of
    uniform's amount; in `pure` it is 0.
    """
    rng = np.random.default_rng((seed, domains, 7))
    if kind == "joint law":
        shape = (TARGETS, domains)
        levels = [
            rng.uniform(low, high, TARGETS)
            for low, high in ((1, 3), (0.5, 2), (0.15, 0.5), (0.02, 0.5))
        ]
        law = Law(
            *levels,
            np.exp(rng.normal(-1, 1, shape)),
            rng.uniform(0.4, 0.95, shape),
            np.zeros(shape),
        )
        return lambda n: law.predict(n / UNIT)
    a, b = (
        rng.uniform(0.1, 1, domains) / domains * (kind == "offsets"),
        rng.uniform(0.1, 0.9, domains),
    )
    c = rng.gamma(0.5, 1.0, domains) / domains / (b * (1 / domains + a) ** (-b - 1))
    return lambda n: 2 + (c * (n / UNIT + a) ** -b).sum(axis=1, keepdims=True)


def study(losses: Truth, domains: int, seed: int, noise: float) -> Observations:
    """The perturb design at both totals around one base, and 32 swarm runs at the larger."""
    rng = np.random.default_rng((seed, domains))
    base = rng.dirichlet(np.full(domains, 3.0))
    changes = np.concatenate([np.zeros((1, domains)), np.eye(domains), -np.eye(domains)])
    perturbed = np.concatenate([base * total * FACTOR**changes for total in TOTALS])
    amounts = np.concatenate(
        [perturbed, UNIT * rng.dirichlet(np.maximum(base * domains * 0.8, 0.1), 32)]
    )
    measured = losses(amounts)
    measured = measured + noise * rng.standard_normal(measured.shape)
    names = [
        tuple(f"{prefix}{i:03}" for i in range(n))
        for prefix, n in (("d", domains), ("t", measured.shape[1]), ("r", len(amounts)))
    ]
    return Observations(*names, ("perturb",) * len(perturbed) + ("swarm",) * 32, amounts, measured)


def regrets(kind: str, noise: float, domains: int, seed: int) -> dict[str, float]:
    """Share of uniform's distance from the optimum that each proposal leaves.

    Proposal and optimum are for 10 times the largest scale.
    """
    losses = truth(kind, domains, seed)
    observations = study(losses, domains, seed, noise)
    sources = tuple(Domain(name, 10**12) for name in observations.domains)
    goal = Goal(
        sources,
        dict.fromkeys(observations.targets, 1 / len(observations.targets)),
        FAR,
        Bounds.of(sources, FAR),
        seed,
    )

    def at(weights: Array) -> float:
        return float(losses(weights[None] * FAR).mean())

    best = _least(at, domains)
    uniform = at(np.full(domains, 1 / domains)) - best
    perturbed = np.array(observations.roles) == "perturb"
    larger = np.arange(len(observations.runs)) > 2 * domains
    last = observations.only(np.flatnonzero(perturbed & larger))
    fits = {name: mixers.create(name).fit(observations) for name in CHOICES if name != "keep"}
    fits["keep"] = mixers.create("autoscale").fit(last)
    return {name: (at(fit.propose(goal).weights) - best) / uniform for name, fit in fits.items()}


def _least(at: Callable[[Array], float], domains: int) -> float:
    """The least objective over the simplex, by BFGS of logits from seven starts."""

    def of_logits(logits: Array) -> float:
        weights = np.exp(logits - logits.max())
        return at(weights / weights.sum())

    starts = np.concatenate(
        [np.zeros((1, domains)), np.random.default_rng(0).normal(size=(6, domains))]
    )
    return min(
        float(minimize(of_logits, start, method="BFGS", options={"gtol": 1e-10}).fun)
        for start in starts
    )


def at_ten_times() -> Table:
    table = Table(
        "truth",
        "noise",
        "domains",
        *CHOICES,
        title="regret at 10 times the largest trained scale, % of uniform's: median (worst)",
    )
    for kind, noise, domains in CASES:
        say(f"{kind}, noise {noise:g}, {domains} domains")
        results = [regrets(kind, noise, domains, seed) for seed in SEEDS]
        cells = [[100 * regret[name] for regret in results] for name in CHOICES]
        table.add_row(
            kind,
            f"{noise:g}",
            str(domains),
            *(f"{statistics.median(cell):.2f} ({max(cell):.2f})" for cell in cells),
        )
    return table


def speed() -> Table:
    """Wall time of an optimum with floors and caps, the median of 200."""
    table = Table("domains", "ms", title="water-filling")
    for domains in (7, 20, 50):
        rng, times = np.random.default_rng(0), []
        a, b = rng.uniform(0, 1, domains), rng.uniform(0.1, 2, domains)
        for _ in range(200):
            start = time.perf_counter()
            water_filling(a, b, domains, 0.2, 3.0)
            times.append(1e3 * (time.perf_counter() - start))
        table.add_row(str(domains), f"{statistics.median(times):.2f}")
    return table


if __name__ == "__main__":
    console = Console(width=130)
    console.print(speed())
    console.print(at_ten_times())
