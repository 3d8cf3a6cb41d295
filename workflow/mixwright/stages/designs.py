"""Stages of workflow/rules/proxies.smk that choose mixtures to try: their weights, before any compute."""

import csv
from pathlib import Path


def design(candidates: Path, runs: int, to: Path) -> None:
    """Choose the mixtures to try among candidates, the most informative first, before any loss is seen."""
    from mixwright.designs.candidates import chosen_rows
    from mixwright.files import written

    chosen = chosen_rows(candidates, runs)
    with written(to) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(chosen)


def resolve_design(study: Path, role: str, domains: Path, to: Path) -> None:
    """Give every run of a role its weights; bounds that leave no mixture are told here, before compute."""
    from mixwright import tables
    from mixwright.corpus.shards import train_domains
    from mixwright.designs.resolve import resolve_design
    from mixwright.study.study import Study

    asked = Study.read(study)
    tables.write(
        resolve_design(asked.runs[role], asked.goal(train_domains(domains)).domains),
        to,
        tables.DESIGN,
    )
