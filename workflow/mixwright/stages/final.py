"""Stages of workflow/rules/final.smk: final models, trained and measured."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mixwright.files import read_json

if TYPE_CHECKING:
    from mixwright.finals.train import Arm
    from mixwright.study.study import Study


def train_finals(
    study: Path,
    pack: str,
    mixtures: list[Path],
    shards: list[Path],
    store: Path,
    to: Path,
    tokenizer: Path | None = None,
) -> None:
    """Train the final model of every arm of a pack."""
    from mixwright.jobs.heartbeat import beating, path_of
    from mixwright.jobs.lease import hold_gpu
    from mixwright.progress import say
    from mixwright.study.study import Study

    asked = Study.read(study)
    hold_gpu(asked.config["final"])
    arms = _arms(asked, pack, mixtures)
    domains = [asked.learner.function("open_domain")(folder) for folder in shards]
    leads = os.environ.get("RANK", "0") == "0"  # of the processes that torchrun started
    with beating(path_of(study.parent, pack), len(arms)) if leads else nullcontext(say) as log:
        asked.learner.function("train_finals")(arms, domains, tokenizer, asked, store, to, log)


def evaluate_finals(
    study: Path,
    finals: Path,
    shards: list[Path],
    targets: list[Path],
    scores: Path,
    documents: Path,
) -> None:
    """Score every final on every target and on every domain's validation split."""
    from mixwright import tables
    from mixwright.corpus.shards import Examples
    from mixwright.jobs.lease import hold_gpu
    from mixwright.study.study import Study

    asked = Study.read(study)
    hold_gpu(asked.config["final"])
    trained = tables.read(finals, tables.FINALS)
    examples = {path.stem: Examples.load(path) for path in targets}
    domains = [asked.learner.function("open_domain")(folder) for folder in shards]
    scored = asked.learner.function("evaluate_finals")(trained, examples, domains, asked)
    tables.write(scored.documents, documents, tables.DOCUMENTS)
    tables.write(scored.scores, scores, tables.SCORES)


def _arms(study: "Study", pack: str, mixtures: Sequence[Path]) -> list["Arm"]:
    """The arms of a pack, with the mixtures that were proposed for them."""
    from mixwright.finals.train import Arm
    from mixwright.mixture import Mixture

    proposed = {}
    for path in mixtures:
        weights = read_json(path)["weights"]
        proposed[path.stem] = Mixture.of(weights).over(sorted(weights))
    return [
        Arm(study.arms[arm][0], seed, proposed[arm], study.arms[arm][1] or None)
        for arm, seed in study.final_packs[pack]
    ]
