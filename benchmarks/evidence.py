"""How far the verdict of a proposal can be believed, on planted problems whose truth is known.

Each problem plants a truth, in the law's family or outside it, draws a swarm, and asks a mixer for
its proposal with intervals. Counted are: whether the interval of the gain over natural covers the
true gain; how often "better" or "worse" is said, and how often it is wrong; how often "better" is
said where the proposal truly is.

OMP_NUM_THREADS=1 python benchmarks/evidence.py                 # minutes of one core
OMP_NUM_THREADS=1 python benchmarks/evidence.py --mixer regmix --every 7
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.console import Console

from mixwright.goal import Goal
from mixwright.mixers import create
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.progress import say
from mixwright.simplex.bounds import Bounds
from mixwright.trust.bootstrap import bootstrap
from mixwright.trust.planted import KINDS, Truth

Kind = Callable[..., Truth]
TARGETS = ("north", "south", "west")
TOKENS = 1e6
DRAWS = 40
RUNS = (32, 64, 128)
DOMAINS = (5, 8, 14)
SETTINGS = {
    "regmix": {"iterations": 300, "learning_rate": 0.033, "samples": 10_000},
    "ensemble": {
        "members": {
            "effective-data": {},
            "regmix": {"iterations": 100, "learning_rate": 0.1},
            "additive": {},
        },
        "samples": 1_000,
    },
}


@dataclass(frozen=True)
class Problem:
    """A swarm whose truth is known."""

    cell: str
    kind: str
    seed: int
    seen: Observations
    goal: Goal
    truth: Truth

    def objective(self, weights: Array) -> float:
        """Mean of the targets' true losses at a mixture (domains,), nats/token."""
        return float(self.truth(weights[None])[0].mean())


def nothing(rng: np.random.Generator, domains: int, targets: int = 3) -> Truth:
    """Losses that do not hang on the mixture."""
    return Truth(lambda w: np.full((len(w), len(TARGETS)), 3.0))


# cells in which no verdict is due
MUTE = (
    "untried",
    "untried in natural",
    "tried once",
    "alike",
    "few runs",
    "few mixtures",
    "nothing",
)
# cell -> domains, runs
SPECIAL = {
    "untried": (6, 48),
    "untried in natural": (6, 48),
    "tried once": (6, 48),
    "alike": (5, 24),
    "few runs": (24, 16),
    "outlier": (6, 48),
    "noise by mixture": (6, 24),
    "few mixtures": (8, 32),
    "natural is best": (6, 48),
    "nothing": (6, 40),
}


