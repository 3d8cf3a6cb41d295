"""Trains a few members side by side: stacked weights, what each reads, and one step of all."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from mixwright.corpus.allocation import Schedule, lay_out
from mixwright.corpus.shards import Ints, Shard
from mixwright.mixture import Mixture
from mixwright.proxies.cuda_graph import Brake, Steps
from mixwright.proxies.feed import Feed, Read
from mixwright.proxies.gradients import Batch, Execution, gradients
from mixwright.proxies.models.masking import Masking
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import initial, stack
from mixwright.proxies.optimizer import Optimizer
from mixwright.proxies.resident import Resident

T = TypeVar("T")

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass(frozen=True)
class Member:
    """One training of a pack."""

    # its result is stored under it
    key: str
    # over the shards' domains, which are sorted by name
    mixture: Mixture
    # its learning rate follows its own steps, whatever the other members take
    steps: int
    seed: int
    # whether its examples are scored one by one at the end
    wants_loglikelihoods: bool = False
    # factor of the recipe's learning rates
    rate: float = 1.0


@dataclass(frozen=True)
class Settings:
    """What all members of a pack share."""

    # sequences of a step
    batch: int
    # the recipe of the optimizer
    optimizer: Mapping[str, Any]
    # how often targets are scored: evenly over a member's own steps, the last time at its last
    evaluations: int
    # members side by side
    wave: int = 4
    device: str = "cpu"
    precision: str = "float32"
    # sequences that a member reads at a time; None is all of a step
    micro_batch: int | None = None
    compiled: bool = False
    # whether a step on a GPU is recorded as a graph where it can be; changes no number
    graph: bool = True
    checkpoint_seconds: float = 60.0
    # steps between checkpoints, in place of seconds
    checkpoint_steps: int | None = None
    # of the config, for what an error names
    section: str = "proxy"
    # whether a masked model's examples are scored with every token masked on its own
    alone: bool = False
    # whether the loss of every training step is kept
    keeps_losses: bool = False
    # whether a member that diverged ends at once, and is not measured to its last step
    stops_diverged: bool = False
    # Simulated epochs: each domain is cut so that it repeats as often as in a run of so many
    # tokens. None: it is not cut.
    epochs_of: int | None = None

    @property
    def dtype(self) -> torch.dtype:
        """The type of products."""
        return PRECISIONS[self.precision]

    @property
    def execution(self) -> Execution:
        """How a step is computed."""
        return Execution(self.device, self.dtype, self.micro_batch, self.compiled)


# the first weights of members, each (K, ...)
Start = Callable[[Sequence[Member]], Parameters]


class Wave:
    """Members that train in step, until each has taken its own number of steps.

    Attributes:
        members: Those that are not done.
        rows: What has been measured of each member so far, rows of tables.LOSSES.
        step: Steps taken.
        parameters: Stacked weights, each (K, ...).
        alive: (K,) whether the loss was finite at every step so far.
        losses: (K, steps) of training, in nats/token; (K, 0) where they are not kept.
    """

    def __init__(
        self,
        members: Sequence[Member],
        shape: Shape,
        shards: Sequence[Shard],
        settings: Settings,
        resident: Resident | None = None,
        first: Start | None = None,
    ) -> None:
        self.members = list(members)
        self.shape = shape
        self.settings = settings
        self.resident = resident
        self.step = 0
        self._size = len(members)
        self._began = time.monotonic()
        self.rows: list[list[dict[str, Any]]] = []
        self.schedules: list[Schedule] = []
        self.maskings: list[Masking] = []
        steps = []
        rates = []
        for member in members:
            self.rows.append([])
            self.schedules.append(self._schedule(member, shards))
            if shape.masked:
                self.maskings.append(Masking.of(shards[0], member.seed))
            steps.append(member.steps)
            rates.append(member.rate)
        if first is None:
            seeds = [member.seed for member in members]
            self.parameters = first_weights(shape, seeds, settings.device)
        else:
            self.parameters = first(members)
        self.optimizer = Optimizer(self.parameters, settings.optimizer, steps, rates)
        self.alive = torch.ones(len(members), dtype=torch.bool, device=settings.device)
        length = max(steps) if settings.keeps_losses else 0
        self.losses = torch.zeros(len(members), length, device=settings.device)
        self._steps = Steps(settings.graph)
        self._brake = Brake(settings.device)
        self._feed = Feed(settings.device)

    def _schedule(self, member: Member, shards: Sequence[Shard]) -> Schedule:
        sequences = member.steps * self.settings.batch
        context = self.shape.context
        share: Any = 1.0
        if self.settings.epochs_of is not None:
            # of the source's tokens, as far as the sample holds them
            sampled = np.array([shard.times_sampled for shard in shards])
            share = min(sequences * context / self.settings.epochs_of, 1.0) * sampled
        weights = member.mixture.weights
        return Schedule.of(weights, shards, context, sequences, member.seed, share)

    @property
    def ended(self) -> list[int]:
        """Indices of the members that have taken their last step."""
        return [k for k, member in enumerate(self.members) if self.step >= member.steps]

    @property
    def longest(self) -> int:
        """Steps of the member that takes the most."""
        return max(member.steps for member in self.members)

    @property
    def seconds(self) -> float:
        """Seconds since the wave began, shared among the members that began it."""
        return (time.monotonic() - self._began) / self._size

    @property
    def diverged(self) -> list[int]:
        """Indices of the members that have diverged; asking waits for the device."""
        return [k for k, alive in enumerate(self.alive.tolist()) if not alive]

    def weights(self, members: Sequence[int]) -> Parameters:
        """Returns the parameters of some members, to score them."""
        if len(members) == len(self.members):
            return dict(self.parameters)
        return _of_members(self.parameters, members)

    def answer(self, k: int) -> dict[str, float]:
        """Returns domain -> the weight that a member has learned; empty where weights are fixed."""
        return {}

    def leave(self, ended: Sequence[int]) -> None:
        """Goes on without these members, and frees their memory."""
        # First, for it holds the memory of a step.
        self.release()
        self._feed.forget()
        remaining = [k for k in range(len(self.members)) if k not in ended]
        self.members = _chosen(self.members, remaining)
        self.schedules = _chosen(self.schedules, remaining)
        self.rows = _chosen(self.rows, remaining)
        if self.maskings:
            self.maskings = _chosen(self.maskings, remaining)
        self.alive = self.alive[remaining]
        self.losses = self.losses[remaining]
        self.parameters = _of_members(self.parameters, remaining)
        self.optimizer.keep(self.parameters, remaining)

    def release(self) -> None:
        """Frees the memory of the recorded step, if there is one; it is recorded again."""
        self._steps.forget()

    def advance(self) -> None:
        """Takes one step of every member.

        A member that diverges goes on with NaN in its weights, and touches no other.
        """
        inputs, rates = self._feed.at(self.step, self.members, self._read)
        self.optimizer.schedule(self.step, rates)
        if self.settings.device == "cpu":
            losses = self._step(*inputs)
        else:
            losses = self._steps.take(self._step, inputs)
        self.alive &= losses.isfinite()
        if self.settings.keeps_losses:
            self.losses[:, self.step] = losses
        self.step += 1
        self._brake.stepped()

    def _step(self, *inputs: Tensor) -> Tensor:
        """Returns (K,) losses of one step; looks at no number on the host."""
        batch = self._batch(*inputs)
        losses, slopes = gradients(self.parameters, batch, self.shape, self.settings.execution)
        self.optimizer.update(slopes)
        return losses

    def _read(self, steps: range) -> Read:
        """Returns what every member reads in some steps, on the host, and their learning rates.

        Each input is (K, steps, sequences, ...): tokens, or where they begin among the resident
        tokens, or the three arrays that a masked model needs.
        """
        batch = self.settings.batch
        positions = np.arange(steps.start * batch, steps.stop * batch)
        lay_out(self.schedules, positions)
        by_member: list[tuple[Ints, ...]] = []
        for k, schedule in enumerate(self.schedules):
            if self.maskings:
                by_member.append(self.maskings[k].read(schedule, positions))
            elif self.resident:
                by_member.append((self.resident.starts(schedule, positions),))
            else:
                by_member.append((schedule.read(positions),))
        inputs = []
        for arrays in zip(*by_member, strict=True):
            stacked = np.stack(arrays)
            of_steps = (len(arrays), len(steps), batch, *stacked.shape[2:])
            inputs.append(torch.from_numpy(stacked.reshape(of_steps)))
        rates = [self.optimizer.rates_at(step) for step in steps]
        return inputs, torch.stack(rates)

    def _batch(self, *inputs: Tensor) -> Batch:
        """Makes a batch of what `_read` returns of one step."""
        if self.maskings:
            tokens, places, labels = inputs
            return Batch(tokens, labels, places)
        (tokens,) = inputs
        if self.resident:
            tokens = self.resident.read(tokens)
        return Batch(tokens[..., :-1], tokens[..., 1:])

    def _keys(self) -> list[str]:
        return [member.key for member in self.members]

    def state(self) -> dict[str, Any]:
        """Returns all that a resumed wave needs."""
        position = self.step * self.settings.batch
        return {
            "schedules": [schedule.state(position) for schedule in self.schedules],
            "keys": self._keys(),
            "step": self.step,
            "alive": self.alive,
            "losses": self.losses,
            "rows": self.rows,
            "parameters": self.parameters,
            "optimizer": self.optimizer.state,
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Goes on from a state that holds all of this wave's members, and maybe others.

        A state that lacks one of them is not used.
        """
        keys = state["keys"]
        if not set(self._keys()) <= set(keys):
            return
        chosen = [keys.index(key) for key in self._keys()]
        self.step = state["step"]
        self.rows = _chosen(state["rows"], chosen)
        # Without them, as in older checkpoints, the schedules are gone through from the start.
        if "schedules" in state:
            saved = _chosen(state["schedules"], chosen)
            for schedule, counts in zip(self.schedules, saved, strict=True):
                schedule.resume(counts)
        self.alive.copy_(state["alive"][chosen])
        if self.settings.keeps_losses:
            self.losses.copy_(state["losses"][chosen])
        _copy(state["parameters"], chosen, self.parameters)
        _copy(state["optimizer"], chosen, self.optimizer.state)


def first_weights(shape: Shape, seeds: Sequence[int], device: str) -> Parameters:
    """Returns the first weights of members with these seeds, each (K, ...), on the device."""
    members = [initial(shape, seed) for seed in seeds]
    parameters = {}
    for name, tensor in stack(members).items():
        parameters[name] = tensor.to(device)
    return parameters


def evenly(steps: int, evaluations: int) -> set[int]:
    """Returns the steps at which targets are scored, evenly spaced, the last step included."""
    ends = set()
    for number in range(1, evaluations + 1):
        ends.add(max(1, round(steps * number / evaluations)))
    return ends


def _chosen(values: Sequence[T], indices: Sequence[int]) -> list[T]:
    return [values[index] for index in indices]


def _copy(saved: Parameters, chosen: Sequence[int], to: Parameters) -> None:
    """Copies the chosen rows of saved tensors into tensors of the same names."""
    for name, tensor in to.items():
        tensor.copy_(saved[name][chosen])


def _of_members(parameters: Parameters, members: Sequence[int]) -> Parameters:
    return {name: tensor[members] for name, tensor in parameters.items()}
