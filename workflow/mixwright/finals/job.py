"""What the finals of one job share: which of them the store lacks, and what is to be said of each.

A final stands in `<store>/finals/<key>/`: `result.json`, and `model/` for from_pretrained. One that
diverged has no model.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixwright.corpus.shards import Shard
from mixwright.corpus.tokenizer_files import fingerprint
from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.finals.arm import Arm, content_key
from mixwright.finals.curve import Losses, last_loss
from mixwright.finals.processes import Processes
from mixwright.finals.snapshots import missing_copies
from mixwright.progress import Done, Log
from mixwright.proxies.refresh import Refresh
from mixwright.study.study import Study

# of a final whose loss was not finite
DIVERGED = "diverged"


@dataclass(frozen=True)
class Job:
    """What all finals of one job share."""

    shards: Sequence[Shard]  # sorted by domain
    tokenizer: Path
    study: Study
    store: Path
    to: Path  # the table that is to be written
    processes: Processes
    log: Log
    order: Refresh | None = None  # to train again what the store has; the leader's

    def folder(self, arm: Arm) -> Path:
        """Returns the folder of a final in the store.

        Once only tokenizer.json was in the key of every final. One that was stored then is still
        served where it lies, if the other files of the tokenizer are the same.
        """
        folder = self._folder(arm)
        if not self.study.own_tokenizer:
            return folder
        older = self._folder(arm, whole=False)
        with suppress(MixwrightError):
            before = fingerprint(older / "model", whole=True)
            if before == fingerprint(self.tokenizer, whole=True):
                return older
        return folder

    def _folder(self, arm: Arm, whole: bool | None = None) -> Path:
        key = content_key(arm, self.shards, self.tokenizer, self.study, whole)
        return self.store / "finals" / key

    @property
    def step_tokens(self) -> int:
        """Training tokens of a step."""
        final = self.study.final
        return int(final["batch"] * final["shape"]["context"])

    @property
    def tracking(self) -> Path:
        """The folder of what trackers write: the study's, two above the table."""
        return self.to.parent.parent / "tracking"

    def lacks(self, folder: Path) -> bool:
        """Returns whether a final is to be trained. With an order to train again, once under it."""
        if self.order is None:
            return not (folder / "result.json").exists()
        return folder.name not in self.order.done

    def checkpoints(self, folder: Path) -> Path:
        """Returns where the checkpoints of one final lie; an order to train again has its own."""
        name = folder.name
        if self.order is not None:
            name = f"{name}.{self.order.name}"
        return folder.with_name(f"{name}.checkpoint")


def trained(losses: Losses, realised: Mapping[str, tuple[int, float]], job: Job) -> dict[str, Any]:
    """Returns the result of a final.

    Args:
        losses: (steps,) of its training, in nats/token.
        realised: domain -> training tokens and passes, as taken.
        job: of the final.
    """
    rows = []
    for domain, (taken, epochs) in realised.items():
        rows.append({"domain": domain, "tokens": taken, "epochs": epochs})
    tokens = job.study.final_steps * job.step_tokens
    return {"tokens": tokens, "train_loss": last_loss(losses), "realised": rows}


def diverged(step: int, job: Job) -> dict[str, Any]:
    """Returns the result of a final whose loss was not finite at a step, counted from 1."""
    return {
        "tokens": step * job.step_tokens,
        "train_loss": None,
        "realised": [],
        "status": DIVERGED,
        "step": step,
    }


def row(arm: Arm, folder: Path) -> dict[str, Any]:
    """Returns the arm's row of tables.FINALS; the folder's name is the key."""
    result: dict[str, Any] = read_json(folder / "result.json")
    model = None
    if result.get("status") != DIVERGED:
        model = str(folder / "model")
    names = {
        "mixer": arm.mixer,
        "goal": arm.goal,
        "seed": arm.seed,
        "store_key": folder.name,
        "folder": model,
    }
    return names | result


def news(arm: Arm, facts: Mapping[str, Any], place: str) -> Done:
    """Returns the news that a final is trained, or that it diverged.

    Args:
        arm: the final's.
        facts: its row of tables.FINALS.
        place: which of all finals it is, in words.
    """
    if facts.get("status") == DIVERGED:
        words = (
            f"{place}: {arm.label} diverged: no finite loss at step {facts['step']};"
            " the others go on;"
            " lower final.optimizer.muon_lr and adam_lr to train it"
        )
        return Done(arm.label, words, diverged=True)
    return Done(arm.label, f"{place}: {arm.label}: loss {facts['train_loss']:.3f}")


def tell_missing_copies(arm: Arm, folder: Path, job: Job) -> None:
    """Tells of copies that the study asks for and that a final of the store was trained without."""
    missing = missing_copies(folder, job.study.final, job.study.final_steps)
    if missing and (folder / "model").exists():
        job.log(
            f"{arm.label}: trained before without a copy at {', '.join(missing)} tokens;"
            " store: refresh trains it again"
        )


def lock_of(folder: Path) -> Path:
    """Returns the lock of the final of `folder`: who trains it holds the lock, the others wait."""
    return folder.with_name(f".{folder.name}.lock")
