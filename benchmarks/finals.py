"""Finals by the packed trainer against transformers' Trainer: the demo's final model, on the CPU.

Each trainer trains the same finals in a process of its own, in turn, at one thread. Steady is what
more steps cost; whole counts the start of the process and the writing of models too. Figures are
CPU-seconds. Then the curves of both are compared.

The rival "stock" is transformers' Trainer with torch's own Muon, which multiplies in bfloat16. With
--avx2 torch's kernels are held to AVX2, and bfloat16 products have no help of oneDNN, as on a CPU
without hardware for them.

OMP_NUM_THREADS=1 python benchmarks/finals.py [--finals 18] [--rounds 1] [--avx2]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from mixwright import tables
from mixwright.corpus.shards import open_shard
from mixwright.finals import muon
from mixwright.finals.arm import Arm
from mixwright.finals.train import train_finals
from mixwright.mixture import Mixture
from mixwright.study.config import resolve
from mixwright.study.schema import read_yaml
from mixwright.study.study import Study

HOUSE = Path(__file__).parents[1]
sys.path.insert(0, str(HOUSE / "tests" / "support"))
TRAINERS = ("packed", "transformers")
STOCK = "stock"
AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}
SHORT = 20  # steps of the finals that tell what a start costs
SEEDS = 2
WANTED = 2.5  # times transformers' Trainer
CLOSE, FIRST = 1e-4, 50  # nats/token, over so many steps
DOMAINS = 7  # the demo's


@dataclass(frozen=True)
class Costs:
    """CPU-seconds of one round, by trainer."""

    whole: dict[str, float]
    short: dict[str, float]


def demo(trainer: str, steps: int | None = None) -> Study:
    """Returns the demo's study with its finals by one trainer, or with shorter ones."""
    config = read_yaml(HOUSE / "config" / "config.yaml")
    config["final"] = config.get("final", {}) | {"trainer": trainer}
    study = Study(resolve(config, HOUSE / "config"))
    if steps is None:
        return study
    tokens = steps * study.final_tokens // study.final_steps
    return Study({**study.config, "goal": {**study.config["goal"], "tokens": tokens}})


