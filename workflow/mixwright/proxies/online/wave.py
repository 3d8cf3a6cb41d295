"""Trains members side by side whose weights are learned as they go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mixwright.corpus.shards import Shard
from mixwright.proxies.online import Online
from mixwright.proxies.online.schedule import OnlineSchedule
from mixwright.proxies.online.watch import Watch
from mixwright.proxies.wave import Member, Wave


@dataclass(frozen=True, eq=False)
class Pupil:
    """What makes a member's weights change: who learns them, from what."""

    # before the first step
    learner: Online
    watch: Watch


class OnlineWave(Wave):
    """A wave whose members decide what they read one step at a time.

    What a member reads follows from its seed and the steps before. A checkpoint holds the learners,
    so that a resumed wave goes on to the same numbers.
    """

    def __init__(
        self, members: Sequence[Member], *rest: Any, pupils: Mapping[str, Pupil], **options: Any
    ) -> None:
        super().__init__(members, *rest, **options)
        # Sequences are read on the host: which ones is known a step before.
        self.resident = None
        self._watches: list[Watch] = []
        self._learners: list[Online] = []
        for member in members:
            pupil = pupils[member.key]
            self._watches.append(pupil.watch)
            self._learners.append(pupil.learner)

    def _schedule(self, member: Member, shards: Sequence[Shard]) -> Any:
        return OnlineSchedule(super()._schedule(member, shards))

    def advance(self) -> None:
        """Decides what every member reads, looks at it, and takes the step."""
        tokens = []
        for learner, schedule in zip(self._learners, self._online, strict=True):
            schedule.extend(learner.weights, self.settings.batch)
            read = schedule.read()
            tokens.append(torch.from_numpy(read))
        stacked = torch.stack(tokens).to(self.settings.device)
        self._observe(stacked)
        self.optimizer.schedule(self.step, self._rates())
        losses = self._step(stacked)
        self.alive &= losses.isfinite()
        if self.settings.keeps_losses:
            self.losses[:, self.step] = losses
        self.step += 1

    @property
    def _online(self) -> list[OnlineSchedule]:
        return self.schedules  # type: ignore[return-value]

    def _rates(self) -> torch.Tensor:
        return self.optimizer.rates_at(self.step).to(self.settings.device)

    def _observe(self, tokens: torch.Tensor) -> None:
        """Lets every learner see its step's tokens, (K, B, T + 1), before it is taken."""
        for k, schedule in enumerate(self._online):
            weights = self.weights([k])
            watch = self._watches[k]
            values = watch.values(self.step, weights, tokens[k], schedule)
            learner = self._learners[k]
            self._learners[k] = learner.observed(values)

    def answer(self, k: int) -> dict[str, float]:
        """Returns domain -> the weight that a member's learner proposes."""
        learner = self._learners[k]
        mixture = self.members[k].mixture
        weights = learner.answer.tolist()
        return dict(zip(mixture.names, weights, strict=True))

    def leave(self, ended: Sequence[int]) -> None:
        """Goes on without these members."""
        remaining = [k for k in range(len(self.members)) if k not in ended]
        super().leave(ended)
        self._watches = [self._watches[k] for k in remaining]
        self._learners = [self._learners[k] for k in remaining]

    def state(self) -> dict[str, Any]:
        """Returns all that a resumed wave needs."""
        learners = [learner.state for learner in self._learners]
        return super().state() | {"learners": learners}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state that holds all of this wave's members."""
        keys = state["keys"]
        if "learners" not in state or not set(self._keys()) <= set(keys):
            return
        super().resume(state)
        for k, key in enumerate(self._keys()):
            number = keys.index(key)
            saved = state["learners"][number]
            learner = self._learners[k]
            self._learners[k] = learner.resumed(saved)
