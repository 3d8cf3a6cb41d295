"""Trains many small models of one shape in one process, a few of them side by side at a time.

The numbers of a member do not depend on which others it is trained with.
"""

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mixwright.corpus.shards import Examples, Shard
from mixwright.errors import MixwrightError
from mixwright.progress import Log, PackPace
from mixwright.proxies.checkpoint import TERMINATED, Checkpoint, Clock, terminable
from mixwright.proxies.device import out_of_memory, prepare
from mixwright.proxies.loss_rows import LossRows
from mixwright.proxies.models.masking import mask_token
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.resident import Resident, resident
from mixwright.proxies.scoring import Exam, batch_tokens
from mixwright.proxies.wave import Member, Settings, Start, Wave, evenly
from mixwright.proxies.waves import waves
from mixwright.proxies.weights import finite, rounded

# how often in a training it is looked who diverged, where that ends a member
LOOKS = 100


@dataclass(frozen=True, eq=False)
class Result:
    """What training left of one member.

    Along the run it is measured on the weights as they are, at its end on the weights as the store
    keeps them, rounded to bfloat16: so a text that is scored later is comparable.
    """

    # rows of tables.LOSSES without the run; losses are null once the member has diverged
    losses: list[dict[str, Any]]
    # domain -> training tokens, epochs
    realised: Mapping[str, tuple[int, float]]
    # target, or answers of one -> (examples,) in nats at the end; empty of one that has diverged
    scored: Mapping[str, NDArray[np.float64]]
    # target -> (examples,) or (scored tokens,) in nats; empty unless the member wants them
    loglikelihoods: Mapping[str, NDArray[np.float64]]
    # after the last step, each (1, ...), in float32
    weights: Parameters
    # whether a loss or a weight was not finite: there is nothing to keep of it
    diverged: bool
    # (steps,) nats/token of every step that was taken; empty unless they are kept
    training_losses: NDArray[np.float32]
    # of this attempt: the wave's seconds, shared among its members
    seconds: float
    # domain -> the weight that it has learned; empty of a run with fixed weights
    answer: Mapping[str, float] = field(default_factory=dict)


NOTHING: Mapping[str, Examples] = MappingProxyType({})
Finished = Callable[[Member, Result], None]
Stepped = Callable[[Wave], None]


