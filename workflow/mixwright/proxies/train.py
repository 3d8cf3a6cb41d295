"""Trains many small models of one shape in one process, in waves; a member's numbers do not depend on the company it keeps."""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples, Shard
from mixwright.corpus.unigram import unigram_losses
from mixwright.errors import MixwrightError
from mixwright.mixture import digest
from mixwright.progress import Log, PackPace
from mixwright.proxies.checkpoint import TERMINATED, Checkpoint, Clock, terminable
from mixwright.proxies.device import prepare
from mixwright.proxies.models.masking import mask_token
from mixwright.proxies.models.shape import Shape
from mixwright.proxies.resident import Resident, resident
from mixwright.proxies.scoring import Exam, losses
from mixwright.proxies.wave import Member, Settings, Wave


@dataclass(frozen=True, eq=False)
class Result:
    """What a member left behind; losses are null from the step on at which it had diverged."""

    losses: list[dict[str, Any]]  # rows of tables.LOSSES without the run
    realised: Mapping[str, tuple[int, float]]  # domain -> training tokens, epochs
    loglikelihoods: Mapping[
        str, NDArray[np.float64]
    ]  # target -> (examples,) or (scored tokens,), empty unless wanted


Finished = Callable[[Member, Result], None]


@dataclass(frozen=True, eq=False)
class Pack:
    """What the waves of one call share: the setting, and the texts that are scored."""

    shape: Shape
    shards: Sequence[Shard]
    settings: Settings
    exam: Exam  # targets whose losses are measured on the way
    likelihoods: Exam  # targets whose examples are scored one by one at the end
    resident: Resident | None = None

    def measure(self, wave: Wave) -> None:
        """Adds the rows of this step to those of each member that is due."""
        due = [
            k
            for k, member in enumerate(wave.members)
            if wave.step in _evenly(member.steps, self.settings.evaluations)
        ]
        if not due:
            return
        scored = self.exam.loglikelihoods(wave.weights(due), self.shape, self.settings.dtype)
        counts = np.stack([shard.unigram for shard in self.shards])
        for target, examples in self.exam.targets.items():
            unigrams = [
                unigram_losses(wave.members[k].mixture.weights, counts, examples) for k in due
            ]  # together, rounding would depend on K
            numbers = zip(
                *losses(scored[target], examples), unigrams, wave.alive[due].tolist(), strict=True
            )
            for k, (loss, bits, unigram, alive) in zip(due, numbers, strict=True):
                ok = alive and bool(np.isfinite(loss))
                wave.rows[k].append(
                    {
                        "target": target,
                        "step": wave.step,
                        "tokens": wave.step * self.settings.batch * self.shape.context,
                        "loss": float(loss) if ok else None,
                        "bits_per_byte": float(bits) if ok else None,
                        "scored_tokens": int(examples.scored_tokens.sum()),
                        "unigram_loss": float(unigram),
                        "status": "ok" if ok else "diverged",
                    }
                )

    def results(self, wave: Wave, ended: Sequence[int]) -> Iterator[tuple[Member, Result]]:
        """The result of each of these members, whose last step is taken."""
        wanting = [k for k in ended if wave.members[k].wants_loglikelihoods and bool(wave.alive[k])]
        scored: dict[str, NDArray[np.float64]] = {}
        if wanting:
            scored = self.likelihoods.loglikelihoods(
                wave.weights(wanting), self.shape, self.settings.dtype
            )
        for k in ended:
            own = (
                {target: values[wanting.index(k)] for target, values in scored.items()}
                if k in wanting
                else {}
            )
            yield wave.members[k], Result(wave.rows[k], wave.schedules[k].realised, own)


