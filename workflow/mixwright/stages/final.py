"""Stages of workflow/rules/final.smk: final models, trained and scored."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mixwright import tables
from mixwright.corpus.choices import load_choices
from mixwright.corpus.counts import count_domains, extents
from mixwright.corpus.shards import Examples
from mixwright.files import read_json
from mixwright.finals.arm import Arm
from mixwright.finals.curve import of_finals
from mixwright.finals.processes import joined
from mixwright.finals.snapshot_scores import evaluate_snapshots as score_snapshots
from mixwright.finals.tasks.catalogue import be_quiet
from mixwright.finals.tasks.evaluate import evaluate_tasks as answer_tasks
from mixwright.jobs.heartbeat import beating, path_of
from mixwright.jobs.lease import hold_gpu
from mixwright.mixture import Mixture
from mixwright.progress import say
from mixwright.study.gate import check_mixtures
from mixwright.study.study import Study


def train_finals(
    study: Path,
    pack: str,
    mixtures: list[Path],
    shards: list[Path],
    store: Path,
    to: Path,
    tokenizer: Path | None = None,
    curves: Path | None = None,
) -> None:
    """Train the final model of every arm of a pack.

    Example:
        mixwright train-finals --study results/demo/study.json --pack 0123456789abcdef
            --mixtures results/demo/mixtures/uniform.json --shards results/demo/shards/prose
            --tokenizer results/demo/tokenizer --store results/store
            --to results/demo/finals/0123456789abcdef.parquet
    """
    plan = Study.read(study)
    hold_gpu(plan.final)
    arms = _arms(plan, pack, mixtures)
    # The gate before the proxies knows the bounds, not the mixtures.
    counts = count_domains(shards, plan.source_tokens, plan.held_out)
    check_mixtures(plan, [arm.mixture for arm in arms], extents(counts))
    domains = list(map(plan.learner.function("open_domain"), shards))
    train = plan.learner.function("train_finals")
    # Of the processes that torchrun starts, the first alone writes the progress file.
    leads = os.environ.get("RANK", "0") == "0"
    progress = beating(path_of(study.parent, pack), len(arms)) if leads else nullcontext(say)
    with progress as log:
        train(arms, domains, tokenizer, plan, store, to, log)
    if leads and curves:
        trained = tables.read(to, tables.FINALS)
        tables.write(of_finals(trained, store / "finals"), curves, tables.CURVES)


def evaluate_finals(
    study: Path,
    finals: Path,
    shards: list[Path],
    targets: list[Path],
    scores: Path,
    documents: Path,
) -> None:
    """Score every final model on every target and on the validation split of every domain.

    Example:
        mixwright evaluate-finals --study results/demo/study.json
            --finals results/demo/finals/0123456789abcdef.parquet
            --shards results/demo/shards/prose --targets results/demo/targets/questions.npz
            --scores scores.parquet --documents documents.parquet
    """
    plan = Study.read(study)
    hold_gpu(plan.final)
    models = tables.read(finals, tables.FINALS)
    examples = {path.stem: Examples.load(path) for path in targets}
    domains = list(map(plan.learner.function("open_domain"), shards))
    evaluate = plan.learner.function("evaluate_finals")
    choices = load_choices(targets)
    # trees are asked no questions, and scored by one process
    rest: dict[str, Any] = {"choices": choices} if choices else {}
    with joined(plan.final, trains=False) as processes:
        if processes.size > 1:
            rest["processes"] = processes
        result = evaluate(models, examples, domains, plan, **rest)
    if processes.leads:
        tables.write(result.documents, documents, tables.DOCUMENTS)
        tables.write(result.scores, scores, tables.SCORES)


def evaluate_snapshots(
    study: Path, finals: Path, shards: list[Path], targets: list[Path], to: Path
) -> None:
    """Score the copies of every final model, from along its training, on every target.

    Example:
        mixwright evaluate-snapshots --study results/demo/study.json
            --finals results/demo/finals/0123456789abcdef.parquet
            --shards results/demo/shards/prose --targets results/demo/targets/questions.npz
            --to snapshot_scores.parquet
    """
    plan = Study.read(study)
    hold_gpu(plan.final)
    models = tables.read(finals, tables.FINALS)
    examples = {path.stem: Examples.load(path) for path in targets}
    domains = list(map(plan.learner.function("open_domain"), shards))
    choices = load_choices(targets)
    with joined(plan.final, trains=False) as processes:
        scores = score_snapshots(models, examples, domains, plan, choices, processes=processes)
    if processes.leads:
        tables.write(scores, to, tables.SNAPSHOT_SCORES)


def evaluate_tasks(study: Path, finals: Path, scores: Path, answers: Path) -> None:
    """Ask every final model the questions of the study's tasks, by lm-evaluation-harness.

    Example:
        mixwright evaluate-tasks --study results/demo/study.json
            --finals results/demo/finals/0123456789abcdef.parquet
            --scores task_scores.parquet --answers answers.parquet
    """
    be_quiet()
    plan = Study.read(study)
    hold_gpu(plan.final)
    models = tables.read(finals, tables.FINALS)
    with joined(plan.final, trains=False) as processes:
        result = answer_tasks(models, plan, processes)
    if processes.leads:
        tables.write(result.answers, answers, tables.TASK_ANSWERS)
        tables.write(result.scores, scores, tables.SCORES)


def _arms(plan: Study, pack: str, mixtures: Sequence[Path]) -> list[Arm]:
    """The arms of a pack, with the mixtures that were proposed for them."""
    proposed = {}
    for path in mixtures:
        weights = read_json(path)["weights"]
        proposed[path.stem] = Mixture.of(weights).over(sorted(weights))
    arms = []
    for name, seed in plan.final_packs[pack]:
        mixer, goal = plan.arms[name]
        arms.append(Arm(mixer, seed, proposed[name], goal or None))
    return arms
