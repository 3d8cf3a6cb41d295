"""A few members side by side: their stacked weights, what each reads, and one step of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints, Shard
from mixwright.mixture import Mixture
from mixwright.progress import say
from mixwright.proxies.cuda_graph import Recorded
from mixwright.proxies.gradients import Batch, How, gradients
from mixwright.proxies.models.masking import Masking
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import initial, stack
from mixwright.proxies.optimizer import Optimizer
from mixwright.proxies.resident import Resident


@dataclass(frozen=True)
class Member:
    """One training: what is asked of it, and the key its result is stored under.

    Its learning rate follows its own `steps`, whatever the others' are, and is the recipe's times `rate`.
    """

    key: str
    mixture: Mixture  # over the shards' domains, which are sorted by name
    steps: int
    seed: int
    wants_loglikelihoods: bool = False
    rate: float = 1.0


@dataclass(frozen=True)
class Settings:
    """What all members of a pack share."""

    batch: int  # sequences a step
    optimizer: Mapping[str, Any]
    evaluations: int  # evenly spaced over a member's own steps, the last one at its last step
    wave: int = 4
    device: str = "cpu"
    precision: str = "float32"
    micro_batch: int | None = None  # sequences of a member at a time; none is all of a step
    compiled: bool = False
    checkpoint_seconds: float = 60.0
    alone: bool = (
        False  # of masked models: examples' log-likelihoods with every token masked on its own
    )
    epochs_of: int | None = (
        None  # simulated epoching: domains are cut so that they repeat as often as in a run of this many tokens
    )

    @property
    def dtype(self) -> torch.dtype:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[self.precision]

    @property
    def how(self) -> How:
        """How a step is computed."""
        return How(self.device, self.dtype, self.micro_batch, self.compiled)


class Wave:
    """Members that train in step until each has taken its own steps; `rows` gathers what is measured of each on the way."""

    def __init__(
        self,
        members: Sequence[Member],
        shape: Shape,
        shards: Sequence[Shard],
        settings: Settings,
        resident: Resident | None = None,
    ) -> None:
        self.members, self.shape, self.settings, self.resident = (
            list(members),
            shape,
            settings,
            resident,
        )
        self._recorded: Recorded | None = None
        self._recordable = True
        self.step = 0
        self.schedules = [self._schedule(member, shards) for member in members]
        self.maskings = (
            [Masking.of(shards[0], member.seed) for member in members] if shape.masked else []
        )
        first = stack([initial(shape, member.seed) for member in members])
        self.parameters = {name: tensor.to(settings.device) for name, tensor in first.items()}
        steps, rates = zip(*((member.steps, member.rate) for member in members), strict=True)
        self.optimizer = Optimizer(self.parameters, settings.optimizer, steps, rates)
        self.alive = torch.ones(
            len(members), dtype=torch.bool, device=settings.device
        )  # loss finite at every step so far
        self.rows: list[list[dict[str, Any]]] = [[] for _ in members]

    def _schedule(self, member: Member, shards: Sequence[Shard]) -> Schedule:
        sequences = member.steps * self.settings.batch
        share = (
            1.0
            if self.settings.epochs_of is None
            else sequences * self.shape.context / self.settings.epochs_of
        )
        return Schedule.of(
            member.mixture.weights, shards, self.shape.context, sequences, member.seed, share
        )

    @property
    def ended(self) -> list[int]:
        """Members that have taken their last step."""
        return [k for k, member in enumerate(self.members) if self.step >= member.steps]

    def weights(self, members: Sequence[int]) -> Parameters:
        """The parameters of some members, to be scored."""
        whole = len(members) == len(self.members)
        return {
            name: tensor if whole else tensor[members] for name, tensor in self.parameters.items()
        }

    def leave(self, ended: Sequence[int]) -> None:
        """Goes on without these, and without the memory that they took."""
        kept = [k for k in range(len(self.members)) if k not in ended]
        self.members, self.schedules, self.rows = (
            [of[k] for k in kept] for of in (self.members, self.schedules, self.rows)
        )
        self.maskings = [self.maskings[k] for k in kept] if self.maskings else []
        self.alive = self.alive[kept]
        self.parameters = {name: tensor[kept] for name, tensor in self.parameters.items()}
        self.optimizer.keep(self.parameters, kept)
        self._recorded = None

    def advance(self) -> None:
        """One step of every member; one that diverges goes on alone in its NaN and touches no other."""
        read = self._read(
            np.arange(self.step * self.settings.batch, (self.step + 1) * self.settings.batch)
        )
        self.optimizer.schedule(self.step)
        losses = self._step(*read) if self.settings.device == "cpu" else self._played(read)
        self.alive &= losses.isfinite()
        self.step += 1

    def _step(self, *read: Tensor) -> Tensor:
        """(K,) losses; looks at no number on the host."""
        losses, found = gradients(
            self.parameters, self._batch(*read), self.shape, self.settings.how
        )
        self.optimizer.update(found)
        return losses

    def _played(self, read: Sequence[Tensor]) -> Tensor:
        """The same as a graph, which lasts as long as the members; kernel by kernel where none can be recorded."""
        if self._recorded is None and self._recordable:
            try:
                self._recorded = Recorded(
                    self._step, read, [*self.parameters.values(), *self.optimizer.state.values()]
                )
            except torch.OutOfMemoryError:
                raise  # who trains the pack halves it
            except RuntimeError as error:
                self._recordable = False
                say(
                    f"no graph of a step could be recorded ({str(error).splitlines()[0]}); going on without, which is slower"
                )
        return self._recorded.play(read) if self._recorded else self._step(*read)

    def _read(self, at: Ints) -> list[Tensor]:
        """What every member reads at these positions: tokens, where they begin on the device, or what a masked model needs."""
        if self.maskings:
            rows = [
                masking.read(schedule, at)
                for masking, schedule in zip(self.maskings, self.schedules, strict=True)
            ]
        elif self.resident:
            rows = [(self.resident.starts(schedule, at),) for schedule in self.schedules]
        else:
            rows = [(schedule.read(at),) for schedule in self.schedules]
        parts = zip(*rows, strict=True)
        return [torch.from_numpy(np.stack(part)).to(self.settings.device) for part in parts]

    def _batch(self, *read: Tensor) -> Batch:
        if self.maskings:
            seen, places, labels = read
            return Batch(seen, labels, places)
        tokens = self.resident.read(read[0]) if self.resident else read[0]
        return Batch(tokens[..., :-1], tokens[..., 1:])

    def state(self) -> dict[str, Any]:
        """All that a resumed wave needs."""
        return {
            "keys": [member.key for member in self.members],
            "step": self.step,
            "alive": self.alive,
            "rows": self.rows,
            "parameters": self.parameters,
            "optimizer": self.optimizer.state,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Takes over its own members from a state that may hold more; a state without one of them is left aside."""
        if not {member.key for member in self.members} <= set(state["keys"]):
            return
        chosen = [state["keys"].index(member.key) for member in self.members]
        self.step, self.rows = state["step"], [state["rows"][index] for index in chosen]
        self.alive.copy_(state["alive"][chosen])
        for name, tensor in self.parameters.items():
            tensor.copy_(state["parameters"][name][chosen])
        for name, tensor in self.optimizer.state.items():
            tensor.copy_(state["optimizer"][name][chosen])
