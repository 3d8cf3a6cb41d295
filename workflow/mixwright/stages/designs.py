"""Stages of workflow/rules/proxies.smk that choose mixtures to train, before any loss is known."""

import csv
from pathlib import Path

from mixwright import tables
from mixwright.corpus.counts import extents, train_domains
from mixwright.designs import resolve
from mixwright.designs.candidates import chosen_rows
from mixwright.files import written
from mixwright.measured.decisions import ColumnOptions
from mixwright.stages.options import NO_WORDS
from mixwright.study.gate import check_samples
from mixwright.study.study import Study


def design(
    candidates: Path, runs: int, to: Path, domains: list[str] = NO_WORDS, key: str | None = None
) -> None:
    """Choose which mixtures to train, the most informative first, before any loss is known.

    Example:
        mixwright design --candidates mixtures.csv --runs 64 --to chosen.csv
    """
    rows = chosen_rows(candidates, runs, ColumnOptions(domains=domains, key=key))
    with written(to) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


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
