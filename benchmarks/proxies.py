"""The packed trainer against transformers' Trainer and a plain PyTorch loop, on the CPU.

Its loader is measured too, against datasets' interleaving. Figures are CPU-seconds at one thread,
in interleaved rounds: medians with the least and the greatest. Ours trains with its default recipe
(Muon and AdamW), which costs more a step than the AdamW of the other two, and once more with AdamW
alone.

OMP_NUM_THREADS=1 python benchmarks/proxies.py [--quick] [--parts tiny,8]
    [--to results/benchmarks/proxies.parquet]
"""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import loaders
import numpy as np
import pandas as pd
import rivals
from rich.console import Console
from rich.table import Table

from mixwright.corpus.turns import allocate
from mixwright.files import written
from mixwright.progress import say

TOKENS, BATCH = 100_000, 8  # of a proxy and of a step, as in the schema
DOMAINS, SEQUENCES, MIXTURES = 17, 1_000, 300
BF16 = bool(re.search(r"avx512_bf16|amx_bf16", Path("/proc/cpuinfo").read_text()))
WANTED = {  # case -> least wanted, and hoped for (most, for what is to be small)
    "tiny, HF Trainer": (2.4, 3.0),
    "mid, HF Trainer": (2.4, 3.0),
    "mid, HF Trainer, bf16": (1.25, 1.5),
    "50 k vocabulary, HF Trainer": (2.0, 2.8),
    "50 k vocabulary, HF Trainer, bf16": (1.4, 1.8),
    "8 proxies": (4.0, 5.0),
    "64 proxies": (5.0, 8.0),
    "map-style": (8.0, None),
    "iterable": (60.0, None),
    "mean": (0.25, None),
    "greatest": (0.45, None),
    "RegMix": (8.0, None),
}


@dataclass(frozen=True)
class Row:
    """A figure beside the one that is wanted.

    `reached` is the median of the rounds' ratios, or `ours` itself.
    """

    part: str
    case: str
    against: str
    unit: str  # of ours and theirs
    ours: float
    theirs: float | None
    reached: float
    least: float
    greatest: float
    rounds: int
    wanted: float | None = None
    hoped: float | None = None
    at_most: bool = False  # the figure is to be small

    @property
    def verdict(self) -> str:
        if self.wanted is None:
            return ""
        return (
            "met"
            if (self.reached <= self.wanted if self.at_most else self.reached >= self.wanted)
            else "MISSED"
        )

    @classmethod
    def ratio(
        cls,
        part: str,
        case: str,
        against: str,
        unit: str,
        pairs: Sequence[tuple[float, float]],
        wanted: str = "",
    ) -> "Row":
        """Theirs over ours, from the costs of both in each round."""
        ratios = [theirs / ours for ours, theirs in pairs]
        ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
        spread = (statistics.median(ratios), min(ratios), max(ratios))
        return cls(
            part, case, against, unit, ours, theirs, *spread, len(pairs), *WANTED.get(wanted, ())
        )

    @classmethod
    def figure(
        cls,
        part: str,
        case: str,
        unit: str,
        ours: Sequence[float],
        wanted: str,
        at_most: bool = False,
        **rest: Any,
    ) -> "Row":
        """Our figure of each round, without a rival."""
        median, beside = statistics.median(ours), {"against": "", "theirs": None} | rest
        spread = {"reached": median, "least": min(ours), "greatest": max(ours), "rounds": len(ours)}
        least, hoped = WANTED[wanted]
        return cls(
            part,
            case,
            unit=unit,
            ours=median,
            **beside,
            **spread,
            wanted=least,
            hoped=hoped,
            at_most=at_most,
        )


