"""Trains the final model of every arm once for each content, and keeps it in the store.

An arm is a mixer's mixture and a seed. Equal mixtures with equal seeds share one final.
"""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixwright import tables
from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Shard
from mixwright.corpus.tokenizer_files import fingerprint
from mixwright.errors import MixwrightError
from mixwright.files import alone, read_json, written
from mixwright.finals import card, curve, tracking
from mixwright.finals.arm import Arm, content_key
from mixwright.finals.processes import Processes, joined
from mixwright.finals.snapshots import SNAPSHOTS
from mixwright.finals.stored import Trained, put, save
from mixwright.progress import Done, Log, News, say
from mixwright.proxies.refresh import Refresh
from mixwright.study.study import Study

if TYPE_CHECKING:
    from transformers import PreTrainedModel, TrainerCallback

    from mixwright.finals.sequences import Sequences

# of a final whose loss was not finite
DIVERGED = "diverged"


@dataclass(frozen=True)
class _Shared:
    """What all finals of one call share."""

    shards: Sequence[Shard]  # sorted by domain
    tokenizer: Path
    study: Study
    processes: Processes
    log: Log
    tracking: Path  # folder of what trackers write
    order: Refresh | None = None  # to train again what the store has; the leader's


def train_finals(
    arms: Sequence[Arm],
    shards: Sequence[Shard],
    tokenizer: str | Path,
    study: Study,
    store: str | Path,
    to: str | Path,
    log: Log = say,
) -> None:
    """Trains the finals that the store lacks, one after the other, and writes the table FINALS.

    A final stands in `<store>/finals/<key>/`: `result.json`, and `model/` for from_pretrained. One
    that diverged has no model. It is named, and the others go on.

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
        # beside the folder of the table: the study's
        tracking_folder = Path(to).parent.parent / "tracking"
        shared = _Shared(shards, Path(tokenizer), study, processes, log, tracking_folder, order)
        rows = _train_missing(arms, Path(store), shared)
    if processes.leads:
        tables.write(pd.DataFrame(rows, columns=tables.FINALS.schema.names), to, tables.FINALS)
    if order:
        order.end()


def _train_missing(arms: Sequence[Arm], store: Path, shared: _Shared) -> list[dict[str, Any]]:
    """The rows of tables.FINALS; only the process that leads has them.

    It alone looks into the store and tells the others whether to train.
    """
    processes = shared.processes
    folders = [_folder(arm, store, shared) for arm in arms]
    rows: list[dict[str, Any]] = []
    for number, (arm, folder) in enumerate(zip(arms, folders, strict=True)):
        with _turn(folder, processes):
            checkpoints = processes.from_leader(_checkpoints_to_train(folder, shared.order))
            if checkpoints:
                left = len(set(folders[number:]) - {folder})
                _train(arm, folder, checkpoints, left, shared)
            if processes.leads:
                row = _row(arm, folder)
                rows.append(row)
                shared.log(_done(arm, row, f"final {number + 1}/{len(arms)}"))
            if shared.order:
                shared.order.add(folder.name)
    return rows


def _folder(arm: Arm, store: Path, shared: _Shared) -> Path:
    """The folder of a final in the store.

    Once only tokenizer.json was in the key of every final. One that was stored then is still served
    where it lies, if the other files of the tokenizer are the same.
    """
    study = shared.study
    tokenizer = shared.tokenizer
    finals = store / "finals"
    folder = finals / content_key(arm, shared.shards, tokenizer, study)
    if not study.own_tokenizer:
        return folder
    older = finals / content_key(
        arm,
        shared.shards,
        tokenizer,
        study,
        whole=False,
    )
    with suppress(MixwrightError):
        before = fingerprint(older / "model", whole=True)
        if before == fingerprint(tokenizer, whole=True):
            return older
    return folder


def _checkpoints_to_train(folder: Path, order: Refresh | None) -> Path | None:
    """Where a final's checkpoints lie; None where it is trained already.

    With an order to train again these are the order's own. Equal arms are trained once, also then.
    """
    if order is None:
        if (folder / "result.json").exists():
            return None
        return folder.with_name(f"{folder.name}.checkpoint")
    if folder.name in order.done:
        return None
    return folder.with_name(f"{folder.name}.{order.name}.checkpoint")


def _done(arm: Arm, row: Mapping[str, Any], place: str) -> Done:
    """The news that a final is trained, or that it diverged."""
    diverged = row.get("status") == DIVERGED
    if diverged:
        words = (
            f"{place}: {arm.label} diverged: no finite loss at step {row['step']};"
            " the others go on;"
            " lower final.optimizer.muon_lr and adam_lr to train it"
        )
    else:
        loss = row["train_loss"]
        words = f"{place}: {arm.label}: loss {loss:.3f}"
    return Done(arm.label, words, diverged)


def _turn(folder: Path, processes: Processes) -> AbstractContextManager[None]:
    """Waits until no other job trains the final of `folder`; the leader waits for all processes."""
    if processes.leads:
        return alone(lock_of(folder))
    return nullcontext()


def _train(arm: Arm, folder: Path, checkpoints: Path, left: int, shared: _Shared) -> None:
    """Trains one final and puts it into the store; `left` others follow it.

    What stands in the folder stays there until the new final is whole.
    """
    # torch takes seconds to import: only who trains pays for it
    from mixwright.finals.callbacks import Progress
    from mixwright.finals.loop import DivergedError, Extras, finish
    from mixwright.finals.models import build
    from mixwright.proxies.device import prepare

    study, processes, shards = shared.study, shared.processes, shared.shards
    final = study.final
    context = final["shape"]["context"]
    prepare(final["device"])

    names = [shard.domain for shard in shards]
    weights = arm.mixture.over(names).weights
    count = study.final_steps * final["batch"]
    schedule = Schedule.of(weights, shards, context, count, arm.seed)
    model = build(final["shape"], shards[0].vocabulary, shards[0].end_token, arm.seed)
    sequences = _sequences(schedule, shards[0], arm.seed, masked=study.learner.masked)
    log = shared.log if processes.leads else _silent
    step_tokens = final["batch"] * context
    progress = Progress(log, f"final {arm.label}", step_tokens, left)
    extras = Extras(partial(_save_copy, shared=shared), _trackers(arm, folder, shared))

    began = time.monotonic()
    result: dict[str, Any]
    try:
        losses = finish(model, sequences, final, arm.seed, checkpoints, progress, processes, extras)
        result = {
            "tokens": len(schedule) * context,
            "train_loss": curve.last_loss(losses),
            "realised": _realised(schedule),
        }
    except DivergedError as error:
        losses = error.losses
        result = {
            "tokens": error.step * step_tokens,
            "train_loss": None,
            "realised": [],
            "status": DIVERGED,
            "step": error.step,
        }
    # of this attempt: what came before a checkpoint is not in it
    result["seconds"] = time.monotonic() - began
    rows = curve.rows(losses, final["optimizer"], step_tokens, study.final_steps)
    _store(arm, folder, checkpoints, Trained(result, rows, model), shared)


def _store(arm: Arm, folder: Path, checkpoints: Path, trained: Trained, shared: _Shared) -> None:
    """Puts a final into the store; every process has to call it."""
    result = trained.result
    if "status" not in result:
        trained = replace(
            trained,
            facts=card.facts_of(arm, folder.name, result, shared.shards, shared.study),
            weights=_gathered(trained.model, shared),
            snapshots=checkpoints / SNAPSHOTS,
        )
    if shared.processes.leads:
        put(folder, trained, shared.tokenizer)


def _trackers(arm: Arm, folder: Path, shared: _Shared) -> "tuple[TrainerCallback, ...]":
    """Where the leader also sends the losses of a final."""
    if not shared.processes.leads:
        return ()
    words = arm.label.replace(",", "").split()
    name = "-".join([*words, folder.name[:8]])
    return tracking.trackers(shared.study.final.get("track", "none"), shared.tracking, name)


def _gathered(model: "PreTrainedModel", shared: _Shared) -> dict[str, Any] | None:
    """The weights of a model of which each process has a slice; None where they are whole."""
    if shared.study.final_processes.get("parallel") != "fsdp":
        return None
    from mixwright.finals.fsdp import gathered_weights

    return gathered_weights(model)


def _save_copy(folder: Path, model: "PreTrainedModel", shared: _Shared) -> None:
    """Saves a copy of a model in training; every process has to call it."""
    weights = _gathered(model, shared)
    if shared.processes.leads:
        with written(folder) as beside:
            save(beside, model, weights, shared.tokenizer)


def _sequences(schedule: Schedule, shard: Shard, seed: int, masked: bool) -> "Sequences":
    """The sequences to train on, for a causal or a masked model; `shard` is any of the study's."""
    from mixwright.finals.sequences import MaskedSequences, Sequences
    from mixwright.proxies.models.masking import Masking

    if masked:
        return MaskedSequences(schedule, Masking.of(shard, seed))
    return Sequences(schedule)


def _silent(news: News) -> None:
    """Logs nothing: of several processes the one that leads speaks."""


def _realised(schedule: Schedule) -> list[dict[str, Any]]:
    """Training tokens and passes of each domain, as taken."""
    return [
        {"domain": domain, "tokens": tokens, "epochs": epochs}
        for domain, (tokens, epochs) in schedule.realised.items()
    ]


def _row(arm: Arm, folder: Path) -> dict[str, Any]:
    """The arm's row of tables.FINALS; the folder's name is the key."""
    result: dict[str, Any] = read_json(folder / "result.json")
    model = None
    if result.get("status") != DIVERGED:
        model = str(folder / "model")
    row = {
        "mixer": arm.mixer,
        "goal": arm.goal,
        "seed": arm.seed,
        "store_key": folder.name,
        "folder": model,
    }
    return row | result


def lock_of(folder: Path) -> Path:
    """Returns the lock of the final of `folder`: who trains it holds the lock, the others wait."""
    return folder.with_name(f".{folder.name}.lock")
