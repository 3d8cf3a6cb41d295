"""Trains finals by the packed trainer of the proxies, several of them side by side.

They are members like proxies. Their first weights are those that transformers' Trainer would start
from, and the store gets models of transformers.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from transformers import PreTrainedModel
from transformers.utils import logging

from mixwright.files import alone, written
from mixwright.finals import card, curve
from mixwright.finals.arm import Arm
from mixwright.finals.checkpoints import checkpoint_steps
from mixwright.finals.job import Job, diverged, lock_of, trained
from mixwright.finals.models import build_final
from mixwright.finals.snapshots import SNAPSHOTS, snapshot_steps
from mixwright.finals.stored import Trained, put, save
from mixwright.proxies.device import prepare
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import from_state_dict, hf_state_dict, stack
from mixwright.proxies.train import Result, train
from mixwright.proxies.tuning import machine, rule_of_thumb
from mixwright.proxies.wave import Member, Settings, Start, Wave
from mixwright.proxies.waves import remove_checkpoints
from mixwright.proxies.weights import finite

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
        _train(arms, missing, job, stored)


def _train(arms: Mapping[Path, Arm], missing: set[Path], job: Job, stored: Stored) -> None:
    final = job.study.final
    attention, settings = _how(job)
    folders = {}
    members = []
    for folder, arm in arms.items():
        folders[folder.name] = folder
        members.append(_member(arm, folder.name, job))
    checkpoints = job.store / "checkpoints"
    if job.order:
        checkpoints = checkpoints / job.order.name
    if not missing:
        remove_checkpoints(members, settings, checkpoints)
        return
    prepare(final["device"])
    shape = Shape.of(final["shape"], job.shards[0].vocabulary, attention)

    def finish(member: Member, result: Result) -> None:
        folder = folders[member.key]
        _keep(arms[folder], folder, result, shape, job)
        stored(folder)

    # of all finals of the job, for waves are cut from the full list
    train(
        members,
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
        on_step=_copying(folders, shape, job),
    )
    if job.order:
        shutil.rmtree(checkpoints, ignore_errors=True)


def _copying(folders: Mapping[str, Path], shape: Shape, job: Job) -> Callable[[Wave], None]:
    """Keeps copies of members as they were after some steps; none of one that has diverged.

    A copy that is there already, of before a kill, stays.
    """
    taken = snapshot_steps(job.study.final, job.study.final_steps)

    def copy(wave: Wave) -> None:
        name = taken.get(wave.step)
        if name is None:
            return
        alive = wave.alive.tolist()
        for k, member in enumerate(wave.members):
            to = job.checkpoints(folders[member.key]) / SNAPSHOTS / name
            weights = wave.weights([k])
            if to.exists() or not alive[k] or not finite(weights, 0):
                continue
            with written(to) as beside:
                save(beside, _model(weights, member.seed, shape, job), None, job.tokenizer)

    return copy


def _model(weights: Parameters, seed: int, shape: Shape, job: Job) -> PreTrainedModel:
    """A model of transformers with the weights of one member, each (1, ...)."""
    shard = job.shards[0]
    model = build_final(job.study.final, shard.vocabulary, shard.end_token, seed)
    model.load_state_dict(hf_state_dict(weights, 0, shape))
    return model


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
        checkpoint_steps=None if minutes else checkpoint_steps(final),
        section="final",
        keeps_losses=True,
        stops_diverged=True,
    )
    return choice.attention, settings


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
            model = build_final(final, shard.vocabulary, shard.end_token, member.seed)
            starts.append(from_state_dict(model.state_dict(), shape))
        return {name: tensor.to(final["device"]) for name, tensor in stack(starts).items()}

    return first


def _keep(arm: Arm, folder: Path, result: Result, shape: Shape, job: Job) -> None:
    """Puts a final into the store."""
    study = job.study
    losses = result.training_losses
    spoilt = curve.first_spoilt(losses)
    if spoilt is None and not finite(result.weights, 0):
        # by the last update: no loss tells of it
        spoilt = len(losses)
    if spoilt is None:
        facts = trained(losses, result.realised, job)
        on_card = card.facts_of(arm, folder.name, facts, job.shards, study)
    else:
        facts = diverged(spoilt, job)
        on_card = None
    facts["seconds"] = result.seconds
    rows = curve.rows(losses, study.final["optimizer"], job.step_tokens, study.final_steps)
    model = _model(result.weights, arm.seed, shape, job)
    copies = job.checkpoints(folder) / SNAPSHOTS
    of_member = Trained(facts, rows, model, on_card, snapshots=copies)
    put(folder, of_member, job.tokenizer, again=job.order is not None)
