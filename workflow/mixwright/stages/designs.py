"""Stages of workflow/rules/proxies.smk that choose mixtures to train, before any loss is known."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from mixwright import tables
from mixwright.corpus.counts import extents, train_domains
from mixwright.designs import resolve
from mixwright.designs.candidates import choose_lines
from mixwright.designs.elsewhere import Designed, Wanted, designed
from mixwright.designs.read_back import words_to_read
from mixwright.designs.row import mixture_weights
from mixwright.errors import MixwrightError, counted
from mixwright.jobs.plan.accuracy import expected, sentence
from mixwright.measured.decisions import ColumnOptions
from mixwright.measured.loss_tables import read_observations
from mixwright.mixture import Array, digest
from mixwright.proposals.options import read_options
from mixwright.proposals.typed_design import (
    fit_with_runs,
    read_domains,
    read_limits,
    read_sizes,
)
from mixwright.simplex.alike import count_repeated
from mixwright.stages.fit_line import fit_line
from mixwright.stages.further_round import write_round
from mixwright.stages.mixture_tables import show_shares, write_mixtures
from mixwright.stages.options import NO_WORDS, NONE, Paths
from mixwright.stages.sized_designs import read_costs, write_sized
from mixwright.study.gate import check_samples
from mixwright.study.study import Study
from mixwright.trust.next_round import next_round

log = logging.getLogger(__name__)

# Runs whose weights differ by less hardly differ: trust/reach.py asks for 5 to 20 %.
LEAST_RANGE = 0.05


def design(
    runs: int,
    to: Path,
    domains: list[str] = NO_WORDS,
    available: list[str] = NO_WORDS,
    tokens: float | None = None,
    max_epochs: float | None = None,
    cap: list[str] = NO_WORDS,
    floor: list[str] = NO_WORDS,
    fix: list[str] = NO_WORDS,
    group: list[str] = NO_WORDS,
    kind: str | None = None,
    repeats: int = 0,
    seed: int = 0,
    candidates: Path | None = None,
    key: str | None = None,
    after: Path | None = None,
    target: list[str] = NO_WORDS,
    sizes: list[str] = NO_WORDS,
) -> None:
    """Choose which mixtures to train, before any loss is known, for proxies trained anywhere.

    It writes a table of mixtures of your domains, inside your bounds. With --candidates it takes
    the most informative lines of a table instead. With --after it writes a further round: mixtures
    that follow from what the runs of a fit measured. With --sizes it says which mixture to train
    at which model size, a table a size.

    Example:
        mixwright design --available web=60e9 code=20e9 wiki=5e9 --tokens 30e9 --max-epochs 4
            --cap web=0.5 --floor wiki=0.02 --runs 64 --to mixtures.csv
    """
    drawn = {"--kind": kind, "--repeats": repeats, "--sizes": sizes, "--domains": domains}
    bounds = {
        "--available": available,
        "--tokens": tokens,
        "--max-epochs": max_epochs,
        "--cap": cap,
        "--floor": floor,
        "--fix": fix,
        "--group": group,
    }
    if after is not None:
        table = {"--candidates": candidates, "--key": key}
        _refuse(drawn | table, "--after", "follow from the runs of the fit")
        fit = fit_with_runs(after)
        options = read_options(
            fit.source, target, cap, floor, available, tokens, max_epochs, seed, group, fix
        )
        write_round(fit, options, runs, to)
        return
    if target:
        raise MixwrightError(f"--target {target[0]}: it belongs to --after; leave it out")
    if candidates is not None:
        del drawn["--domains"]
        _refuse(bounds | drawn, "--candidates", "are taken as they stand")
        _write_chosen(candidates, runs, ColumnOptions(domains=domains, key=key), to)
        return
    if key is not None:
        raise MixwrightError(f"--key {key}: it belongs to --candidates; leave it out")
    mixed = read_sizes(read_domains(domains, available), available)
    limits = read_limits(mixed, cap, floor, fix, group, tokens, max_epochs)
    wanted = Wanted(mixed, limits, runs, kind or "informative", repeats, seed)
    if sizes:
        alone = {"--kind": kind, "--repeats": repeats}
        _refuse(alone, "--sizes", "are chosen by information per cost")
        write_sized(wanted, read_costs(sizes), to)
        return
    chosen = designed(wanted)
    cells = chosen.cells()
    words = words_to_read(cells, chosen.names)
    write_mixtures(to, cells, "design")
    show_shares(chosen.names, chosen.weights)
    for note in _notes(wanted, chosen):
        log.info("design: %s", note)
    log.info("design: %s", _promise(wanted, chosen))
    log.info("design: %s", _next_step(to, words))


def _refuse(options: Mapping[str, Any], beside: str, reason: str) -> None:
    """Refuses options that say nothing beside another one."""
    for option, value in options.items():
        if value:
            raise MixwrightError(
                f"{option}: the mixtures of {beside} {reason}; leave out {option}, or {beside}"
            )


def _write_chosen(candidates: Path, runs: int, options: ColumnOptions, to: Path) -> None:
    """Writes the most informative lines of a table as they stand, and says what comes next."""
    chosen = choose_lines(candidates, runs, options)
    words = words_to_read(chosen.rows, chosen.names, chosen.key)
    write_mixtures(to, chosen.rows, "design")
    show_shares(chosen.names, chosen.weights)
    log.info(
        "design: %d of %s chosen, the most informative first",
        runs,
        counted(chosen.candidates, "mixture"),
    )
    if not chosen.has_ids:
        log.info("design: no column of %s names its lines: put ids into a first one", to)
    log.info("design: %s", _next_step(to, words))


def _notes(wanted: Wanted, chosen: Designed) -> list[str]:
    """Returns what was done, and what the options left open."""
    first = chosen.ids[0]
    middle = "the natural mixture"
    unknown = ""
    if any(domain.tokens is None for domain in wanted.domains):
        middle = "the uniform mixture"
        unknown = "; natural is unknown without --available"
    if chosen.moved:
        middle += ", moved to the nearest one inside the bounds"
    notes = [
        f"{counted(wanted.runs, 'mixture')} of {counted(len(chosen.names), 'domain')},"
        f" {wanted.method}, seed {wanted.seed}; {first} is {middle}{unknown}"
    ]
    for domain in wanted.domains:
        if domain.tokens == 0:
            notes.append(f"{domain.name} has no tokens and so no weight")
    if chosen.equal:
        mixtures = counted(chosen.equal, "mixture")
        notes.append(
            f"the bounds, or natural weights of next to nothing, leave few mixtures: the last"
            f" {mixtures} stood there before; train these with other seeds"
        )
    if wanted.runs > 1 and _widest(chosen) < LEAST_RANGE:
        notes.append(
            f"no domain's weight varies by more than {_widest(chosen):.1%}, and the noise of a run"
            " may hide what that changes: widen caps, floors or max_epochs"
        )
    if chosen.repeats:
        names = ", ".join(chosen.ids[-chosen.repeats :])
        notes.append(f"{names}: {first} again; train it with other seeds, for the noise of a run")
    elif not chosen.equal:
        notes.append(
            f"no mixture stands there twice: --repeats 2 adds runs of {first}, for the noise of a"
            " run"
        )
    return notes


def _promise(wanted: Wanted, chosen: Designed) -> str:
    """Returns what to expect of so many mixtures; a domain of one weight alone teaches nothing."""
    runs = wanted.runs - chosen.equal
    varied = np.ptp(chosen.weights, axis=0) > 0
    domains = int(varied.sum()) or len(chosen.names)
    known = expected(domains, runs)
    if _widest(chosen) < LEAST_RANGE:
        # the tables are of mixtures over all of the simplex
        known = None
    return sentence(domains, runs, known)


def _widest(chosen: Designed) -> float:
    """The largest difference of a domain's weight between two mixtures."""
    return float(np.ptp(chosen.weights, axis=0).max())


