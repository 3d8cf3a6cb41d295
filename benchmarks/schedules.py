"""What a pack of many members costs before its first step, and what an evaluation adds.

Ours is compared with what it replaced, which is kept here: schedules that were laid out whole, and
unigram losses that were computed anew for every member, target and evaluation. Each side has a
process of its own, in interleaved rounds; both give the same numbers, which is checked.

    OMP_NUM_THREADS=1 python benchmarks/schedules.py          # a small pack, a minute
    OMP_NUM_THREADS=1 python benchmarks/schedules.py --full   # 34 members, 1 B tokens, 100 domains
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from mixwright.corpus.allocation import Schedule, lay_out
from mixwright.corpus.orders import block_order
from mixwright.corpus.shards import Examples, Shard
from mixwright.corpus.unigram import Unigrams, scored_counts

# sequences of a step
BATCH = 256
VOCABULARY = 50_257
BYTES = 2**20


@dataclass(frozen=True)
class Size:
    """A pack. Every member has a seed of its own, so that no two share an order."""

    members: int
    domains: int
    # of a member
    tokens: int
    context: int
    targets: int

    @property
    def sequences(self) -> int:
        return self.tokens // self.context // BATCH * BATCH

    @property
    def weights(self) -> np.ndarray:
        return np.random.default_rng(0).dirichlet(np.ones(self.domains), self.members)

    @property
    def shards(self) -> list[Shard]:
        """Twice a member's tokens in all, that take no memory: what they are does not matter."""
        size = 2 * self.tokens // self.domains
        tokens = np.broadcast_to(np.uint16(0), (size,))
        rng = np.random.default_rng(1)
        none = Examples.of([], 0)
        shards = []
        for index in range(self.domains):
            counts = rng.integers(0, 1000, VOCABULARY)
            name = f"d{index:03}"
            shards.append(Shard(name, (tokens,), 0, VOCABULARY, name, counts, none))
        return shards


SMALL = Size(members=8, domains=50, tokens=20_000_000, context=512, targets=10)
FULL = Size(members=34, domains=100, tokens=1_000_000_000, context=2048, targets=100)


