"""Trains finals by transformers, one after the other; several processes may share each."""

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Shard
from mixwright.files import alone
from mixwright.finals.arm import Arm
from mixwright.finals.processes import Processes
from mixwright.finals.job import Job, diverged, lock_of, trained
from mixwright.progress import News

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mixwright.finals.trainer import Sequences


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
    from mixwright.finals.loop import DivergedError, finish
    from mixwright.finals.models import build
    from mixwright.proxies.device import prepare

    study, processes, shards = job.study, job.processes, job.shards
    final = study.final
    step_tokens = final["batch"] * final["shape"]["context"]
    prepare(final["device"])

    schedule = schedule_of(arm, job)
    model = build(final["shape"], shards[0].vocabulary, shards[0].end_token, arm.seed)
    sequences = _sequences(schedule, shards[0], arm.seed, masked=study.learner.masked)
    log = job.log if processes.leads else _silent
    progress = Progress(log, f"final {arm.label}", step_tokens, left)
    checkpoints = processes.from_leader(job.checkpoints(folder))

    began = time.monotonic()
    try:
        loss = finish(model, sequences, final, arm.seed, checkpoints, progress, processes)
        result = trained(study.final_steps * step_tokens, loss, schedule.realised)
    except DivergedError as error:
        result = diverged(error.step, step_tokens)
    # of this attempt: what came before a checkpoint is not in it
    result["seconds"] = time.monotonic() - began
    _keep(folder, result, model, job)


def schedule_of(arm: Arm, job: Job) -> Schedule:
    """Returns what a final reads, and in which order."""
    study = job.study
    names = [shard.domain for shard in job.shards]
    weights = arm.mixture.over(names).weights
    sequences = study.final_steps * study.final["batch"]
    context = study.final["shape"]["context"]
    return Schedule.of(weights, job.shards, context, sequences, arm.seed)


def _keep(folder: Path, result: dict[str, Any], model: "PreTrainedModel", job: Job) -> None:
    """Puts a final into the store; every process has to call it."""
    weights = None
    sliced = job.study.final_processes.get("parallel") == "fsdp"
    if sliced and "status" not in result:
        from mixwright.finals.fsdp import gathered_weights

        weights = gathered_weights(model)

    def save_model(to: Path) -> None:
        # Trainer switches the cache off; who generates text needs it
        model.config.use_cache = True
        # the gathered weights stand in for the model's own, of which each process has a slice
        model.save_pretrained(to, state_dict=weights)

    if job.processes.leads:
        job.keep(folder, result, save_model)


def _sequences(schedule: Schedule, shard: Shard, seed: int, masked: bool) -> "Sequences":
    """The sequences to train on, for a causal or a masked model; `shard` is any of the study's."""
    from mixwright.finals.trainer import MaskedSequences, Sequences
    from mixwright.proxies.models.masking import Masking

    if masked:
        return MaskedSequences(schedule, Masking.of(shard, seed))
    return Sequences(schedule)


def _silent(news: News) -> None:
    """Logs nothing: of several processes the one that leads speaks."""