def arms(count: int) -> list[Arm]:
    """Returns finals of random mixtures, each of them with two seeds."""
    names = tuple("abcdefgh"[:DOMAINS])
    generator = np.random.default_rng(0)
    finals = []
    for number in range(-(-count // SEEDS)):
        weights = tuple(generator.dirichlet(np.ones(DOMAINS)))
        for seed in range(1, SEEDS + 1):
            finals.append(Arm(f"arm-{number}", seed, Mixture(names, weights)))
    return finals[:count]


def write_corpus(folder: Path) -> None:
    """Writes domains of the demo's vocabulary, and a tokenizer's folder."""
    from final_study import write_tokenizer
    from shard_files import examples, text, write_shard

    vocabulary = demo("packed").config["tokenizer"]["vocabulary"]
    generator = np.random.default_rng(3)
    for number in range(DOMAINS):
        tokens = text(generator, 400_000, number, vocabulary)
        write_shard(
            folder / "shards",
            "abcdefgh"[number],
            tokens,
            examples(number),
            vocabulary=vocabulary,
        )
    write_tokenizer(folder / "tokenizer")


def train(folder: Path, trainer: str, count: int, steps: int | None, name: str) -> None:
    """Trains finals in this process."""
    if os.environ.get("ATEN_CPU_CAPABILITY") == "avx2":
        torch.backends.mkldnn.enabled = False
    if trainer == STOCK:
        _take_stock_muon()
        trainer = "transformers"
    shards = [open_shard(path) for path in sorted((folder / "shards").iterdir())]
    place = folder / name
    train_finals(
        arms(count),
        shards,
        folder / "tokenizer",
        demo(trainer, steps),
        place / "store",
        place / "finals.parquet",
        log=lambda news: None,
    )


def _take_stock_muon() -> None:
    ours = muon.update_of

    def update_of(direction: torch.Tensor, layout: muon.Layout, _: torch.dtype) -> torch.Tensor:
        return ours(direction, layout, torch.bfloat16)

    muon.update_of = update_of


def cost(folder: Path, trainer: str, count: int, steps: int | None, name: str) -> float:
    """Returns the CPU-seconds of a process that trains finals."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, __file__, "--in", folder, "--trainer", trainer, "--name", name]
    command += ["--finals", str(count)]
    if steps:
        command += ["--steps", str(steps)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(list(map(str, command)), check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_round(folder: Path, count: int, number: int) -> Costs:
    """Trains all finals by both trainers, to their end and for a few steps."""
    whole = {}
    short = {}
    for trainer in (*TRAINERS, STOCK):
        whole[trainer] = cost(folder, trainer, count, None, f"{trainer}{number}")
    for trainer in (*TRAINERS, STOCK):
        short[trainer] = cost(folder, trainer, count, SHORT, f"{trainer}{number}-short")
    return Costs(whole, short)


def speeds(rounds: Sequence[Costs], count: int) -> Table:
    """Returns the table of costs: medians over the rounds."""
    study = demo("packed")
    more_tokens = count * study.final_tokens * (1 - SHORT / study.final_steps)
    table = Table("CPU-seconds", "packed", "against", "its", "ratio", "wanted")
    for rival in (TRAINERS[1], STOCK):
        whole = []
        steady = []
        for trainer in (TRAINERS[0], rival):
            whole.append([costs.whole[trainer] for costs in rounds])
            steady.append([costs.whole[trainer] - costs.short[trainer] for costs in rounds])
        table.add_row(f"{count} finals, whole", *_row(rival, *whole, scale=1.0))
        per_million = 1e6 / more_tokens
        table.add_row("steady, a million tokens", *_row(rival, *steady, scale=per_million))
    return table


def _row(rival: str, ours: Sequence[float], theirs: Sequence[float], scale: float) -> list[str]:
    ratios = [their / our for our, their in zip(ours, theirs, strict=True)]
    ratio = statistics.median(ratios)
    verdict = "met" if ratio >= WANTED else "MISSED"
    our, their = (f"{scale * statistics.median(side):.1f}" for side in (ours, theirs))
    return [our, rival, their, f"{ratio:.2f}", f"{WANTED} {verdict}"]


def agreement(folder: Path) -> Table:
    """Returns how far the curves of the two trainers are apart."""
    by_trainer = []
    for trainer in TRAINERS:
        path = folder / f"{trainer}0" / "finals.parquet"
        by_trainer.append(tables.read(path, tables.FINALS))
    ours, theirs = by_trainer
    gaps = []
    for one, other in zip(ours.folder, theirs.folder, strict=True):
        curves = [pd.read_parquet(Path(place).parent / "curve.parquet") for place in (one, other)]
        gap = np.abs(curves[0].loss - curves[1].loss)
        gaps.append(gap[:FIRST].max())
    at_end = np.abs(ours.train_loss - theirs.train_loss).max()
    spread = theirs.groupby("mixer").train_loss.std().mean()
    table = Table("nats/token", "reached", "wanted")
    first = max(gaps)
    table.add_row(
        f"largest gap of a loss, first {FIRST} steps", f"{first:.1e}", _under(first, CLOSE)
    )
    table.add_row("largest gap of a final's loss at its end", f"{at_end:.1e}", "")
    table.add_row("half of the spread of seeds", f"{spread / 2:.1e}", _under(at_end, spread / 2))
    return table


def _under(value: float, limit: float) -> str:
    return f"{limit:.0e} {'met' if value < limit else 'MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--finals", type=int, default=18)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--avx2", action="store_true")
    for name in ("--in", "--trainer", "--name"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, help=argparse.SUPPRESS)
    options = vars(parser.parse_args())
    if options["in"]:
        folder = Path(options["in"])
        count, steps = options["finals"], options["steps"]
        train(folder, options["trainer"], count, steps, options["name"])
        return
    if options["avx2"]:
        os.environ |= AVX2
    console = Console()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_corpus(folder)
        rounds = []
        for number in range(options["rounds"]):
            rounds.append(one_round(folder, options["finals"], number))
        console.print(speeds(rounds, options["finals"]))
        console.print(agreement(folder))


if __name__ == "__main__":
    main()
