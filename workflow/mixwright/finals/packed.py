"""Trains finals by the packed trainer of the proxies, several of them side by side.

They are members like proxies. Their first weights are those that transformers' Trainer would start
from, and the store gets models of transformers.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from transformers.utils import logging

from mixwright.files import alone
from mixwright.finals.arm import Arm
from mixwright.finals.models import build
from mixwright.finals.job import Job, diverged, lock_of, trained
from mixwright.proxies.device import prepare
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import from_state_dict, hf_state_dict, stack
from mixwright.proxies.train import Result, train
from mixwright.proxies.tuning import machine, rule_of_thumb
from mixwright.proxies.wave import Member, Settings, Start

# a line for each final is enough
logging.disable_progress_bar()
logging.set_verbosity_error()

# takes the folder of a final that is in the store now
Stored = Callable[[Path], None]


def train_side_by_side(arms: Mapping[Path, Arm], job: Job, stored: Stored) -> None:
    """Trains the finals that the store lacks.

    It holds the locks of all that it trains. Who wants several takes them in the order of their
    names, so that no two jobs wait for each other.

    Args:
        arms: folder of a final -> one of the arms that want it; of all finals of the job.
        job: what they share.
        stored: is told of each final that is trained.

    Raises:
        MixwrightError: memory does not hold one final.
        SystemExit: with 143, after SIGTERM; a checkpoint is saved then.
    """
    wanted = sorted(filter(job.lacks, arms))
    with ExitStack() as locks:
        for folder in wanted:
            locks.enter_context(alone(lock_of(folder)))
        missing = set()
        for folder in wanted:
            if job.lacks(folder):
                missing.add(folder)
            else:
                # another job trained it while this one waited
                stored(folder)
        if missing:
            _train(arms, missing, job, stored)


def _train(arms: Mapping[Path, Arm], missing: set[Path], job: Job, stored: Stored) -> None:
    final = job.study.final
    prepare(final["device"])
    attention, settings = _how(job)
    shape = Shape.of(final["shape"], job.shards[0].vocabulary, attention)
    members = {}
    for folder, arm in arms.items():
        members[folder] = _member(arm, folder.name, job)

    def finish(member: Member, result: Result) -> None:
        folder = job.store / "finals" / member.key
        _keep(folder, member, result, shape, job)
        stored(folder)

    checkpoints = job.store / "checkpoints"
    if job.order:
        checkpoints = checkpoints / job.order.name
    # of all finals of the job, for waves are cut from the full list
    train(
        list(members.values()),
        shape,
        job.shards,
        settings=settings,
        targets={},
        likelihoods={},
        on_finished=finish,
        finished={folder.name for folder in arms if folder not in missing},
        checkpoints=checkpoints,
        log=job.log,
        first=_first_weights(shape, job),
    )
    if job.order:
        shutil.rmtree(checkpoints, ignore_errors=True)


def _how(job: Job) -> tuple[str, Settings]:
    """The kernel of attention, and what all members share.

    Nothing is timed. What of it changes numbers by rounding follows from the study alone.
    """
    study = job.study
    final = study.final
    keys = ("shape", "batch", "optimizer", "device", "precision")
    requested = {key: final[key] for key in keys}
    requested["micro_batch"] = final.get("micro_batch", "auto")
    choice, _ = rule_of_thumb(requested, job.shards[0].vocabulary, machine(final["device"]))
    minutes = final.get("checkpoint_minutes")
    settings = Settings(
        batch=final["batch"],
        optimizer=final["optimizer"],
        evaluations=0,
        wave=choice.wave,
        device=final["device"],
        precision=final["precision"],
        micro_batch=choice.micro_batch,
        checkpoint_seconds=60.0 * minutes if minutes else 60.0,
        checkpoint_steps=None if minutes else _checkpoint_steps(job),
        section="final",
        keeps_losses=True,
        stops_diverged=True,
    )
    return choice.attention, settings


def _checkpoint_steps(job: Job) -> int:
    final = job.study.final
    tokens = final.get("checkpoint_tokens")
    if tokens is None:
        return int(final["checkpoint_steps"])
    step_tokens = final["batch"] * final["shape"]["context"]
    return max(1, round(tokens / step_tokens))


def _member(arm: Arm, key: str, job: Job) -> Member:
    names = [shard.domain for shard in job.shards]
    return Member(key, arm.mixture.over(names), job.study.final_steps, arm.seed)


def _first_weights(shape: Shape, job: Job) -> Start:
    """Makes the weights that transformers' Trainer would start from."""
    final = job.study.final
    shard = job.shards[0]

    def first(members: Sequence[Member]) -> Parameters:
        starts = []
        for member in members:
            model = build(final["shape"], shard.vocabulary, shard.end_token, member.seed)
            starts.append(from_state_dict(model.state_dict(), shape))
        return {name: tensor.to(final["device"]) for name, tensor in stack(starts).items()}

    return first


def _keep(folder: Path, member: Member, result: Result, shape: Shape, job: Job) -> None:
    """Puts a final into the store."""
    final = job.study.final
    shard = job.shards[0]
    step_tokens = final["batch"] * shape.context
    weights = hf_state_dict(result.weights, 0, shape)
    spoilt = _first_spoilt(result, weights)

    def save_model(to: Path) -> None:
        model = build(final["shape"], shard.vocabulary, shard.end_token, member.seed)
        model.load_state_dict(weights)
        model.save_pretrained(to)

    facts: dict[str, Any]
    if spoilt:
        facts = diverged(spoilt, step_tokens)
    else:
        last = max(1, member.steps // 10)
        loss = float(np.mean(result.training_losses[-last:], dtype=np.float64))
        facts = trained(member.steps * step_tokens, loss, result.realised)
    facts["seconds"] = result.seconds
    job.keep(folder, facts, save_model)


def _first_spoilt(result: Result, weights: Parameters) -> int:
    """The number, from 1, of the first step with a loss that is not finite; 0: there is none.

    The last update may spoil weights whose loss nobody computes any more.
    """
    losses = result.training_losses
    spoilt = np.flatnonzero(~np.isfinite(losses))
    if len(spoilt):
        return int(spoilt[0]) + 1
    if all(bool(tensor.isfinite().all()) for tensor in weights.values()):
        return 0
    return len(losses)
