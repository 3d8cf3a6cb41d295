"""The final model of every arm (a mixer's mixture and a seed), trained once per content and kept in the store."""

import hashlib
import math
import shutil
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mixwright import tables
from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Shard
from mixwright.errors import MixwrightError
from mixwright.files import alone, read_json, write_json, written
from mixwright.finals.processes import Ranks, together
from mixwright.mixture import Mixture, digest
from mixwright.progress import Done, Log, say
from mixwright.study.study import Study
from mixwright.versions import VERSIONS


@dataclass(frozen=True)
class Arm:
    """What a final is trained on; `goal` names it where a study has several."""

    mixer: str
    seed: int
    mixture: Mixture
    goal: str | None = None

    @property
    def label(self) -> str:
        return f"{self.mixer}{f' for {self.goal}' if self.goal else ''}, seed {self.seed}"


def train_finals(
    arms: Sequence[Arm],
    shards: Sequence[Shard],
    tokenizer: str | Path,
    study: Study,
    store: str | Path,
    to: str | Path,
    log: Log = say,
) -> None:
    """Trains what the store lacks of `arms` in this process, one after the other, and writes the table FINALS.

    A final stands in `<store>/finals/<key>/`: `model/` for from_pretrained, `result.json`. Equal mixtures with equal seeds share one.
    """
    shards = sorted(shards, key=lambda shard: shard.domain)
    with together(study.config["final"]) as ranks:
        rows = _trained(arms, shards, Path(tokenizer), study, Path(store), log, ranks)
    if ranks.leads:
        tables.write(pd.DataFrame(rows, columns=tables.FINALS.schema.names), to, tables.FINALS)


def _trained(
    arms: Sequence[Arm],
    shards: Sequence[Shard],
    tokenizer: Path,
    study: Study,
    store: Path,
    log: Log,
    ranks: Ranks,
) -> list[dict[str, Any]]:
    """The rows of tables.FINALS, each final trained unless the store has it; of several processes the leader asks it and has the rows."""
    keys = [content_key(arm, shards, tokenizer, study) for arm in arms]
    folders = [store / "finals" / key for key in keys]
    refresh = study.config["store"] == "refresh"
    fresh: set[Path] = set()  # with `store: refresh`, what this call has trained already
    rows: list[dict[str, Any]] = []
    for number, (arm, key, folder) in enumerate(zip(arms, keys, folders, strict=True)):
        with alone(lock_of(folder)) if ranks.leads else nullcontext():
            again = refresh and folder not in fresh
            if again and ranks.leads:
                shutil.rmtree(_checkpoints(folder), ignore_errors=True)
            if ranks.told(again or not (folder / "result.json").exists()):
                left = len({*folders[number:]} - {folder})
                _train(
                    arm, shards, tokenizer, study, folder, left, log, ranks
                )  # what stood there stays until the new one is whole
            if ranks.leads:
                rows.append(_row(arm, key, folder))
                log(
                    Done(
                        arm.label,
                        f"final {number + 1}/{len(arms)}: {arm.label}: loss {rows[-1]['train_loss']:.3f}",
                    )
                )
        fresh.add(folder)
    return rows


def content_key(arm: Arm, shards: Sequence[Shard], tokenizer: str | Path, study: Study) -> str:
    """Hash of all that a final's numbers depend on; a domain of weight 0 is none of it."""
    weights = arm.mixture.rounded()
    final = study.config["final"]
    return digest(
        {
            "weights": weights,
            "seed": arm.seed,
            "steps": study.final_steps,
            "recipe": {
                name: final[name] for name in ("shape", "batch", "optimizer", "device", "precision")
            },
            "shards": {
                shard.domain: shard.fingerprint for shard in shards if shard.domain in weights
            },
            "tokenizer": hashlib.sha256(
                (Path(tokenizer) / "tokenizer.json").read_bytes()
            ).hexdigest(),
            "version": VERSIONS["final"],
        }
        | study.final_together,
        32,
    )


def _train(
    arm: Arm,
    shards: Sequence[Shard],
    tokenizer: Path,
    study: Study,
    folder: Path,
    left: int,
    log: Log,
    ranks: Ranks,
) -> None:
    """Trains one final, with the others of `ranks`, and puts it into the store whole: model, tokenizer and what it measured."""
    from mixwright.finals.callbacks import Progress
    from mixwright.finals.loop import finish
    from mixwright.finals.models import build
    from mixwright.finals.trainer import MaskedSequences, Sequences
    from mixwright.proxies.device import prepare
    from mixwright.proxies.models.masking import Masking

    final, context = study.config["final"], study.config["final"]["shape"]["context"]
    prepare(final["device"])
    schedule = Schedule.of(
        arm.mixture.over([shard.domain for shard in shards]).weights,
        shards,
        context,
        study.final_steps * final["batch"],
        arm.seed,
    )
    model = build(final["shape"], shards[0].vocabulary, shards[0].end_token, arm.seed)
    sequences = (
        MaskedSequences(schedule, Masking.of(shards[0], arm.seed))
        if study.learner.masked
        else Sequences(schedule)
    )
    progress = Progress(
        log if ranks.leads else lambda line: None,
        f"final {arm.label}",
        final["batch"] * context,
        left,
    )
    began = time.monotonic()
    loss = finish(model, sequences, final, arm.seed, _checkpoints(folder), progress, ranks)
    weights = None
    if study.final_together.get("parallel") == "fsdp":
        from mixwright.finals.fsdp import whole

        weights = whole(model)
    if not ranks.leads:
        return
    if not math.isfinite(loss):
        shutil.rmtree(_checkpoints(folder), ignore_errors=True)
        raise MixwrightError(
            f"final: {arm.label} diverged; lower final.optimizer.muon_lr and adam_lr"
        )
    realised = [
        {"domain": name, "tokens": taken, "epochs": epochs}
        for name, (taken, epochs) in schedule.realised.items()
    ]
    model.config.use_cache = True  # Trainer switches it off; who generates text wants it
    with written(folder) as beside:
        model.save_pretrained(beside / "model", state_dict=weights)
        shutil.copytree(
            tokenizer,
            beside / "model",
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("config.json"),
        )
        seconds = (
            time.monotonic() - began
        )  # of this attempt: what came before a checkpoint is not in it
        result = {
            "tokens": len(schedule) * context,
            "seconds": seconds,
            "train_loss": loss,
            "realised": realised,
        }
        write_json(beside / "result.json", result)
    shutil.rmtree(_checkpoints(folder), ignore_errors=True)


def _row(arm: Arm, key: str, folder: Path) -> dict[str, Any]:
    whose = {"mixer": arm.mixer, "goal": arm.goal, "seed": arm.seed}
    return whose | {
        "store_key": key,
        "folder": str(folder / "model"),
        **read_json(folder / "result.json"),
    }


def lock_of(folder: Path) -> Path:
    """Returns the lock that whoever trains the final of `folder` holds; others that want the same final wait."""
    return folder.with_name(f".{folder.name}.lock")


def _checkpoints(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.checkpoint")
