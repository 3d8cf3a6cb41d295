"""Stages of workflow/rules/proxies.smk: from a design to losses."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


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
    from mixwright.designs.resolve import resolve_design
    from mixwright.study import Study

    asked = Study.read(study)
    tables.write(resolve_design(asked.runs[role], asked.goal(train_tokens(domains)).domains), to, tables.DESIGN)


def train_proxies(study: Path, pack: str, domains: Path, shards: list[Path], targets: list[Path], store: Path, to: Path) -> None:
    """Train the runs of one pack and write what they measured."""
    from mixwright.corpus.shards import Examples
    from mixwright.designs.resolve import resolve_design
    from mixwright.pulse import beating, path_of
    from mixwright.study import Study

    asked = Study.read(study)
    runs = asked.packs[pack]
    with beating(path_of(study.parent, pack), len(runs)) as log:
        asked.learner.function("train_pack")(
            runs,
            resolve_design(runs, asked.goal(train_tokens(domains)).domains),
            [asked.learner.function("open_domain")(folder) for folder in shards],
            {path.stem: Examples.load(path) for path in targets},
            asked.config,
            store,
            to,
            log,
        )


def collect_losses(packs: list[Path], losses: Path, realised: Path) -> None:
    """Gather the losses and realised counts of packs into long tables."""
    from mixwright import tables
    from mixwright.collect import collect

    tables.write(collect(packs, "losses"), losses, tables.LOSSES)
    tables.write(collect(packs, "realised"), realised, tables.REALISED)


def collect_loglikelihoods(packs: list[Path], to: Path) -> None:
    """Gather the per-example log-likelihoods of packs into a long table."""
    from mixwright import tables
    from mixwright.collect import collect

    tables.write(collect(packs, "loglikelihoods"), to, tables.LOGLIKELIHOODS)


def train_tokens(domains: Path) -> dict[str, int]:
    """Domain -> its training tokens."""
    counts = _domains(domains)
    return {str(row.domain): int(row.tokens) for row in counts[counts.split == "train"].itertuples()}


def corpus_fingerprint(domains: Path) -> str:
    """What the results rest on: a hash of every domain's training tokens."""
    from mixwright.mixture import digest

    counts = _domains(domains)
    return digest({str(row.domain): str(row.sha256) for row in counts[counts.split == "train"].itertuples()})


def _domains(path: Path) -> "pd.DataFrame":
    from mixwright import tables

    return tables.read(path, tables.DOMAINS)