class Before:
    """The schedule that ours replaced: two tables of a run's length, made at once."""

    def __init__(self, weights: np.ndarray, shards: list[Shard], size: Size, seed: int) -> None:
        self.domains = self.allocate(weights, size.sequences)
        self.blocks = np.empty(size.sequences, np.int64)
        counts = np.bincount(self.domains, minlength=len(shards))
        for index, shard in enumerate(shards):
            count = int(counts[index])
            if count == 0:
                continue
            whole = shard.sequences(size.context)
            epochs = -(-count // whole)
            passes = [block_order(seed, shard.domain, epoch, whole) for epoch in range(epochs)]
            self.blocks[self.domains == index] = np.concatenate(passes)[:count]

    @staticmethod
    def allocate(weights: np.ndarray, sequences: int) -> np.ndarray:
        share = weights.tolist()
        counts = [0] * len(share)
        chosen = []
        for position in range(1, sequences + 1):
            pairs = zip(share, counts, strict=True)
            deficits = [weight * position - count for weight, count in pairs]
            limit = max(deficits) - 1e-9
            domain = next(index for index, deficit in enumerate(deficits) if deficit >= limit)
            chosen.append(domain)
            counts[domain] += 1
        return np.array(chosen, np.int64)


def unigram_before(weights: np.ndarray, counts: np.ndarray, examples: Examples) -> float:
    """The loss of one member on one target, from the domains' counts on."""
    frequencies = np.asarray(counts, np.float64)
    totals = frequencies.sum(axis=1)
    models = frequencies / np.maximum(totals, 1)[:, None]
    mixed = weights @ models
    size = weights @ totals
    logs = np.log((mixed * size + 1) / (size + VOCABULARY))
    scored = scored_counts(examples, VOCABULARY)
    return float(-(logs @ scored) / max(scored.sum(), 1))


Look = Callable[[np.ndarray], int]


def before(size: Size) -> Look:
    """Schedules as they were; what is returned sums up what all read at some positions."""
    shards = size.shards
    schedules = []
    for seed, weights in enumerate(size.weights):
        schedules.append(Before(weights, shards, size, seed))

    def look(positions: np.ndarray) -> int:
        total = 0
        for schedule in schedules:
            domains = schedule.domains[positions]
            total += checksum(domains, schedule.blocks[positions], positions)
        return total

    return look


def ours(size: Size, states: list[dict[str, Any]] | None = None) -> Look:
    """The same of our schedules, which go on from states where there are any."""
    shards = size.shards
    schedules = []
    for seed, weights in enumerate(size.weights):
        schedules.append(Schedule.of(weights, shards, size.context, size.sequences, seed))
    if states:
        for schedule, state in zip(schedules, states, strict=True):
            schedule.resume(state)

    def look(positions: np.ndarray) -> int:
        total = 0
        lay_out(schedules, positions)
        for schedule in schedules:
            domains, blocks, _ = schedule.at(positions)
            total += checksum(domains, blocks, positions)
        if states is not None and not states:
            states.extend(schedule.state(int(positions[-1])) for schedule in schedules)
        return total

    return look


def checksum(domains: np.ndarray, blocks: np.ndarray, positions: np.ndarray) -> int:
    """A number that every position changes."""
    return int(((domains * 1_000_003 + blocks) * (positions % 1009 + 1)).sum())


def measure_schedules(size: Size, side: str) -> dict[str, float]:
    """Seconds to the first step, of a start in the middle, and of all steps; memory of all."""
    size.shards[0].sequences(size.context)
    make = before if side == "before" else ours
    memory = peak()
    began = time.process_time()
    look = make(size)
    total = look(np.arange(BATCH))
    first = time.process_time() - began
    first_memory = peak() - memory
    for start in range(BATCH, size.sequences, BATCH):
        total += look(np.arange(start, start + BATCH))
    whole = time.process_time() - began
    result = {"first": first, "whole": whole, "first_memory": first_memory}
    result |= {"memory": peak() - memory, "middle": first, "older": first, "sum": float(total)}
    if side == "ours":
        middle = np.arange(BATCH) + size.sequences // 2 // BATCH * BATCH
        states: list[dict[str, Any]] = []
        for name in ("older", "middle"):
            # The first time without states, which it then fills.
            began = time.process_time()
            ours(size, states)(middle)
            result[name] = time.process_time() - began
    return result


def measure_unigrams(size: Size, side: str) -> dict[str, float]:
    """Seconds of the first and of a later evaluation, and the sum of all losses."""
    shards = size.shards
    rng = np.random.default_rng(2)
    targets = {}
    for number in range(size.targets):
        row = ([], rng.integers(0, VOCABULARY, 20_000), 4)
        targets[str(number)] = Examples.of([row], 0)
    began = time.process_time()
    total = 0.0
    if side == "before":
        counts = np.stack([shard.unigram for shard in shards])
        for weights in size.weights:
            for examples in targets.values():
                total += unigram_before(weights, counts, examples)
        seconds = time.process_time() - began
        return {"evaluation": seconds, "later": seconds, "sum": total}
    unigrams = Unigrams.of(np.stack([shard.unigram for shard in shards]))
    scored = {}
    for name, examples in targets.items():
        scored[name] = scored_counts(examples, VOCABULARY).astype(np.float64)
    members = [unigrams.losses(weights, scored) for weights in size.weights]
    for losses in members:
        for name in targets:
            total += losses[name]
    seconds = time.process_time() - began
    return {"evaluation": seconds, "sum": total}


def peak() -> float:
    """The most memory that this process has held so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / BYTES


WORK = {"schedules": measure_schedules, "unigrams": measure_unigrams}
ROWS = [
    ("schedules", "first", "CPU-s to the first step"),
    ("schedules", "middle", "CPU-s to go on in the middle"),
    ("schedules", "older", "the same from an older checkpoint"),
    ("schedules", "whole", "CPU-s to look up all sequences"),
    ("schedules", "first_memory", "MiB at the first step"),
    ("schedules", "memory", "MiB at the last step"),
    ("unigrams", "evaluation", "CPU-s of unigram losses, first evaluation"),
]


def measured(size: Size, rounds: int) -> dict[str, dict[str, list[dict[str, float]]]]:
    """Work -> side -> what each round measured, each in a process of its own."""
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for work in WORK:
        results[work] = {"before": [], "ours": []}
        for _ in range(rounds):
            for side, values in results[work].items():
                words = json.dumps([work, side, vars(size)])
                command = [sys.executable, __file__, "--child", words]
                output = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
                values.append(json.loads(output))
            if len({values[-1]["sum"] for values in results[work].values()}) > 1:
                raise SystemExit(f"{work}: the two sides differ: {results[work]}")
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        work, side, facts = json.loads(options.child)
        print(json.dumps(WORK[work](Size(**facts), side)))
        return
    size = FULL if options.full else SMALL
    rounds = options.rounds or (1 if options.full else 3)
    results = measured(size, rounds)
    title = f"{size}, {rounds} rounds, medians"
    table = Table("what", "before", "ours", "before / ours", "least", title=title)
    for work, key, name in ROWS:
        sides = {}
        for side, values in results[work].items():
            sides[side] = [value[key] for value in values]
        ratios = [old / new for old, new in zip(sides["before"], sides["ours"], strict=True)]
        medians = [statistics.median(values) for values in (*sides.values(), ratios)]
        words = [f"{value:,.3g}" for value in (*medians, min(ratios))]
        table.add_row(name, *words)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
