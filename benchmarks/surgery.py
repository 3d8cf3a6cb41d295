"""Whether the runs that surgery says are needed do what a new swarm does.

python benchmarks/surgery.py planted [SEEDS]      truths of nine kinds, 48 runs, 6 domains
python benchmarks/surgery.py regmix [SEEDS]       RegMix's 768 runs of 1M, in MIXWRIGHT_MIRROR

A line a way: `redo` is a new swarm; `without` the carried runs alone; `surgery` these and those
that are needed; `strict`, with its needed ones, leaves out what a law would have to move. Ranks are
Spearman's, of the targets' mean; regrets are shares of what equal weights miss.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from mixwright import mixers
from mixwright.designs import informative
from mixwright.designs.elsewhere import NO_BOUNDS, Wanted, designed
from mixwright.designs.surgery import Add, Drop, Merge, Operation, Split, Surgery
from mixwright.errors import MixwrightError
from mixwright.goal import Goal
from mixwright.measured.loss_tables import read_observations
from mixwright.mixture import Array, Domain
from mixwright.observations import Observations
from mixwright.simplex.bounds import Bounds
from mixwright.trust.planted import KINDS, Truth
from mixwright.trust.planted_optimum import optimum
from mixwright.trust.surgery import Evidence, needed

DOMAINS, RUNS, TARGETS, NOISE = 6, 48, 3, 0.02
OPERATIONS = ("drop", "add", "merge", "split")
CHANGED = ("arxiv", "freelaw", "github", "pile_cc", "wikipedia_en")


def observed(domains, targets, weights, losses) -> Observations:
    names = tuple(f"r{number:04}" for number in range(len(weights)))
    roles = ("swarm",) * len(names)
    return Observations(tuple(domains), targets, names, roles, weights, losses, derived=True)


def with_more(runs: Observations, weights: Array, losses: Array) -> Observations:
    every = np.concatenate([runs.weights, weights])
    return observed(runs.domains, runs.targets, every, np.concatenate([runs.losses, losses]))


def operation_of(name: str, part: float) -> Operation:
    operations: dict[str, Operation] = {
        "drop": Drop("d1"),
        "add": Add("z"),
        "merge": Merge("z", {"d1": part, "d2": 1 - part}),
        "split": Split("d1", {"y": part, "z": 1 - part}),
    }
    return operations[name]


def finest(surgery: Surgery) -> tuple[Array, Array]:
    """What old domains and new ones read of the finest ones: those that are split or come too."""
    change = surgery.operations[0]
    names = list(surgery.old)
    if isinstance(change, Split):
        names = [name for name in names if name != change.name] + list(change.parts)
    if isinstance(change, Add):
        names.append(change.name)
    reads = []
    for domains in (surgery.old, surgery.new):
        matrix = np.zeros((len(domains), len(names)))
        for row, domain in enumerate(domains):
            shares = {domain: 1.0}
            if isinstance(change, Merge | Split) and domain == change.name:
                shares = dict(change.parts)
            for name, share in shares.items():
                matrix[row, names.index(name)] = share
        reads.append(matrix)
    return reads[0], reads[1]


def even(names) -> tuple[Domain, ...]:
    return tuple(Domain(name, None, 1 / len(names)) for name in names)


def planted_row(name: str, kind: str, seed: int) -> dict[str, float]:
    """One planted problem, all ways."""
    place = [seed, DOMAINS, list(KINDS).index(kind), ["drop", "add", "merge", "split"].index(name)]
    rng = np.random.default_rng(place)
    change = operation_of(name, float(rng.uniform(0.3, 0.7)))
    surgery = Surgery.of([f"d{number}" for number in range(DOMAINS)], [change])
    of_old, of_new = finest(surgery)
    truth = KINDS[kind](rng, of_old.shape[1], TARGETS)
    targets = tuple(f"t{number}" for number in range(TARGETS))
    count = len(surgery.new)
    bounds = Bounds(np.zeros(count), np.ones(count))
    importance = np.full(TARGETS, 1 / TARGETS)
    new_truth = Truth(lambda weights: truth(weights @ of_new), convex=truth.convex)
    best = optimum(new_truth, importance, bounds, seed).loss
    room = max(float(new_truth(np.full((1, count), 1 / count)).mean()) - best, 1e-9)
    goal = Goal(even(surgery.new), dict.fromkeys(targets, 1 / TARGETS), 1.0, bounds, seed)

    def design(names, seed) -> Array:
        wanted = Wanted(even(names), {**NO_BOUNDS, "tokens": 1.0}, RUNS, seed=seed)
        return designed(wanted).weights

    old = design(surgery.old, seed)
    exact = truth(old @ of_old)
    noise = NOISE * exact.std(axis=0)

    def measured(losses: Array) -> Array:
        return losses + noise * rng.standard_normal(losses.shape)

    def judged(runs: Observations) -> tuple[float, float]:
        fitted = mixers.create("effective-data").fit(runs)
        proposed = fitted.propose(goal).weights
        missed = float(new_truth(proposed[None]).mean()) - best
        others = np.random.default_rng(7).dirichlet(np.full(count, 0.5), 300)
        predicted = fitted.predict(others).mean(axis=1)
        rank = spearmanr(predicted, new_truth(others).mean(axis=1)).statistic
        return float(rank), missed / room

    before = observed(surgery.old, targets, old, measured(exact))
    middle = surgery.middle(np.full(DOMAINS, 1 / DOMAINS))
    redo = design(surgery.new, seed + 100)
    row: dict[str, float] = {"needed": np.nan, "needed strict": np.nan}
    swarm = observed(surgery.new, targets, redo, measured(new_truth(redo)))
    row["rank redo"], row["regret redo"] = judged(swarm)
    for way, law in (("surgery", True), ("strict", False)):
        try:
            evidence = Evidence.of(before, surgery, law)
            if law:
                row["rank without"], row["regret without"] = judged(evidence.runs)
            wanted = needed(evidence, bounds, middle, seed).weights
            runs = with_more(evidence.runs, wanted, measured(new_truth(wanted)))
            row[f"rank {way}"], row[f"regret {way}"] = judged(runs)
            row["needed" if law else "needed strict"] = len(wanted)
        except MixwrightError:
            # too few runs are valid
            continue
    return row


def regmix_runs() -> tuple[Array, Array, tuple[str, ...], tuple[str, ...]]:
    folder = Path(os.environ["MIXWRIGHT_MIRROR"]) / "regmix"
    weights, losses = [], []
    for mixtures, measured in (
        ("train_mixture_1m.csv", "train_pile_loss_1m.csv"),
        ("test_mixture_1m.csv", "test_pile_loss_1m.csv"),
    ):
        runs = read_observations([folder / mixtures], [folder / measured])
        weights.append(runs.weights)
        losses.append(runs.losses)
    return np.concatenate(weights), np.concatenate(losses), runs.domains, runs.targets


def regmix_row(name: str, changed: str, seed: int, tables) -> dict[str, float]:
    """64 runs of RegMix's, a domain dropped or added, and runs of the tables as the new ones."""
    weights, losses, names, targets = tables
    column = next(place for place, domain in enumerate(names) if changed in domain)
    others = [place for place in range(len(names)) if place != column]
    rng = np.random.default_rng([seed, column])
    every = rng.permutation(len(weights))
    without = rng.permutation(np.flatnonzero(weights[:, column] == 0))
    if name == "drop":
        test, free = without[:100], without[100:]
        old = every[~np.isin(every, test)][:64]
        surgery = Surgery.of(names, [Drop(names[column])])
        before = observed(names, targets, weights[old], losses[old])
        over_new, old_pool, new_pool = weights[:, others], weights, weights[without][:, others]
        candidates = free[~np.isin(free, old)]
    else:
        old = without[:64]
        left = every[~np.isin(every, old)]
        test, free = left[:200], left[200:]
        kept = [names[place] for place in others]
        surgery = Surgery.of(kept, [Add(names[column])])
        before = observed(kept, targets, weights[old][:, others], losses[old])
        over_new = weights[:, [names.index(domain) for domain in surgery.new]]
        old_pool, new_pool = weights[without][:, others], over_new
        candidates = free[weights[free, column] > 0]

    def rank(runs: Observations) -> float:
        predicted = mixers.create("effective-data").fit(runs).predict(over_new[test])
        return float(spearmanr(predicted.mean(axis=1), losses[test].mean(axis=1)).statistic)

    redo = free[informative.choose(over_new[free], 64)]
    row = {"rank redo": rank(observed(surgery.new, targets, over_new[redo], losses[redo]))}
    level = float(informative.uncertainty(old_pool, before.weights).max())
    evidence = Evidence.of(before, surgery)
    row["rank without"] = rank(evidence.runs)
    order = informative.choose(over_new[candidates], 64, evidence.runs.weights, evidence.noise)
    for count in range(len(order) + 1):
        more = over_new[candidates[order[:count]]]
        there = np.concatenate([evidence.runs.weights, more])
        noise = np.concatenate([evidence.noise, np.full(count, informative.NOISE)])
        if informative.uncertainty(new_pool, there, noise).max() <= level:
            break
    chosen = candidates[order[:count]]
    row["needed"] = count
    row["rank surgery"] = rank(with_more(evidence.runs, over_new[chosen], losses[chosen]))
    return row


def rows(which: str, seeds: int) -> Iterator[dict[str, float | str]]:
    if which == "planted":
        for name in OPERATIONS:
            for kind in KINDS:
                for seed in range(seeds):
                    yield {"operation": name, **planted_row(name, kind, seed)}
        return
    tables = regmix_runs()
    for name in ("drop", "add"):
        for changed in CHANGED:
            for seed in range(seeds):
                yield {"operation": name, **regmix_row(name, changed, seed, tables)}


def main() -> None:
    which = sys.argv[1]
    seeds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    frame = pd.DataFrame(rows(which, seeds))
    pd.set_option("display.width", 200, "display.max_columns", 20)
    print(frame.groupby("operation").mean(numeric_only=True).round(4).T)
    print(frame.groupby("operation").median(numeric_only=True).round(4).T)


if __name__ == "__main__":
    main()