def _next_step(to: Path, words: str) -> str:
    """Returns what to do with the table, in one line."""
    return (
        "next: train a proxy on each line, write losses.csv (the id, then a column a target), and"
        f" run {fit_line([to], ['losses.csv'], [words])}"
    )


def resolve_design(study: Path, role: str, domains: Path, to: Path) -> None:
    """Compute the weights of every run of a role; bounds that leave no mixture stop here.

    So do finals that would need more of a domain than its sample holds.

    Example:
        mixwright resolve-design --study results/demo/study.json --role swarm
            --domains results/demo/domains.parquet --to results/demo/design/swarm.parquet
    """
    plan = Study.read(study)
    goal = plan.goal(train_domains(domains))
    check_samples(plan, goal, extents(domains))
    mixtures = resolve.resolve_mixtures(plan.tables[role], goal.domains)
    tables.write(resolve.design_table(plan.tables[role], mixtures), to, tables.DESIGN)
    if role == "swarm":
        _say_repeated(np.stack([mixture.weights for mixture in mixtures.values()]))


def _say_repeated(weights: Array, earlier: int = 0) -> None:
    """Says how many mixtures (runs, domains) stand there before, the `earlier` ones not counted."""
    repeated = count_repeated(weights) - count_repeated(weights[:earlier])
    if repeated:
        log.info(
            "design: %d of %s repeat a mixture; where mixtures are drawn, designs.swarm.method:"
            " informative avoids it; where the bounds leave too few, widen them or take fewer runs",
            repeated,
            counted(len(weights) - earlier, "run"),
        )


def design_round(
    study: Path,
    round: int,
    domains: Path,
    mixtures: Paths,
    losses: Paths,
    to: Path,
    realised: Paths = NONE,
) -> None:
    """Compute the weights of a further round of the swarm from what the rounds before measured.

    Example:
        mixwright design-round --study results/demo/study.json --round 2
            --domains results/demo/domains.parquet --mixtures results/demo/design/swarm.parquet
            --losses results/demo/losses/swarm.parquet
            --realised results/demo/realised/swarm.parquet
            --to results/demo/design/swarm-2.parquet
    """
    plan = Study.read(study)
    runs = plan.tables[f"swarm-{round}"]
    observations = read_observations(
        mixtures, losses, realised, diverged=plan.diverged, chosen=plan.chosen
    )
    metrics = plan.metrics | dict(observations.metrics)
    observations = replace(observations, metrics=metrics)
    goal = plan.goal(train_domains(domains))
    swarm = plan.designs["swarm"]
    weights = next_round(
        observations,
        goal,
        len(runs),
        int(digest([plan.seed, round], 8), 16),
        mixture_weights(swarm["around"], goal.domains),
        swarm["temperature"],
        swarm["strengths"],
        swarm["candidates"],
    )
    earlier = observations.of_role("swarm").weights
    _say_repeated(np.concatenate([earlier, weights]), len(earlier))
    resolved = {}
    for run, run_weights in zip(runs, weights, strict=True):
        resolved[run.name] = goal.mixture(run_weights)
    tables.write(resolve.design_table(runs, resolved), to, tables.DESIGN)
    log.info(
        "round %d: %s, by the losses of %s",
        round,
        counted(len(runs), "mixture"),
        counted(len(observations.runs), "run"),
    )
