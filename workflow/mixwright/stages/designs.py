"""Stages of workflow/rules/proxies.smk that choose mixtures to train, before any loss is known."""

import csv
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from mixwright import tables
from mixwright.corpus.counts import extents, train_domains
from mixwright.designs import resolve
from mixwright.designs.candidates import chosen_rows
from mixwright.designs.elsewhere import Designed, Wanted, designed
from mixwright.designs.read_back import words_to_read
from mixwright.errors import MixwrightError, counted
from mixwright.files import written
from mixwright.jobs.plan.accuracy import expected, sentence
from mixwright.measured.decisions import ColumnOptions
from mixwright.proposals.typed_design import read_domains, read_limits, read_sizes
from mixwright.stages.options import NO_WORDS
from mixwright.study.gate import check_samples
from mixwright.study.study import Study

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
) -> None:
    """Choose which mixtures to train, before any loss is known, for proxies trained anywhere.

    It writes a table of mixtures of your domains, inside your bounds. With --candidates it takes
    the most informative lines of a table instead.

    Example:
        mixwright design --available web=60e9 code=20e9 wiki=5e9 --tokens 30e9 --max-epochs 4
            --cap web=0.5 --floor wiki=0.02 --runs 64 --to mixtures.csv
    """
    if candidates is not None:
        bounds = {
            "--available": available,
            "--tokens": tokens,
            "--max-epochs": max_epochs,
            "--cap": cap,
            "--floor": floor,
            "--fix": fix,
            "--group": group,
            "--kind": kind,
            "--repeats": repeats,
        }
        for option, value in bounds.items():
            if value:
                raise MixwrightError(
                    f"{option}: the mixtures of --candidates are taken as they stand;"
                    f" leave out {option}, or --candidates"
                )
        _write(chosen_rows(candidates, runs, ColumnOptions(domains=domains, key=key)), to)
        return
    if key is not None:
        raise MixwrightError(f"--key {key}: it belongs to --candidates; leave it out")
    sizes = read_sizes(read_domains(domains, available), available)
    limits = read_limits(sizes, cap, floor, fix, group, tokens, max_epochs)
    wanted = Wanted(sizes, limits, runs, kind or "informative", repeats, seed)
    chosen = designed(wanted)
    cells = chosen.cells()
    words = words_to_read(cells, chosen.names)
    _write(cells, to)
    Console(highlight=False).print(_shares(chosen))
    for note in _notes(wanted, chosen):
        log.info("design: %s", note)
    log.info("design: %s", _promise(wanted, chosen))
    log.info("design: %s", _next_step(to, words))


def _write(rows: Sequence[Sequence[str]], to: Path) -> None:
    with written(to) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _shares(chosen: Designed) -> Table:
    """Returns the least, the mean and the greatest share of each domain over the mixtures."""
    table = Table(box=None, pad_edge=False)
    table.add_column("domain", overflow="fold")
    for heading in ("first", "least", "mean", "most"):
        table.add_column(heading, justify="right")
    for name, shares in zip(chosen.names, chosen.weights.T, strict=True):
        numbers = (shares[0], shares.min(), shares.mean(), shares.max())
        table.add_row(name, *[f"{number:.3f}" for number in numbers])
    return table


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
    options = f" {words}" if words else ""
    return (
        "next: train a proxy on each line, write losses.csv (the id, then a column a target), and"
        f" run mixwright fit --mixtures {to} --losses losses.csv{options} --mixer effective-data"
        " --to fit"
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
    weights = resolve.resolve_design(plan.runs[role], goal.domains)
    tables.write(weights, to, tables.DESIGN)