@dataclass(frozen=True, eq=False)
class Pack:
    """What the waves of one call share."""

    shape: Shape
    shards: Sequence[Shard]
    settings: Settings
    # targets whose losses are measured several times
    exam: Exam
    # targets whose examples are scored one by one at the end
    likelihoods: Exam
    # answers of questions, scored at the end
    answers: Exam
    # the shards on the device, where they fit
    resident: Resident | None
    on_finished: Finished
    pace: PackPace
    log: Log
    # first weights other than those that follow from the seed
    first: Start | None = None
    # looks at the wave after each step
    on_step: Stepped | None = None
    # makes the waves
    make_wave: Callable[..., Wave] = Wave
    # keys of the members whose results have been handed over
    handed_over: set[str] = field(default_factory=set)

    @cached_property
    def loss_rows(self) -> LossRows:
        """Makes rows of losses."""
        return LossRows(self.exam.targets, self.shards)

    def wave(self, members: Sequence[Member]) -> Wave:
        """Returns a wave of these members, at its first step."""
        texts = (self.shape, self.shards, self.settings, self.resident, self.first)
        return self.make_wave(members, *texts)

    def ended(self, wave: Wave) -> list[int]:
        """Returns the indices of the members that take no further step."""
        looks_at = max(1, wave.longest // LOOKS)
        if self.settings.stops_diverged and wave.step % looks_at == 0:
            return sorted({*wave.ended, *wave.diverged})
        return wave.ended

    def saves(self, wave: Wave, checkpoint: Checkpoint) -> bool:
        """Returns whether a checkpoint is due."""
        every = self.settings.checkpoint_steps
        if every is not None:
            return wave.step % every == 0 and not wave.ended
        return checkpoint.due(soon=bool(wave.ended))

    def measure(self, wave: Wave) -> None:
        """Adds a row a target to each member that is to be scored at this step, but its last."""
        due = []
        for k, member in enumerate(wave.members):
            steps = evenly(member.steps, self.settings.evaluations)
            if wave.step in steps and wave.step < member.steps:
                due.append(k)
        alive = wave.alive.tolist() if due else []
        lively = [k for k in due if alive[k]]
        scored = self._scored(wave, self.exam, wave.weights(lively)) if lively else {}
        for k in due:
            self._add_rows(wave, k, _row_of(scored, lively, k))

    def _add_rows(self, wave: Wave, k: int, scored: Mapping[str, NDArray[np.float64]]) -> None:
        """Adds a row a target to a member; without log-likelihoods it has diverged."""
        tokens = wave.step * self.settings.batch * self.shape.context
        mixture = wave.members[k].mixture
        wave.rows[k] += self.loss_rows.of(mixture, wave.step, tokens, scored)

    def hand_over(self, wave: Wave, ended: Sequence[int]) -> None:
        """Hands over the results of members that have taken their last step."""
        for member, result in self._results(wave, ended):
            self.on_finished(member, result)
            self.handed_over.add(member.key)

    def _results(self, wave: Wave, ended: Sequence[int]) -> Iterator[tuple[Member, Result]]:
        stored = rounded(wave.weights(ended))
        lively = []
        wanting = []
        alive = wave.alive[list(ended)].tolist()
        for row, k in enumerate(ended):
            if alive[row] and finite(stored, row):
                lively.append(row)
                if wave.members[k].wants_loglikelihoods:
                    wanting.append(row)
        scored: dict[str, NDArray[np.float64]] = {}
        if lively:
            weights = _chosen(stored, lively)
            for exam in (self.exam, self.answers):
                scored |= self._scored(wave, exam, weights)
        recorded = {}
        if wanting:
            recorded = self._scored(wave, self.likelihoods, _chosen(stored, wanting))
        for row, k in enumerate(ended):
            of_member = _row_of(scored, lively, row)
            self._add_rows(wave, k, of_member)
            result = Result(
                wave.rows[k],
                wave.schedules[k].realised,
                of_member,
                _row_of(recorded, wanting, row),
                weights=wave.weights([k]),
                diverged=row not in lively,
                training_losses=wave.losses[k, : wave.step].cpu().numpy(),
                seconds=wave.seconds,
                answer=wave.answer(k),
            )
            yield wave.members[k], result

    def _scored(
        self, wave: Wave, exam: Exam, weights: Parameters
    ) -> dict[str, NDArray[np.float64]]:
        """Returns target -> (members, ...) log-likelihoods of an exam's texts."""
        try:
            return exam.loglikelihoods(weights, self.shape, self.settings.dtype)
        except (MemoryError, RuntimeError) as error:
            if not out_of_memory(error):
                raise
        # Not one member fits beside the recorded step. Outside the handler, as below.
        wave.release()
        return exam.loglikelihoods(weights, self.shape, self.settings.dtype)


def _chosen(parameters: Parameters, members: Sequence[int]) -> Parameters:
    return {name: tensor[members] for name, tensor in parameters.items()}


def _row_of(
    scored: Mapping[str, NDArray[np.float64]], members: Sequence[int], member: int
) -> dict[str, NDArray[np.float64]]:
    """Target -> the log-likelihoods of one of the members; nothing where it is none of them."""
    if member not in members:
        return {}
    row = members.index(member)
    return {target: values[row] for target, values in scored.items()}


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
    answers: Mapping[str, Examples] = NOTHING,
    finished: Container[str] = (),
    checkpoints: Path | None = None,
    log: Log = lambda line: None,
    first: Start | None = None,
    on_step: Stepped | None = None,
    make_wave: Callable[..., Wave] = Wave,
) -> None:
    """Trains members, and hands over the result of each as it ends.

    SIGTERM saves a checkpoint and exits with 143. At one CPU thread the numbers are bit-exact,
    whatever the pack, the wave, or the step at which the job was killed.

    Args:
        members: May take different numbers of steps.
        shape: Of every member.
        shards: What they learn from, sorted by domain.
        settings: What all members share.
        targets: Target -> texts whose losses are measured several times.
        likelihoods: Target -> texts whose examples are scored one by one at the end.
        on_finished: Takes each member and its result.
        by_token: Whether tokens are scored one by one, not examples.
        answers: Name -> answers of a target's questions, which are scored at the end.
        finished: Keys of members that are not to be trained.
        checkpoints: Folder of the waves' checkpoints; None saves none.
        log: Takes progress.
        first: Makes the first weights of members; None: they follow from the seeds.
        on_step: Looks at the wave after each step, before a checkpoint is saved.
        make_wave: Makes a wave; that of members with fixed weights.

    Raises:
        MixwrightError: The device is missing, or its memory does not hold one member.
    """
    device = settings.device
    prepare(device, settings.precision)
    mask = mask_token(shards[0]) if shape.masked else None
    waiting = [member.steps for member in members if member.key not in finished]

    def exam_of(texts: Mapping[str, Examples], by_token: bool = False, alone: bool = False) -> Exam:
        size = batch_tokens(shape, device)
        return Exam.of(texts, shape.context, device, by_token, mask, alone, size)

    pack = Pack(
        shape,
        shards,
        settings,
        exam=exam_of(targets),
        likelihoods=exam_of(likelihoods, by_token, settings.alone),
        answers=exam_of(answers),
        # A masked model's sequences are made on the host.
        resident=None if shape.masked else resident(shards, shape.context, device),
        on_finished=on_finished,
        pace=PackPace(log, len(waiting), sum(waiting), settings.batch * shape.context),
        log=log,
        first=first,
        on_step=on_step,
        make_wave=make_wave,
    )
    clock = Clock(settings.checkpoint_seconds)
    for name, wave in waves(members, settings):
        checkpoint = Checkpoint(checkpoints, name, clock)
        missing = [member for member in wave if member.key not in finished]
        if missing:
            _train_fitting(pack, missing, checkpoint)
        checkpoint.remove_all()


