"""Trains the final model of every arm once for each content, and keeps it in the store.

An arm is a mixer's mixture and a seed. Equal mixtures with equal seeds share one final.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from mixwright import tables
from mixwright.corpus.shards import Shard
from mixwright.finals import tracking
from mixwright.finals.arm import Arm
from mixwright.finals.job import Job, news, row, tell_missing_copies
from mixwright.finals.one_by_one import train_one_by_one
from mixwright.finals.processes import joined
from mixwright.progress import Log, say
from mixwright.proxies.refresh import Refresh
from mixwright.study.final_trainer import PACKED_TRAINER
from mixwright.study.study import Study


def train_finals(
    arms: Sequence[Arm],
    shards: Sequence[Shard],
    tokenizer: str | Path,
    study: Study,
    store: str | Path,
    to: str | Path,
    log: Log = say,
) -> None:
    """Trains the finals that the store lacks, and writes the table FINALS.

    The packed trainer trains several side by side, transformers one after the other. One that
    diverges is named, and the others go on.

    Args:
        arms: what to train.
        shards: the tokens of every domain.
        tokenizer: its folder.
        study: the study that asks for them.
        store: the folder that keeps the finals.
        to: the table's path.
        log: takes the lines of progress.

    Raises:
        MixwrightError: as many processes run as the study does not ask for.
        SystemExit: with 143, after SIGTERM; a checkpoint is saved then.
    """
    shards = sorted(shards, key=lambda shard: shard.domain)
    tracking.check(study.final.get("track", "none"))
    order = None
    with joined(study.final) as processes:
        if processes.leads and study.config["store"] == "refresh":
            order = Refresh.of(Path(to))
        job = Job(shards, Path(tokenizer), study, Path(store), Path(to), processes, log, order)
        if study.final_trainer == PACKED_TRAINER:
            rows = _side_by_side(arms, job)
        else:
            rows = _one_by_one(arms, job)
    if processes.leads:
        tables.write(pd.DataFrame(rows, columns=tables.FINALS.schema.names), to, tables.FINALS)
    if order:
        order.end()


def _one_by_one(arms: Sequence[Arm], job: Job) -> list[dict[str, Any]]:
    """The rows of tables.FINALS; only the process that leads has them."""
    rows = []
    for number, (arm, folder) in enumerate(train_one_by_one(arms, job), start=1):
        if job.processes.leads:
            facts = row(arm, folder)
            rows.append(facts)
            job.log(news(arm, facts, f"final {number}/{len(arms)}"))
        if job.order:
            job.order.add(folder.name)
    return rows


def _side_by_side(arms: Sequence[Arm], job: Job) -> list[dict[str, Any]]:
    """The rows of tables.FINALS, in the arms' order."""
    folders = [job.folder(arm) for arm in arms]

    def tell(stored: Path) -> None:
        for number, (arm, folder) in enumerate(zip(arms, folders, strict=True), start=1):
            if folder == stored:
                job.log(news(arm, row(arm, folder), f"final {number}/{len(arms)}"))

    def finish(stored: Path) -> None:
        if job.order:
            job.order.add(stored.name)
        tell(stored)

    distinct = dict(zip(folders, arms, strict=True))
    missing = {folder for folder in distinct if job.lacks(folder)}
    for folder in distinct:
        if folder not in missing:
            tell_missing_copies(distinct[folder], folder, job)
            tell(folder)
    if missing:
        # torch and transformers take seconds to import: only who trains pays for them
        from mixwright.finals.packed import train_side_by_side

        train_side_by_side(distinct, job, finish)
    return [row(arm, folder) for arm, folder in zip(arms, folders, strict=True)]
