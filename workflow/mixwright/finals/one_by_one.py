"""Trains finals by transformers, one after the other; several processes may share each."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Shard
from mixwright.files import alone, written
from mixwright.finals import card, curve, tracking
from mixwright.finals.arm import Arm
from mixwright.finals.job import Job, diverged, lock_of, tell_missing_copies, trained
from mixwright.finals.processes import Processes
from mixwright.finals.snapshots import SNAPSHOTS
from mixwright.finals.stored import Trained, put, save
from mixwright.progress import News

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainerCallback

    from mixwright.finals.sequences import Sequences


def train_one_by_one(arms: Sequence[Arm], job: Job) -> Iterator[tuple[Arm, Path]]:
    """Trains what the store lacks, and yields each arm and its folder as soon as it is there.

    The process that leads looks into the store and tells the others whether to train.
    """
    processes = job.processes
    folders = [job.folder(arm) for arm in arms]
    for number, (arm, folder) in enumerate(zip(arms, folders, strict=True)):
        with _turn(folder, processes):
            if processes.from_leader(job.lacks(folder)):
                left = len(set(folders[number:]) - {folder})
                _train(arm, folder, left, job)
            elif processes.leads:
                tell_missing_copies(arm, folder, job)
            yield arm, folder


def _turn(folder: Path, processes: Processes) -> AbstractContextManager[None]:
    """Waits until no other job trains the final of `folder`; the leader waits for all processes."""
    if processes.leads:
        return alone(lock_of(folder))
    return nullcontext()


def _train(arm: Arm, folder: Path, left: int, job: Job) -> None:
    """Trains one final and puts it into the store; `left` others follow it."""
    # torch takes seconds to import: only who trains pays for it
    from mixwright.finals.callbacks import Progress
    from mixwright.finals.loop import DivergedError, Extras, finish
    from mixwright.finals.models import build_final
    from mixwright.proxies.device import prepare

    study, processes, shards = job.study, job.processes, job.shards
    final = study.final
    prepare(final["device"])

    schedule = schedule_of(arm, job)
    model = build_final(final, shards[0].vocabulary, shards[0].end_token, arm.seed)
    sequences = _sequences(schedule, shards[0], arm.seed, masked=study.learner.masked)
    log = job.log if processes.leads else _silent
    progress = Progress(log, f"final {arm.label}", job.step_tokens, left)
    checkpoints = processes.from_leader(job.checkpoints(folder))
    extras = Extras(partial(_save_copy, job=job), _trackers(arm, folder, job))

    began = time.monotonic()
    try:
        losses = finish(model, sequences, final, arm.seed, checkpoints, progress, processes, extras)
        result = trained(losses, schedule.realised, job)
    except DivergedError as error:
        losses = error.losses
        result = diverged(error.step, job)
    # of this attempt: what came before a checkpoint is not in it
    result["seconds"] = time.monotonic() - began
    rows = curve.rows(losses, final["optimizer"], job.step_tokens, study.final_steps)
    _keep(arm, folder, Trained(result, rows, model, snapshots=checkpoints / SNAPSHOTS), job)


def schedule_of(arm: Arm, job: Job) -> Schedule:
    """Returns what a final reads, and in which order."""
    study = job.study
    names = [shard.domain for shard in job.shards]
    weights = arm.mixture.over(names).weights
    sequences = study.final_steps * study.final["batch"]
    context = study.final["shape"]["context"]
    return Schedule.of(weights, job.shards, context, sequences, arm.seed)


def _keep(arm: Arm, folder: Path, of_model: Trained, job: Job) -> None:
    """Puts a final into the store; every process has to call it."""
    if "status" not in of_model.result:
        facts = card.facts_of(arm, folder.name, of_model.result, job.shards, job.study)
        weights = _gathered(of_model.model, job)
        of_model = replace(of_model, facts=facts, weights=weights)
    if job.processes.leads:
        put(folder, of_model, job.tokenizer, again=job.order is not None)


def _trackers(arm: Arm, folder: Path, job: Job) -> "tuple[TrainerCallback, ...]":
    """Where the leader also sends the losses of a final."""
    if not job.processes.leads:
        return ()
    words = arm.label.replace(",", "").split()
    name = "-".join([*words, folder.name[:8]])
    return tracking.trackers(job.study.final.get("track", "none"), job.tracking, name)


def _gathered(model: "PreTrainedModel", job: Job) -> dict[str, Any] | None:
    """The weights of a model of which each process has a slice; None where they are whole."""
    if job.study.final_processes.get("parallel") != "fsdp":
        return None
    from mixwright.finals.fsdp import gathered_weights

    return gathered_weights(model)


def _save_copy(folder: Path, model: "PreTrainedModel", job: Job) -> None:
    """Saves a copy of a model in training; every process has to call it."""
    weights = _gathered(model, job)
    if job.processes.leads:
        with written(folder) as beside:
            save(beside, model, weights, job.tokenizer)


def _sequences(schedule: Schedule, shard: Shard, seed: int, masked: bool) -> "Sequences":
    """The sequences to train on, for a causal or a masked model; `shard` is any of the study's."""
    from mixwright.finals.sequences import MaskedSequences, Sequences
    from mixwright.proxies.models.masking import Masking

    if masked:
        return MaskedSequences(schedule, Masking.of(shard, seed))
    return Sequences(schedule)


def _silent(news: News) -> None:
    """Logs nothing: of several processes the one that leads speaks."""