def plant(cell: str, kind: Kind, domains: int, runs: int, seed: int) -> Problem:
    """Draws a truth and a swarm of `runs` Dirichlet mixtures around natural.

    Even seeds have no caps and no repeats; odd ones cap every share at .5, and train natural four
    times more. The noise of a run is 1 to 5 % of a target's spread.
    """
    rng = np.random.default_rng([seed, domains, runs, sum(map(ord, cell + kind.__name__))])
    truth = kind(rng, domains)
    natural = rng.dirichlet(np.full(domains, 3.0))
    if cell == "natural is best":
        natural = _best(truth, natural, rng)
    weights = rng.dirichlet(np.maximum(natural * domains * 0.7, 0.1), runs)
    repeats = 4 * (seed % 2)
    weights, natural = _designed(cell, rng, weights, natural)
    spread = truth(rng.dirichlet(np.ones(domains), 200)).std(axis=0)
    noise = rng.uniform(0.01, 0.05) * np.maximum(spread, 0.05)
    scale = np.ones((len(weights), 1))
    if cell == "noise by mixture":
        scale = np.repeat(np.exp(rng.normal(0.5, 1, (len(weights) // 2, 1))), 2, axis=0)
    weights = np.concatenate([weights, np.tile(natural, (repeats, 1))])
    scale = np.concatenate([scale, np.ones((repeats, 1))])
    losses = truth(weights) + noise * scale * rng.standard_normal((len(weights), len(TARGETS)))
    if cell == "outlier":
        losses[rng.integers(runs)] += 3
    names = tuple(f"d{i:02}" for i in range(domains))
    available = tuple(
        Domain(name, int(1e7 * share)) for name, share in zip(names, natural, strict=True)
    )
    most = 1 - 0.5 * (seed % 2)
    bounds = Bounds(np.zeros(domains), np.full(domains, most))
    goal = Goal(available, dict.fromkeys(TARGETS, 1 / 3), TOKENS, bounds, seed)
    roles = ("swarm",) * runs + ("repeat",) * repeats
    labels = tuple(f"{role}{i:03}" for i, role in enumerate(roles))
    seen = Observations(names, TARGETS, labels, roles, weights * TOKENS, losses)
    return Problem(cell, kind.__name__, seed, seen, goal, truth)


def _best(truth: Truth, start: Array, rng: np.random.Generator) -> Array:
    """A mixture (domains,) that a random search finds no better one than."""
    best = start
    for width in (1.0, 0.3, 0.1, 0.03):
        for _ in range(3):
            others = rng.dirichlet(np.ones(len(start)), 1_000)
            tried = np.concatenate([best[None], (1 - width) * best + width * others])
            best = tried[truth(tried).mean(axis=1).argmin()]
    return best


def _designed(
    cell: str, rng: np.random.Generator, weights: Array, natural: Array
) -> tuple[Array, Array]:
    """The swarm's mixtures and natural, as a cell has them."""
    runs, domains = weights.shape
    if cell.startswith("untried") or cell == "tried once":
        weights[:, 0] = 0.0
        if cell == "tried once":
            weights[0, 0] = 0.2
        weights = weights / weights.sum(axis=1, keepdims=True)
        if cell == "untried":
            natural = natural * (np.arange(domains) > 0)
    if cell == "alike":
        weights = 1 / domains + rng.uniform(-0.0005, 0.0005, weights.shape)
        weights = weights / weights.sum(axis=1, keepdims=True)
        natural = np.full(domains, 1 / domains)
    if cell == "noise by mixture":
        weights = np.repeat(weights[: runs // 2], 2, axis=0)
    if cell == "few mixtures":
        weights = np.repeat(weights[: runs // 4], 4, axis=0)
    return weights, natural / natural.sum()


def problems(seeds: int) -> Iterator[Problem]:
    """The cells of kinds, runs and domains, then the special ones, with each seed."""
    for seed in range(seeds):
        for kind in KINDS.values():
            for runs in RUNS:
                for domains in DOMAINS:
                    yield plant(f"{runs} runs", kind, domains, runs, seed)
    for cell, (domains, runs) in SPECIAL.items():
        chosen = (nothing,) if cell == "nothing" else tuple(KINDS.values())
        for kind in chosen:
            for seed in range(2 * seeds * len(KINDS) // len(chosen) // 2):
                yield plant(cell, kind, domains, runs, seed)


def judge(problem: Problem, mixer: str) -> dict[str, object]:
    """One problem's verdict beside the truth."""
    full = create(mixer, SETTINGS.get(mixer)).fit(problem.seen)
    proposal = full.propose(problem.goal)
    result = bootstrap(full, problem.seen, problem.goal, proposal, DRAWS)
    natural = problem.objective(problem.goal.natural)
    true = natural - problem.objective(np.array(proposal.weights))
    gain = result.gain
    words = result.verdict
    said_verdict = "none"
    for word in ("better", "worse"):
        if words.startswith(f"{word} than"):
            said_verdict = word
    if words.startswith("these runs cannot tell"):
        said_verdict = "cannot"
    return {
        "cell": problem.cell,
        "kind": problem.kind,
        "true": true,
        "value": gain.value,
        "low": gain.low,
        "high": gain.high,
        "verdict": said_verdict,
        "words": words,
    }


def counts(frame: pd.DataFrame) -> pd.Series:
    """What a group of problems shows."""
    covered = frame.low.le(frame.true + 1e-12) & frame.high.ge(frame.true - 1e-12)
    better = frame.verdict == "better"
    worse = frame.verdict == "worse"
    wrong = better & (frame.true <= 0)
    truly = frame.true > 1e-9
    return pd.Series(
        {
            "problems": len(frame),
            "covered": covered.mean(),
            "half width": ((frame.high - frame.low) / 2).median(),
            "better": int(better.sum()),
            "wrong": int(wrong.sum()),
            "wrong of said": wrong.sum() / max(1, better.sum()),
            "wrong of all": wrong.mean(),
            "worse wrong": int((worse & (frame.true >= 0)).sum()),
            "truly better": int(truly.sum()),
            "said where true": (better & truly).sum() / max(1, truly.sum()),
            "cannot tell": int((frame.verdict == "cannot").sum()),
        }
    )


def report(frame: pd.DataFrame, console: Console) -> None:
    """Prints the counts by kind, by cell, pooled, and the cells that fail."""
    general = frame.cell.str.endswith(" runs") & ~frame.cell.str.startswith("few")
    tables = {
        "by kind of truth": frame[general].groupby("kind"),
        "by runs, and special cells": frame.groupby("cell"),
        "kinds and cells": frame.groupby(["kind", "cell"]),
    }
    with pd.option_context("display.width", 200, "display.max_columns", 20):
        for title, groups in tables.items():
            table = groups[list(frame.columns)].apply(counts).round(3)
            if title == "kinds and cells":
                failing = (table["wrong of said"] > 0.1) | (table.covered < 0.8)
                table = table[failing & (table.problems > 0)]
                title = "cells over 10 % wrong or under 80 % covered"
            console.print(f"\n{title}\n{table.to_string()}")
    pooled = {
        "all": frame,
        "without the special cells": frame[general],
        "without the cells that cannot tell": frame[~frame.cell.isin(MUTE)],
    }
    columns = {name: counts(part).round(3) for name, part in pooled.items() if len(part)}
    console.print(f"\npooled\n{pd.DataFrame(columns).to_string()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mixer", default="effective-data")
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--every", type=int, default=1, help="take each so-manieth problem")
    parser.add_argument("--to", help="a csv of every problem")
    options = parser.parse_args()
    rows = []
    for number, problem in enumerate(problems(options.seeds)):
        if number % options.every:
            continue
        rows.append(judge(problem, options.mixer))
        if number % 50 == 49:
            say(f"{number + 1} problems")
    frame = pd.DataFrame(rows)
    if options.to:
        frame.to_csv(options.to, index=False)
    report(frame, Console(width=200))


if __name__ == "__main__":
    main()