def steady(
    case: str,
    batch: int,
    members: int,
    steps: int,
    variants: Sequence[str],
    quick: bool,
    count: int,
) -> Iterator[Row]:
    """CPU-seconds a million tokens once everything runs.

    Ours is a long call less a short one, in the best precision there is. The rivals' are the steps
    after the second. The products of the model's matrices alone, in float32, are the floor: no
    float32 trainer can pass it.
    """
    variants = [name for name in variants if not (quick and name == "compiled")]
    costs = contest(
        rivals.SHAPES[case], batch, members, max(2, steps // 2) if quick else steps, variants, count
    )
    for variant in variants:
        name = case if variant == "default" else f"{case}, {variant}"
        for against in ("HF Trainer", "plain loop", "HF Trainer, bf16")[: 2 + BF16]:
            pairs = [(each[variant], each[against]) for each in costs]
            yield Row.ratio(
                "steady", name, against, "CPU-s / M tokens", pairs, f"{case}, {against}"
            )
    floor = [(each["matrix products"], each["HF Trainer"]) for each in costs]
    yield Row.ratio("steady", f"{case}, products alone", "HF Trainer", "CPU-s / M tokens", floor)


def contest(
    shape: Mapping[str, Any],
    batch: int,
    members: int,
    steps: int,
    variants: Sequence[str],
    count: int,
) -> list[dict[str, float]]:
    """Each round's CPU-seconds a million tokens, by trainer.

    Each trainer has a process of its own, because ours changes how memory is allocated.
    """
    tokens = batch * shape["context"] / 1e6
    with tempfile.TemporaryDirectory() as folder:
        rivals.write_shards(Path(folder), shape["vocabulary"])
        spec = {"shape": shape, "shards": folder, "batch": batch}
        rival = spec | {"steps": 2 + steps, "warm": 2}
        ours = {
            name: spec
            | {"steps": steps, "members": members, "wave": members}
            | rivals.VARIANTS[name]
            for name in variants
        }
        calls = [*(("step", each) for each in ours.values()), ("trainer", rival), ("plain", rival)]
        calls += [("trainer", rival | {"bf16": True})] if BF16 else []
        sides = [partial(lambda name, each: process(name, each).seconds, *each) for each in calls]
        names = [
            *variants,
            "HF Trainer",
            "plain loop",
            *["HF Trainer, bf16"] * BF16,
            "matrix products",
        ]
        measured = rounds(count, *sides, lambda: rivals.products(shape, batch))
    return [
        {name: spent / tokens for name, spent in zip(names, each, strict=True)} for each in measured
    ]


def rounds(count: int, *sides: Callable[[], Any]) -> list[list[Any]]:
    """Each side in turn, so that what else the machine does falls on all alike."""
    return [[side() for side in sides] for _ in range(count)]


def processes(proxies: int, variant: str, quick: bool, count: int) -> Iterator[Row]:
    """CPU-seconds from the start of a process until its proxies are trained.

    Ours trains all proxies in one process. HF Trainer takes one process a proxy: one is run each
    round, and counted for each proxy.
    """
    shape, tokens = rivals.SHAPES["tiny"], TOKENS // (5 if quick else 1)
    steps = tokens // (BATCH * shape["context"])
    with tempfile.TemporaryDirectory() as folder:
        rivals.write_shards(Path(folder), shape["vocabulary"])
        spec = {"shape": shape, "shards": folder, "steps": steps, "batch": BATCH}
        pairs = rounds(
            count if proxies <= 8 else 1,
            lambda: process("packed", spec | {"members": proxies} | rivals.VARIANTS[variant]).spent,
            lambda: proxies * process("trainer", spec).spent,
        )
    name = "" if variant == "default" else f", {variant}"
    # Short proxies flatter: their start is most of them.
    wanted = "" if quick else f"{proxies} proxies"
    yield Row.ratio(
        "processes",
        f"{proxies} proxies of {tokens:,} tokens{name}",
        "HF Trainer",
        "CPU-s",
        pairs,
        wanted,
    )


@dataclass(frozen=True)
class Ran:
    """What a process took, its start and its imports included, and the seconds that it measured."""

    spent: float  # CPU-seconds
    peak_gib: float
    seconds: float


def process(name: str, spec: Mapping[str, Any]) -> Ran:
    """One process of benchmarks/rivals.py."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run(
        [sys.executable, rivals.__file__, name, json.dumps(spec)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Ran(
        after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        **json.loads(output.splitlines()[-1]),
    )


def loader(quick: bool, count: int) -> Iterator[Row]:
    """Batches read from files that are memory-mapped on both sides.

    Then the same with the set-up: our schedule and their interleaving.
    """
    yield from mixture_error()
    for context in (512, 2_048):
        measured = passes(context, 1_000 if quick else 4_000, count)
        for index, against in enumerate(("map-style", "iterable"), start=1):
            read = [(each[0].reading, each[index].reading) for each in measured]
            whole = [(each[0].whole, each[index].whole) for each in measured]
            for case, pairs, wanted in (("reading", read, against), ("and set up", whole, "")):
                yield Row.ratio(
                    "loader",
                    f"{case}, context {context:,}",
                    against,
                    "CPU-s / M tokens",
                    pairs,
                    wanted,
                )


def passes(context: int, sequences: int, count: int) -> list[list[loaders.Pass]]:
    """Our schedule and both kinds of interleaved data sets, in each round but the first.

    The first pays for imports.
    """
    weights = np.random.default_rng(0).dirichlet(np.ones(DOMAINS))
    with tempfile.TemporaryDirectory() as folder:
        shards = rivals.write_shards(Path(folder) / "shards", 50_432, DOMAINS, 1_000_000)
        sources = loaders.saved_datasets(shards, context, Path(folder) / "datasets")
        return rounds(
            count + 1,
            lambda: loaders.scheduled(shards, weights, context, sequences, BATCH),
            lambda: loaders.interleaved(sources, weights, context, sequences, BATCH),
            lambda: loaders.interleaved(
                sources, weights, context, sequences // 10, BATCH, iterable=True
            ),
        )[1:]


def mixture_error() -> Iterator[Row]:
    """Total variation, in percent, between a mixture and the sequences that are read for it."""
    rng = np.random.default_rng(0)
    mixtures = rng.dirichlet(np.ones(DOMAINS), MIXTURES)
    errors = []
    for taken in (
        lambda w: np.bincount(allocate(w, SEQUENCES), minlength=DOMAINS),
        lambda w: rng.multinomial(SEQUENCES, w),
    ):
        errors.append([50 * np.abs(taken(w) / SEQUENCES - w).sum() for w in mixtures])
    for case, reduce in (("mean", np.mean), ("greatest", np.max)):
        ours, theirs = (float(reduce(side)) for side in errors)
        beside = {"against": "random draws", "theirs": theirs}
        yield Row.figure(
            "mixture error",
            f"{case} of {MIXTURES} mixtures",
            "% total variation",
            [ours],
            case,
            at_most=True,
            **beside,
        )


def memory(batch: int, quick: bool, count: int) -> Iterator[Row]:
    """Peak resident memory of a process that trains four members of RegMix's shape one step.

    That step touches all the memory that later steps do.
    """
    shape = rivals.SHAPES["RegMix"]
    with tempfile.TemporaryDirectory() as folder:
        rivals.write_shards(Path(folder), shape["vocabulary"])
        peak = process(
            "packed",
            {"shape": shape, "shards": folder, "steps": 1, "batch": batch, "members": 4, "wave": 4},
        ).peak_gib
    yield Row.figure(
        "memory",
        f"RegMix's shape, K = 4, {batch} x 2,048 tokens",
        "GiB",
        [peak],
        "RegMix",
        at_most=True,
    )


PARTS = {
    "loader": loader,
    # Numbers: sequences a step, members, steps.
    "tiny": partial(steady, "tiny", BATCH, 4, 60, ("default", "AdamW", "compiled")),
    "mid": partial(steady, "mid", BATCH, 1, 6, ("default", "AdamW")),
    "50k": partial(steady, "50 k vocabulary", BATCH // 2, 1, 2, ("default", "AdamW")),
    "8": partial(processes, 8, "default"),
    "8-adamw": partial(processes, 8, "AdamW"),
    "64": partial(processes, 64, "default"),
    "64-adamw": partial(processes, 64, "AdamW"),
    "memory-1": partial(memory, 1),
    "memory-8": partial(memory, BATCH),
}
QUICK = ("loader", "tiny", "mid", "50k", "8", "memory-1")


def machine() -> str:
    model = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    processor = model[1] if model else platform.machine()
    precision = "bf16" if BF16 else "no bf16"
    return f"{processor}, {os.cpu_count()} virtual cores, {precision}"


def shown(rows: Sequence[Row]) -> Table:
    table = Table(
        title="reached: theirs over ours, or the figure itself; median (least to greatest)"
    )
    for heading in (
        "part",
        "case",
        "against",
        "unit",
        "ours",
        "theirs",
        "reached",
        "wanted (hoped)",
        "",
    ):
        table.add_column(heading)
    for row in rows:
        spread = f" ({row.least:.3g} to {row.greatest:.3g})" if row.rounds > 1 else ""
        theirs = "" if row.theirs is None else f"{row.theirs:.3g}"
        figures = (f"{row.ours:.3g}", theirs, f"{row.reached:.3g}{spread}")
        table.add_row(
            row.part, row.case, row.against, row.unit, *figures, _wanted(row), row.verdict
        )
    return table


def _wanted(row: Row) -> str:
    """The figure that is wanted, and the one that is hoped for."""
    if row.wanted is None:
        return ""
    sign = "<=" if row.at_most else ">="
    hoped = f" ({row.hoped:g})" if row.hoped else ""
    return f"{sign} {row.wanted:g}{hoped}"


def run(
    parts: Mapping[str, Callable[[bool, int], Iterator[Row]]],
    quick: Sequence[str],
    to: str,
    machine: str,
    about: str,
) -> None:
    """Measures the requested parts and shows them.

    Every figure is saved at once as parquet, beside those of earlier runs.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="under 3 minutes: one round, shorter proxies, nothing compiled",
    )
    parser.add_argument(
        "--parts",
        help=f"which to run, of {','.join(parts)}; by default all, with --quick {','.join(quick)}",
    )
    parser.add_argument(
        "--rounds", type=int, help="of ours and theirs in turn; by default 3, with --quick 1"
    )
    parser.add_argument(
        "--to", type=Path, default=Path("results/benchmarks") / to, help="the table as parquet"
    )
    arguments = parser.parse_args()
    where = {"machine": machine, "date": date.today().isoformat(), "quick": arguments.quick}
    rows = []
    for part in (
        arguments.parts.split(",") if arguments.parts else quick if arguments.quick else parts
    ):
        for row in parts[part](arguments.quick, arguments.rounds or (1 if arguments.quick else 3)):
            say(f"{row.part}: {row.case}: {row.against} {row.reached:.3g}")
            keep(asdict(row) | {"verdict": row.verdict} | where, arguments.to)
            rows.append(row)
    Console().print(shown(rows), f"{machine}; table in {arguments.to}", sep="\n")


def keep(figure: Mapping[str, Any], to: Path) -> None:
    """Puts it into the table in place of the same figure of an earlier run."""
    to.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame([figure])
    if to.exists():
        key, earlier = ["part", "case", "against"], pd.read_parquet(to)
        table = pd.concat([earlier, table], ignore_index=True).drop_duplicates(key, keep="last")
    with written(to) as beside:
        table.to_parquet(beside, index=False)


def main() -> None:
    run(PARTS, QUICK, "proxies.parquet", machine(), __doc__)
    if not BF16:
        say("this CPU has no bf16: its rows were not run")


if __name__ == "__main__":
    main()