def _train_fitting(pack: Pack, members: Sequence[Member], checkpoint: Checkpoint) -> None:
    """Trains members side by side if memory holds them, else half of them and then the others.

    Each half goes on from the checkpoint, and saves to one of its own.
    """
    try:
        _train_wave(pack, pack.wave(members), checkpoint)
        return
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        remaining = [member for member in members if member.key not in pack.handed_over]
        if len(remaining) < 2:
            section = pack.settings.section
            raise MixwrightError(
                f"{section}: memory does not hold one run; set {section}.micro_batch to fewer"
                " sequences, or ask for more memory"
            ) from None
    # Outside the handler, for the error holds on to what filled the memory.
    half = len(remaining) // 2
    pack.log(f"memory does not hold {len(remaining)} runs side by side; going on with {half}")
    for part in (remaining[:half], remaining[half:]):
        _train_fitting(pack, part, checkpoint.of([member.key for member in part]))


def _train_wave(pack: Pack, wave: Wave, checkpoint: Checkpoint) -> None:
    """Trains a wave from its checkpoint, if there is one, until its last member has ended."""
    _resume(wave, checkpoint)
    pack.pace.resumed(len(wave.members), wave.step)
    with terminable() as stop:
        while wave.members:
            ended = pack.ended(wave)
            if ended:
                pack.hand_over(wave, ended)
                wave.leave(ended)
                pack.pace.finished(len(ended))
            else:
                wave.advance()
                pack.measure(wave)
                if pack.on_step:
                    pack.on_step(wave)
                pack.pace.stepped(len(wave.members), wave.step, wave.members[0].steps)
                if pack.saves(wave, checkpoint) and not stop.is_set():
                    checkpoint.save(wave.state())
            # also after results were handed over: the others may have come far since the last save
            if stop.is_set() and wave.members:
                checkpoint.save(wave.state())
                raise SystemExit(TERMINATED)
        checkpoint.remove()
        # SIGTERM may come while the last results are measured.
        if stop.is_set():
            raise SystemExit(TERMINATED)


def _resume(wave: Wave, checkpoint: Checkpoint) -> None:
    """Sets a wave to its checkpoint; a function of its own, so that the state is then freed."""
    keys = [member.key for member in wave.members]
    state = checkpoint.load(keys)
    if state:
        wave.resume(state)