def train(
    members: Sequence[Member],
    shape: Shape,
    shards: Sequence[Shard],
    *,
    settings: Settings,
    targets: Mapping[str, Examples],
    likelihoods: Mapping[str, Examples],
    on_finished: Finished,
    by_token: bool = False,
    finished: Container[str] = (),
    checkpoints: Path | None = None,
    log: Log = lambda line: None,
) -> None:
    """Trains the members whose key is not in `finished` and hands over each one's result as it ends; lengths may differ.

    Waves are cut from the full list, the longest members first and like lengths together, so that a checkpoint's name survives a retry in
    which some members are stored already. SIGTERM keeps a checkpoint and exits with 143. At one CPU thread the numbers are bit-exact
    whatever the pack, the wave, or where a kill cut in.
    """
    prepare(settings.device)
    mask = mask_token(shards[0]) if shape.masked else None
    exam = Exam.of(targets, shape.context, settings.device, mask=mask)
    examples = Exam.of(likelihoods, shape.context, settings.device, by_token, mask, settings.alone)
    tokens = None if shape.masked else resident(shards, shape.context, settings.device)
    pack = Pack(shape, shards, settings, exam, examples, tokens)
    waiting = [member.steps for member in members if member.key not in finished]
    pace = PackPace(log, len(waiting), sum(waiting), settings.batch * shape.context)
    clock = Clock(settings.checkpoint_seconds)
    ordered = sorted(members, key=lambda member: -member.steps)
    for start in range(0, len(ordered), settings.wave):
        whole = ordered[start : start + settings.wave]
        if missing := [member for member in whole if member.key not in finished]:
            checkpoint = Checkpoint(checkpoints, digest([member.key for member in whole]), clock)
            _train_fitting(pack, missing, checkpoint, on_finished, pace, log)


def _train_fitting(
    pack: Pack,
    members: Sequence[Member],
    checkpoint: Checkpoint,
    on_finished: Finished,
    pace: PackPace,
    log: Log,
) -> None:
    """As many as memory holds: else half of them, which go on from the checkpoint, and then the others."""
    gone: set[str] = set()

    def on_gone(member: Member, result: Result) -> None:
        on_finished(member, result)
        gone.add(member.key)

    try:
        _train_wave(
            pack,
            Wave(members, pack.shape, pack.shards, pack.settings, pack.resident),
            checkpoint,
            on_gone,
            pace,
        )
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        left = [member for member in members if member.key not in gone]
        if not _out_of_memory(error):
            raise
        if len(left) < 2:
            raise MixwrightError(
                "proxy: memory does not hold one run; set proxy.micro_batch to fewer sequences, or ask for more"
            ) from None
        half = len(left) // 2
        log(f"memory does not hold {len(left)} runs side by side; going on with {half}")
    else:
        return
    for part in (
        left[:half],
        left[half:],
    ):  # outside the handler, which holds on to what filled the memory
        _train_fitting(pack, part, checkpoint, on_finished, pace, log)


def _out_of_memory(error: Exception) -> bool:
    """torch has no class of its own for a CPU that is full."""
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "DefaultCPUAllocator" in str(
        error
    )


def _train_wave(
    pack: Pack, wave: Wave, checkpoint: Checkpoint, on_finished: Finished, pace: PackPace
) -> None:
    """From its checkpoint, if there is one, until its last member has ended; each is handed over when it ends."""
    if state := checkpoint.load():
        wave.resume(state)
    pace.resumed(len(wave.members), wave.step)
    with terminable() as asked:
        while wave.members:
            if ended := wave.ended:
                for member, result in pack.results(wave, ended):
                    on_finished(member, result)
                wave.leave(ended)
                pace.finished(len(ended))
            else:
                wave.advance()
                pack.measure(wave)
                pace.stepped(len(wave.members), wave.step, wave.members[0].steps)
                if asked.is_set() or checkpoint.due(soon=bool(wave.ended)):
                    checkpoint.save(wave.state())
            if asked.is_set() and wave.members:
                raise SystemExit(TERMINATED)
        checkpoint.remove()
        if asked.is_set():  # while the last results were measured
            raise SystemExit(TERMINATED)


def _evenly(steps: int, evaluations: int) -> set[int]:
    """Steps at which targets are scored, the last included."""
    return {max(1, round(steps * (i + 1) / evaluations)) for i in range(evaluations)}
