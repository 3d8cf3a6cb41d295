"""The command that says how far from the best mixture so many proxies leave one, before training.

Truths of nine kinds are planted, of the study's shape, and its plan of proxies is played on each.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from mixwright import mixers, tables
from mixwright.corpus.counts import train_domains
from mixwright.designs.row import round_sizes
from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.progress import say
from mixwright.stages.plan import study_of_files
from mixwright.study.goals import is_worst
from mixwright.study.study import Study
from mixwright.study.swarm import swarm_method
from mixwright.trust.noise import target_signals
from mixwright.trust.planted import KINDS
from mixwright.trust.regret import ALL, Plan, by_kind, regrets

# Where neither a study nor an option says it.
TARGETS = 4
NOISE = 0.02
LEAST_DOMAINS = 2
# seconds between lines of progress
EVERY = 5.0


def regret(
    runs: int | None = None,
    study: Path | None = None,
    domains: int | None = None,
    targets: int | None = None,
    cap: float | None = None,
    noise: float | None = None,
    rounds: int | None = None,
    kind: str | None = None,
    mixer: str = "effective-data",
    settings: str = "{}",
    problems: int = 3,
    seed: int = 0,
    to: Path | None = None,
) -> None:
    """Say how far from the best mixture so many proxies leave you, before you train any.

    It plants truths of nine kinds whose best mixture is known, in the mixer's own family and
    outside it, plays the plan of proxies on each, and prints regrets: what the proposal misses of
    the best mixture, as a share of what equal weights miss. With --study domains, targets, bounds,
    runs and rounds are the study's, and the noise is that of its repeats where they are trained.

    Example:
        mixwright regret --domains 17 --targets 13 --runs 64 --noise .02 --rounds 2
    """
    if problems < 1:
        raise MixwrightError(f"--problems {problems}: give a number of 1 or more")
    if study is None:
        plan = _typed(runs, domains, targets)
    else:
        plan = _of_study(study)
        shape = {"--domains": domains, "--targets": targets, "--cap": cap}
        for option, number in shape.items():
            if number is not None:
                raise MixwrightError(f"{option}: the study says it; leave out {option}, or --study")
    changes: dict[str, Any] = {"mixer": mixer, "settings": mixers.read_settings(settings)}
    options = {"runs": runs, "noise": noise, "rounds": rounds, "method": kind}
    for name, value in options.items():
        if value is not None:
            changes[name] = value
    if cap is not None:
        changes["limits"] = {"caps": dict.fromkeys(plan.names, cap)}
    plan = replace(plan, **changes)
    plan.check()
    say(f"played: {plan.sentence}")
    rows = _played(plan, problems, seed)
    print("regret as a share of uniform's: 0 is the best mixture, 1 no better than equal weights")
    Console(highlight=False).print(_as_table(by_kind(rows)))
    if to is not None:
        with written(to) as partial:
            rows.to_csv(partial, index=False)


def _typed(runs: int | None, domains: int | None, targets: int | None) -> Plan:
    """The plan of a shape that options describe."""
    if domains is None or runs is None:
        raise MixwrightError("regret: give --domains and --runs, or the --study that says them")
    if domains < LEAST_DOMAINS:
        raise MixwrightError(f"--domains {domains}: give 2 or more, whose shares are to be chosen")
    if targets is not None and targets < 1:
        raise MixwrightError(f"--targets {targets}: give a number of 1 or more")
    return Plan(domains, targets or TARGETS, runs, NOISE)


def _of_study(path: Path) -> Plan:
    """The plan of a study: of its YAML file, or of study.json with what is measured beside it."""
    if path.suffix == ".json":
        study = Study.read(path)
        folder = path.parent
    else:
        study = study_of_files([path], [])
        folder = Path("results") / study.name
    if not study.runs.get("swarm"):
        raise MixwrightError(f"--study {path}: it trains no swarm; give --domains and --runs")
    for line in _not_played(study):
        say(line)
    sizes = folder / "domains.parquet"
    swarm = study.config["designs"]["swarm"]
    goal = study.config["goal"]
    limits = {name: goal[name] for name in ("tokens", "caps", "floors", "groups", "fixed")}
    plan = Plan(
        domains=len(study.domains),
        targets=len(study.target_weights),
        runs=len(study.runs["swarm"]),
        noise=NOISE,
        rounds=len(round_sizes(swarm)),
        method=swarm_method(study.config),
        own_names=tuple(sorted(study.domains)),
        limits=limits,
        importance=tuple(study.target_weights.values()),
    )
    if sizes.is_file():
        available = tuple(train_domains(sizes))
        limits["max_epochs"] = goal["max_epochs"]
        plan = replace(plan, available=available, limits=limits)
    elif goal["max_epochs"] is not None:
        say(f"{sizes}: not there yet, so that max_epochs is left out and sizes are made up")
    measured = _measured_noise(folder)
    if measured is None:
        say(f"no repeats are trained: a noise of {NOISE:g} of the swarm's spread is assumed")
        return plan
    return replace(plan, noise=measured)


def _not_played(study: Study) -> list[str]:
    """What a study's goal asks for beside the mean inside bounds, a line each."""
    goal = study.config["goal"]
    wishes = []
    if is_worst(study.config):
        wishes.append("objective: worst")
    if "risk" in goal:
        wishes.append(f"risk: {goal['risk']:g}")
    if goal["never_worse"]:
        wishes.append("never_worse")
    if goal["leave_target_out"]:
        wishes.append("leave_target_out")
    lines = []
    for wish in wishes:
        lines.append(f"goal.{wish} is not played: regrets are of the targets' weighted mean")
    return lines


def _measured_noise(folder: Path) -> float | None:
    """Noise over spread, median of the targets; None where no repeats are trained yet."""
    designs = []
    losses = []
    for role in ("swarm", "repeat"):
        design = folder / "design" / f"{role}.parquet"
        measured = folder / "losses" / f"{role}.parquet"
        if not (design.is_file() and measured.is_file()):
            return None
        designs.append(tables.read(design, tables.DESIGN))
        losses.append(tables.read(measured, tables.LOSSES))
    signals = target_signals(pd.concat(designs), pd.concat(losses))
    ratio = (1 / signals.signal_to_noise).median()
    if pd.isna(ratio):
        return None
    return float(ratio)


def _played(plan: Plan, problems: int, seed: int) -> pd.DataFrame:
    """Plays the plan on every problem, with lines of progress; a row a problem."""
    total = problems * len(KINDS)
    began = time.monotonic()
    last = began
    rows = []
    for row in regrets(plan, seeds=range(seed, seed + problems)):
        rows.append(row)
        now = time.monotonic()
        if now - last >= EVERY and len(rows) < total:
            left = (now - began) * (total - len(rows)) / len(rows)
            say(f"{len(rows)} of {total} problems, {left:,.0f} s to go")
            last = now
    return pd.DataFrame(rows)


def _as_table(summary: pd.DataFrame) -> Table:
    """Returns a line a kind of truth, and a last one of all."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("truth")
    headings = ("problems", "median", "mean", "nine of ten under", "worse than uniform", "best run")
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in summary.itertuples(index=False):
        table.add_row(
            "all kinds" if row.kind == ALL else str(row.kind),
            str(row.problems),
            f"{row.median:.3f}",
            f"{row.mean:.3f}",
            f"{row.worst_tenth:.3f}",
            str(row.worse),
            f"{row.best_run:.3f}",
        )
    return table
