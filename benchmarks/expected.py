"""What rank correlation and regret to expect of so many runs: the table of jobs/plan/accuracy.py.

Two sources. RegMix's published tables: subsets of the 512 runs of 17 domains are fitted and rank
the test runs at three sizes. Planted problems, whose truth is known: nine kinds of truth, three
numbers of domains, three amounts of noise; the fit ranks unseen mixtures by their true losses, and
the regret of its proposal is a share of uniform's.

Noise is the standard deviation of a run's loss over seeds, in units of the swarm's own spread.

MIXWRIGHT_MIRROR=<mirror> OMP_NUM_THREADS=1 python benchmarks/expected.py      # minutes of one core
python benchmarks/expected.py --planted                                         # without RegMix's
"""

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from evidence import TARGETS, TOKENS
from rich.console import Console
from rich.table import Table

from mixwright import mixers
from mixwright.designs.elsewhere import Wanted, designed
from mixwright.goal import Goal
from mixwright.measured.loss_tables import read_observations
from mixwright.mixture import Domain
from mixwright.numerics.rank_correlation import spearman_of_rows
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.simplex.bounds import Bounds
from mixwright.trust.planted import KINDS, Truth
from mixwright.trust.planted_optimum import optimum
from mixwright.trust.tests import score_subsets

REGMIX = {"1M": "1m", "60M": "60m", "1B": "1B"}
SUBSETS = {
    "effective-data": {"runs": [24, 32, 48, 64, 96, 128, 256, 512], "informative": True},
    "regmix": {"runs": [64, 128, 256, 512], "informative": False},
}
RANDOM = 3
DOMAINS = (5, 8, 14)
RUNS_PER_DOMAIN = (1, 2, 3, 4, 6, 8, 12, 16)
NOISES = (0.02, 0.1, 0.3)
UNSEEN = 400


def published() -> pd.DataFrame:
    """Mean rank correlation of the 13 targets: a row a mixer, way and number of runs."""
    folder = Path(os.environ["MIXWRIGHT_MIRROR"]) / "regmix"

    def table(name: str) -> Observations:
        mixtures, losses = name.split(" ")
        return read_observations([folder / f"{mixtures}.csv"], [folder / f"{losses}.csv"])

    swarm = table("train_mixture_1m train_pile_loss_1m")
    tests = {}
    for name, size in REGMIX.items():
        tests[name] = table(f"test_mixture_{size} test_pile_loss_{size}")
    frames = []
    for mixer, subsets in SUBSETS.items():
        wanted = subsets | {"random": RANDOM}
        frames.append(score_subsets(mixer, {}, swarm, tests, wanted, seed=42, log=say))
    frame = pd.concat(frames)
    means = frame.groupby(["mixer", "way", "runs", "test"]).spearman.mean().unstack("test")
    return means[list(REGMIX)].reset_index()


def planted(seeds: int) -> pd.DataFrame:
    """One row a planted problem: rank correlation, and regret as a share of uniform's."""
    rows = []
    for kind, domains, noise, seed in _problems(seeds):
        rng = np.random.default_rng([seed, domains, list(KINDS).index(kind), round(1000 * noise)])
        truth = KINDS[kind](rng, domains)
        for per_domain in RUNS_PER_DOMAIN:
            runs = per_domain * domains
            if runs < 12:
                continue
            facts = {"kind": kind, "domains": domains, "noise": noise}
            rows.append(
                facts | {"per_domain": per_domain} | _judged(truth, domains, runs, noise, rng)
            )
    return pd.DataFrame(rows)


def _problems(seeds: int) -> Iterator[tuple]:
    for domains in DOMAINS:
        for noise in NOISES:
            say(f"{domains} domains, noise {noise:g}")
            for kind in KINDS:
                for seed in range(seeds):
                    yield kind, domains, noise, seed


def _judged(
    truth: Truth, domains: int, runs: int, noise: float, rng: np.random.Generator
) -> dict[str, float]:
    sizes = np.round(1e9 * rng.dirichlet(np.full(domains, 3.0))).astype(int)
    names = [f"d{number:02}" for number in range(domains)]
    available = tuple(Domain(name, int(size)) for name, size in zip(names, sizes, strict=True))
    seed = int(rng.integers(2**31))
    wanted = Wanted(available, {"tokens": TOKENS}, runs, "dirichlet", seed=seed)
    weights = designed(wanted).weights
    spread = truth(weights).std(axis=0)
    losses = truth(weights) + noise * spread * rng.standard_normal((runs, len(TARGETS)))
    labels = tuple(f"r{number:04}" for number in range(runs))
    swarm = Observations(tuple(names), TARGETS, labels, ("swarm",) * runs, weights * TOKENS, losses)
    fitted = mixers.create("effective-data", {}).fit(swarm)
    unseen = designed(Wanted(available, {"tokens": TOKENS}, UNSEEN, "dirichlet", seed=seed + 1))
    predicted = fitted.predict(unseen.weights * TOKENS)
    ranks = spearman_of_rows(truth(unseen.weights).T, predicted.T)
    bounds = Bounds(np.zeros(domains), np.ones(domains))
    goal = Goal(available, dict.fromkeys(TARGETS, 1 / len(TARGETS)), TOKENS, bounds, 0)
    proposed = fitted.propose(goal).weights
    importance = np.full(len(TARGETS), 1 / len(TARGETS))
    best = optimum(truth, importance, bounds, seed).weights
    uniform = np.full(domains, 1 / domains)
    loss = [float(truth(w[None]).mean()) for w in (proposed, best, uniform)]
    picked = weights[losses.mean(axis=1).argmin()]
    picked_loss = float(truth(picked[None]).mean())
    return {
        "spearman": float(np.mean(ranks)),
        "regret": (loss[0] - loss[1]) / (loss[2] - loss[1]),
        "best_of_swarm": (picked_loss - loss[1]) / (loss[2] - loss[1]),
    }


def _as_table(frame: pd.DataFrame, title: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in frame.columns:
        table.add_column(str(name), justify="right")
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row])
    return table


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--planted", action="store_true", help="leave RegMix's tables out")
    parser.add_argument("--seeds", type=int, default=2, help="problems of a kind (default 2)")
    options = parser.parse_args(words)
    console = Console(width=120)
    if not options.planted:
        console.print(_as_table(published(), "RegMix's tables, 17 domains: rank correlation"))
    frame = planted(options.seeds)
    by = ["noise", "per_domain"]
    for keys in (by, [*by[:1], "domains", *by[1:]]):
        parts = frame.groupby(keys)
        summary = parts[["spearman", "regret", "best_of_swarm"]].median()
        summary["spearman_low"] = parts.spearman.quantile(0.1)
        summary["regret_high"] = parts.regret.quantile(0.9)
        console.print(_as_table(summary.reset_index(), "planted problems: median, worst tenth"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
