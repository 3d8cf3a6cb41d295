"""Trains many small models of one shape in one process, in waves; a member's numbers do not depend on the company it keeps."""

import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples, Shard
from mixwright.corpus.unigram import unigram_losses
from mixwright.learners.checkpoint import TERMINATED, Checkpoint, terminable
from mixwright.learners.device import prepare
from mixwright.learners.masking import mask_token
from mixwright.learners.scoring import Exam, losses
from mixwright.learners.shape import Shape
from mixwright.learners.wave import Member, Settings, Wave
from mixwright.mixture import digest
from mixwright.pace import Log, PackPace


@dataclass(frozen=True, eq=False)
class Result:
    """What a member left behind; losses are null from the step on at which it had diverged."""

    losses: list[dict[str, Any]]  # rows of tables.LOSSES without the run
    realised: Mapping[str, tuple[int, float]]  # domain -> training tokens, epochs
    loglikelihoods: Mapping[str, NDArray[np.float64]]  # target -> (examples,) or (scored tokens,), empty unless wanted


Finished = Callable[[Member, Result], None]


@dataclass(frozen=True, eq=False)
class Pack:
    """What the waves of one call share: the setting, and the texts that are scored."""

    shape: Shape
    shards: Sequence[Shard]
    settings: Settings
    exam: Exam  # targets whose losses are measured on the way
    likelihoods: Exam  # targets whose examples are scored one by one at the end

    def measure(self, wave: Wave) -> None:
        """Adds the rows of this step to each member's."""
        scored = self.exam.loglikelihoods(wave.parameters, self.shape, self.settings.dtype)
        counts = np.stack([shard.unigram for shard in self.shards])
        for target, examples in self.exam.targets.items():
            unigrams = [unigram_losses(member.weights, counts, examples) for member in wave.members]  # together, rounding would depend on K
            numbers = zip(*losses(scored[target], examples), unigrams, wave.alive.tolist(), strict=True)
            for rows, (loss, bits, unigram, alive) in zip(wave.rows, numbers, strict=True):
                ok = alive and bool(np.isfinite(loss))
                rows.append(
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

    def results(self, wave: Wave) -> Iterator[tuple[Member, Result]]:
        """Each member's result after the last step."""
        wanting = [k for k, member in enumerate(wave.members) if member.wants_loglikelihoods and bool(wave.alive[k])]
        scored: dict[str, NDArray[np.float64]] = {}
        if wanting:
            chosen = {name: tensor.detach()[wanting] for name, tensor in wave.parameters.items()}
            scored = self.likelihoods.loglikelihoods(chosen, self.shape, self.settings.dtype)
        for k, (member, schedule) in enumerate(zip(wave.members, wave.schedules, strict=True)):
            own = {target: values[wanting.index(k)] for target, values in scored.items()} if k in wanting else {}
            yield member, Result(wave.rows[k], schedule.realised, own)


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
    """Trains the members whose key is not in `finished` and hands over each wave's results as it ends; all take equal steps.

    Waves are cut from the full list, so that a checkpoint's name survives a retry in which some members are stored already. SIGTERM keeps a
    checkpoint and exits with 143. At one CPU thread the numbers are bit-exact whatever the pack, the wave, or where a kill cut in.
    """
    if len({member.steps for member in members}) > 1:
        raise ValueError("members of one call take equal steps")
    prepare(settings.device)
    mask = mask_token(shards[0]) if shape.masked else None
    exam = Exam.of(targets, shape.context, settings.device, mask=mask)
    examples = Exam.of(likelihoods, shape.context, settings.device, by_token, mask, settings.alone)
    pack = Pack(shape, shards, settings, exam, examples)
    pace = PackPace(log, sum(member.key not in finished for member in members), members[0].steps, settings.batch * shape.context)
    for start in range(0, len(members), settings.wave):
        whole = members[start : start + settings.wave]
        missing = [member for member in whole if member.key not in finished]
        if missing:
            checkpoint = Checkpoint(checkpoints, digest([member.key for member in whole]))
            _train_wave(pack, Wave(missing, shape, shards, settings), checkpoint, on_finished, pace)


def _train_wave(pack: Pack, wave: Wave, checkpoint: Checkpoint, on_finished: Finished, pace: PackPace) -> None:
    """From its checkpoint, if there is one, to its results."""
    if state := checkpoint.load():
        wave.resume(state)
    pace.resumed(len(wave.members), wave.step)
    measured = _evenly(wave.steps, pack.settings.evaluations)
    saved = time.monotonic()
    with terminable() as asked:
        while wave.step < wave.steps:
            wave.advance()
            if wave.step in measured:
                pack.measure(wave)
            if asked.is_set() or wave.step == wave.steps or time.monotonic() - saved > pack.settings.checkpoint_seconds:
                checkpoint.save(wave.state())
                saved = time.monotonic()
            if asked.is_set():
                raise SystemExit(TERMINATED)
            pace.stepped(len(wave.members), wave.step)
        for member, result in pack.results(wave):
            on_finished(member, result)
        checkpoint.remove()
        pace.finished(len(wave.members))
        if asked.is_set():  # while the results were measured
            raise SystemExit(TERMINATED)


def _evenly(steps: int, evaluations: int) -> set[int]:
    """Steps at which targets are scored, the last included."""
    return {max(1, round(steps * (i + 1) / evaluations)) for i in range(evaluations)}
