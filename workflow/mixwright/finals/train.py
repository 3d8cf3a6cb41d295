"""Trains the final model of every arm once for each content, and keeps it in the store.

An arm is a mixer's mixture and a seed. Equal mixtures with equal seeds share one final.
"""

import hashlib
import math
import shutil
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from mixwright import tables
from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Shard
from mixwright.errors import MixwrightError
from mixwright.files import alone, read_json, write_json, written
from mixwright.finals.processes import Processes, joined
from mixwright.mixture import Mixture, digest
from mixwright.progress import Done, Log, News, say
from mixwright.study.study import Study
from mixwright.versions import VERSIONS

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from mixwright.finals.trainer import Sequences

# the settings of a study's section `final` that change the trained weights
RECIPE = ("shape", "batch", "optimizer", "device", "precision")


@dataclass(frozen=True)
class Arm:
    """What one final is trained on."""

    mixer: str
    seed: int
    mixture: Mixture
    goal: str | None = None  # the arm's own, where a study has several

    @property
    def label(self) -> str:
        """The name of the final in lines for people."""
        if self.goal:
            return f"{self.mixer} for {self.goal}, seed {self.seed}"
        return f"{self.mixer}, seed {self.seed}"


@dataclass(frozen=True)
class _Shared:
    """What all finals of one call share."""

    shards: Sequence[Shard]  # sorted by domain
    tokenizer: Path
    study: Study
    processes: Processes
    log: Log


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

    A final stands in `<store>/finals/<key>/`: `result.json`, and `model/` for from_pretrained.

    Args:
        arms: what to train.
        shards: the tokens of every domain.
        tokenizer: its folder.
        study: the study that asks for them.
        store: the folder that keeps the finals.
        to: the table's path.
        log: takes the lines of progress.

    Raises:
        MixwrightError: a final diverged, or as many processes run as the study does not ask for.
        SystemExit: with 143, after SIGTERM; a checkpoint is saved then.
    """
    shards = sorted(shards, key=lambda shard: shard.domain)
    with joined(study.config["final"]) as processes:
        shared = _Shared(shards, Path(tokenizer), study, processes, log)
        rows = _train_missing(arms, Path(store), shared)
    if processes.leads:
        tables.write(pd.DataFrame(rows, columns=tables.FINALS.schema.names), to, tables.FINALS)


def _train_missing(arms: Sequence[Arm], store: Path, shared: _Shared) -> list[dict[str, Any]]:
    """The rows of tables.FINALS; only the process that leads has them.

    It alone looks into the store and tells the others whether to train.
    """
    study, processes = shared.study, shared.processes
    keys = [content_key(arm, shared.shards, shared.tokenizer, study) for arm in arms]
    folders = [store / "finals" / key for key in keys]
    refresh = study.config["store"] == "refresh"
    # equal arms are trained once, also with `store: refresh`
    finished: set[Path] = set()
    rows: list[dict[str, Any]] = []
    for number, (arm, folder) in enumerate(zip(arms, folders, strict=True)):
        with _turn(folder, processes):
            again = refresh and folder not in finished
            if again and processes.leads:
                shutil.rmtree(_checkpoints(folder), ignore_errors=True)
            missing = not (folder / "result.json").exists()
            if processes.from_leader(again or missing):
                left = len(set(folders[number:]) - {folder})
                _train(arm, folder, left, shared)
            if processes.leads:
                row = _row(arm, folder)
                rows.append(row)
                place = f"final {number + 1}/{len(arms)}"
                words = f"{place}: {arm.label}: loss {row['train_loss']:.3f}"
                shared.log(Done(arm.label, words))
        finished.add(folder)
    return rows


def _turn(folder: Path, processes: Processes) -> AbstractContextManager[None]:
    """Waits until no other job trains the final of `folder`; the leader waits for all processes."""
    if processes.leads:
        return alone(lock_of(folder))
    return nullcontext()


def content_key(arm: Arm, shards: Sequence[Shard], tokenizer: str | Path, study: Study) -> str:
    """Returns the hash of all that a final's numbers depend on.

    A domain of weight 0 has no part in it.
    """
    final = study.config["final"]
    weights = arm.mixture.rounded()
    prints = {shard.domain: shard.fingerprint for shard in shards if shard.domain in weights}
    vocabulary = (Path(tokenizer) / "tokenizer.json").read_bytes()
    content = {
        "weights": weights,
        "seed": arm.seed,
        "steps": study.final_steps,
        "recipe": {name: final[name] for name in RECIPE},
        "shards": prints,
        "tokenizer": hashlib.sha256(vocabulary).hexdigest(),
        "version": VERSIONS["final"],
    }
    return digest(content | study.final_processes, 32)


def _train(arm: Arm, folder: Path, left: int, shared: _Shared) -> None:
    """Trains one final and puts it into the store; `left` others follow it.

    What stands in the folder stays there until the new final is whole.
    """
    # torch takes seconds to import: only who trains pays for it
    from mixwright.finals.callbacks import Progress
    from mixwright.finals.loop import finish
    from mixwright.finals.models import build
    from mixwright.proxies.device import prepare

    study, processes, shards = shared.study, shared.processes, shared.shards
    final = study.config["final"]
    context = final["shape"]["context"]
    checkpoints = _checkpoints(folder)
    prepare(final["device"])

    names = [shard.domain for shard in shards]
    weights = arm.mixture.over(names).weights
    count = study.final_steps * final["batch"]
    schedule = Schedule.of(weights, shards, context, count, arm.seed)
    model = build(final["shape"], shards[0].vocabulary, shards[0].end_token, arm.seed)
    sequences = _sequences(schedule, shards[0], arm.seed, masked=study.learner.masked)
    log = shared.log if processes.leads else _silent
    progress = Progress(log, f"final {arm.label}", final["batch"] * context, left)

    began = time.monotonic()
    loss = finish(model, sequences, final, arm.seed, checkpoints, progress, processes)
    trained = None
    if study.final_processes.get("parallel") == "fsdp":
        from mixwright.finals.fsdp import gathered_weights

        trained = gathered_weights(model)
    if not processes.leads:
        return
    if not math.isfinite(loss):
        shutil.rmtree(checkpoints, ignore_errors=True)
        raise MixwrightError(
            f"final: {arm.label} diverged; lower final.optimizer.muon_lr and adam_lr"
        )
    with written(folder) as beside:
        _save(beside / "model", model, trained, shared.tokenizer)
        result = {
            "tokens": len(schedule) * context,
            # of this attempt: what came before a checkpoint is not in it
            "seconds": time.monotonic() - began,
            "train_loss": loss,
            "realised": _realised(schedule),
        }
        write_json(beside / "result.json", result)
    shutil.rmtree(checkpoints, ignore_errors=True)


def _sequences(schedule: Schedule, shard: Shard, seed: int, masked: bool) -> "Sequences":
    """The sequences to train on, for a causal or a masked model; `shard` is any of the study's."""
    from mixwright.finals.trainer import MaskedSequences, Sequences
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


def _save(
    folder: Path, model: "PreTrainedModel", weights: dict[str, Any] | None, tokenizer: Path
) -> None:
    """Writes model and tokenizer for from_pretrained.

    `weights` stands in for the model's own, of which each process may have a slice.
    """
    # Trainer switches the cache off; who generates text needs it
    model.config.use_cache = True
    model.save_pretrained(folder, state_dict=weights)
    without_model = shutil.ignore_patterns("config.json")
    shutil.copytree(tokenizer, folder, dirs_exist_ok=True, ignore=without_model)


def _row(arm: Arm, folder: Path) -> dict[str, Any]:
    """The arm's row of tables.FINALS; the folder's name is the key."""
    row = {
        "mixer": arm.mixer,
        "goal": arm.goal,
        "seed": arm.seed,
        "store_key": folder.name,
        "folder": str(folder / "model"),
    }
    return row | read_json(folder / "result.json")


def lock_of(folder: Path) -> Path:
    """Returns the lock of the final of `folder`: who trains it holds the lock, the others wait."""
    return folder.with_name(f".{folder.name}.lock")


def _checkpoints(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.checkpoint")
