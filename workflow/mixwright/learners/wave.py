"""A few members side by side: their stacked weights, what each reads, and one step of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints, Shard
from mixwright.learners.kernels import head_loss
from mixwright.learners.masking import Masking
from mixwright.learners.optimizer import Optimizer
from mixwright.learners.scoring import reduced
from mixwright.learners.shape import Parameters, Shape
from mixwright.learners.transformer import head, hidden_states, initial, stack


@dataclass(frozen=True)
class Member:
    """One training: what is asked of it, and the key its result is stored under.

    Its learning rate follows its own `steps`, whatever the others' are, and is the recipe's times `rate`.
    """

    key: str
    weights: tuple[float, ...]  # over the shards, which are sorted by name
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
    checkpoint_seconds: float = 60.0
    alone: bool = False  # of masked models: examples' log-likelihoods with every token masked on its own
    epochs_of: int | None = None  # simulated epoching: domains are cut so that they repeat as often as in a run of this many tokens

    @property
    def dtype(self) -> torch.dtype:
        return {"float32": torch.float32, "bfloat16": torch.bfloat16}[self.precision]


class Wave:
    """Members that train in step until each has taken its own steps; `rows` gathers what is measured of each on the way."""

    def __init__(self, members: Sequence[Member], shape: Shape, shards: Sequence[Shard], settings: Settings) -> None:
        self.members, self.shape, self.settings = list(members), shape, settings
        self.step = 0
        self.schedules = [self._schedule(member, shards) for member in members]
        self.maskings = [Masking.of(shards[0], member.seed) for member in members] if shape.masked else []
        first = stack([initial(shape, member.seed) for member in members])
        self.parameters = {name: tensor.to(settings.device).requires_grad_() for name, tensor in first.items()}
        steps, rates = zip(*((member.steps, member.rate) for member in members), strict=True)
        self.optimizer = Optimizer(self.parameters, settings.optimizer, steps, rates)
        self.alive = torch.ones(len(members), dtype=torch.bool, device=settings.device)  # loss finite at every step so far
        self.rows: list[list[dict[str, Any]]] = [[] for _ in members]

    def _schedule(self, member: Member, shards: Sequence[Shard]) -> Schedule:
        sequences = member.steps * self.settings.batch
        share = 1.0 if self.settings.epochs_of is None else sequences * self.shape.context / self.settings.epochs_of
        return Schedule.of(member.weights, shards, self.shape.context, sequences, member.seed, share)

    @property
    def ended(self) -> list[int]:
        """Members that have taken their last step."""
        return [k for k, member in enumerate(self.members) if self.step >= member.steps]

    def weights(self, members: Sequence[int]) -> Parameters:
        """The parameters of some members, to be scored."""
        whole = len(members) == len(self.members)
        return {name: tensor.detach() if whole else tensor.detach()[members] for name, tensor in self.parameters.items()}

    def leave(self, ended: Sequence[int]) -> None:
        """Goes on without these, and without the memory that they took."""
        kept = [k for k in range(len(self.members)) if k not in ended]
        self.members, self.schedules, self.rows = ([of[k] for k in kept] for of in (self.members, self.schedules, self.rows))
        self.maskings = [self.maskings[k] for k in kept] if self.maskings else []
        self.alive = self.alive[kept]
        self.parameters = {name: tensor.detach()[kept].requires_grad_() for name, tensor in self.parameters.items()}
        self.optimizer.keep(self.parameters, kept)

    def advance(self) -> None:
        """One step of every member; one that diverges goes on alone in its NaN and touches no other."""
        settings = self.settings
        tokens, places, labels = self._read(np.arange(self.step * settings.batch, (self.step + 1) * settings.batch))
        with reduced(settings.dtype, settings.device):
            states = hidden_states(self.parameters, tokens, self.shape)
            states, matrix = head(self.parameters, states if places is None else _taken(states, places), self.shape)
        losses, *slopes = head_loss(states.detach(), matrix.detach(), labels, settings.dtype, labels.shape[1])
        torch.autograd.backward([states, matrix], slopes)
        self.optimizer.step(self.step)
        self.alive &= losses.isfinite()
        self.step += 1

    def _read(self, at: Ints) -> tuple[Tensor, Tensor | None, Tensor]:
        """(K, B, T) what is seen, (K, scored) what is predicted and, where not every state predicts, at which of the B T places."""
        device = self.settings.device
        if not self.maskings:
            tokens = torch.from_numpy(np.stack([schedule.read(at) for schedule in self.schedules])).to(device)
            return tokens[..., :-1], None, tokens[..., 1:].flatten(1)
        read = [masking.read(schedule, at) for masking, schedule in zip(self.maskings, self.schedules, strict=True)]
        seen, places, labels = (torch.from_numpy(np.stack(part)).to(device) for part in zip(*read, strict=True))
        rows = torch.arange(len(at), device=device).view(-1, 1) * self.shape.context
        return seen, (places + rows).flatten(1), labels.flatten(1)

    def state(self) -> dict[str, Any]:
        """All that a resumed wave needs."""
        return {
            "keys": [member.key for member in self.members],
            "step": self.step,
            "alive": self.alive,
            "rows": self.rows,
            "parameters": {name: tensor.detach() for name, tensor in self.parameters.items()},
            "optimizer": self.optimizer.state,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Takes over its own members from a state that may hold more; a state without one of them is left aside."""
        if not {member.key for member in self.members} <= set(state["keys"]):
            return
        chosen = [state["keys"].index(member.key) for member in self.members]
        self.step, self.rows = state["step"], [state["rows"][index] for index in chosen]
        with torch.no_grad():
            self.alive.copy_(state["alive"][chosen])
            for name, tensor in self.parameters.items():
                tensor.copy_(state["parameters"][name][chosen])
            for name, tensor in self.optimizer.state.items():
                tensor.copy_(state["optimizer"][name][chosen])


def _taken(states: Tensor, places: Tensor) -> Tensor:
    """(K, scored, W) of states (K, N, W) at places (K, scored)."""
    members, count, width = states.shape
    rows = places + torch.arange(members, device=places.device).view(-1, 1) * count
    return states.flatten(0, 1).index_select(0, rows.flatten()).view(members, -1, width)
