"""Tokens a second of the packed trainer: training itself, with all that a study's training does.

Training goes on until enough steps are timed, and is broken off then. Between the first and the
last step of a timed block nothing waits for the device.
"""

import gc
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import torch

from mixwright.corpus.shards import Shard
from mixwright.errors import MixwrightError
from mixwright.mixture import Mixture
from mixwright.proxies import tuning
from mixwright.proxies.models.shape import Parameters, Shape
from mixwright.proxies.models.transformer import initial, stack
from mixwright.proxies.speed.cases import BATCH, RECIPE, proxy_of
from mixwright.proxies.speed.clock import now
from mixwright.proxies.timing import seconds_of
from mixwright.proxies.train import train
from mixwright.proxies.tuning import Choice
from mixwright.proxies.wave import Member, Settings, Wave

# steps that are not timed, in which memory is taken, kernels are chosen and a graph is recorded
WARM = {"cpu": 1, "cuda": 8}
# steps that tell how many a block has
PROBED = 3
BLOCKS = 5
# steps that a training is said to have; it is broken off long before
STEPS = 100_000


@dataclass(frozen=True)
class Speed:
    """How fast a pack trains in steady state."""

    # models side by side
    members: int
    # tokens a second of all members together: the median of BLOCKS blocks, the least, the greatest
    tokens: float
    least: float
    greatest: float
    # steps that were timed
    steps: int
    # GiB of the device that torch held at the most; None on a CPU
    memory_gib: float | None
    # from the call to the first timed step
    start_seconds: float
    # how a step was computed
    choice: Choice


class _EnoughError(Exception):
    """Enough steps are timed."""


class _HalvedError(Exception):
    """Memory does not hold all members side by side."""


class _Blocks:
    """Times blocks of steps; the trainer calls it after each step."""

    def __init__(self, device: str, members: int, seconds: float) -> None:
        self._device = device
        self._members = members
        self._seconds = seconds
        self._began = now(device)
        self._mark = 0.0
        self._next = WARM[device]
        self.steps = 0
        self.start_seconds = 0.0
        # seconds of a step, one a block
        self.times: list[float] = []

    def __call__(self, wave: Wave) -> None:
        if len(wave.members) < self._members:
            raise _HalvedError
        if wave.step < self._next:
            return
        mark = now(self._device)
        if wave.step == WARM[self._device]:
            self.start_seconds = mark - self._began
            self._next += PROBED
        elif self.steps == 0:
            step = (mark - self._mark) / PROBED
            self.steps = max(1, math.ceil(self._seconds / BLOCKS / max(step, 1e-6)))
            self._next += self.steps
        else:
            self.times.append((mark - self._mark) / self.steps)
            self._next += self.steps
        self._mark = mark
        if len(self.times) == BLOCKS:
            raise _EnoughError


def speed(
    shape: Mapping[str, Any],
    shards: Sequence[Shard],
    members: int,
    device: str,
    *,
    seconds: float = 2.0,
    batch: int = BATCH,
    graph: bool = True,
    **fixed: Any,
) -> Speed:
    """Trains a pack side by side until BLOCKS blocks of steps are timed.

    It computes as calibration's rules say, but for what is fixed. On a CPU seconds are
    CPU-seconds.

    Args:
        shape: sizes by name, with `vocabulary` among them.
        shards: what it learns from.
        members: models side by side.
        device: cpu or cuda.
        seconds: about how long is timed, after the first steps.
        batch: sequences of a step of a member.
        graph: False: kernel by kernel, also where a graph could be recorded.
        fixed: settings of a study's section `proxy`, such as `precision`.

    Raises:
        MixwrightError: memory does not hold so many members, or the device is missing.
    """
    hardware = tuning.machine(device)
    section = proxy_of(shape, device, batch, **fixed, wave=members)
    choice, _ = tuning.rule_of_thumb(section, shape["vocabulary"], hardware)
    model = Shape.of(shape, shape["vocabulary"], choice.attention)
    settings = Settings(
        batch=batch,
        optimizer=RECIPE,
        evaluations=1,
        wave=members,
        device=device,
        precision=choice.precision,
        micro_batch=choice.micro_batch,
        compiled=choice.compile,
        **graph_setting(graph),
    )
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    blocks = _Blocks(device, members, seconds)
    try:
        train(
            _pack(shards, members),
            model,
            shards,
            settings=settings,
            targets={},
            likelihoods={},
            on_finished=lambda member, result: None,
            first=partial(_first_weights, model, device),
            on_step=blocks,
        )
    except _EnoughError:
        pass
    except _HalvedError:
        raise MixwrightError(f"memory does not hold {members} models side by side") from None
    finally:
        memory_gib = _release(device)
    tokens = members * batch * model.context
    speeds = [tokens / each for each in blocks.times]
    return Speed(
        members,
        statistics.median(speeds),
        min(speeds),
        max(speeds),
        BLOCKS * blocks.steps,
        memory_gib,
        blocks.start_seconds,
        choice,
    )


def graph_setting(graph: bool) -> dict[str, Any]:
    """Returns the settings of a pack whose step is a graph where one can be recorded, or is none.

    Raises:
        MixwrightError: this version cannot be told to record none.
    """
    if graph:
        return {}
    if "graph" not in {setting.name for setting in fields(Settings)}:
        raise MixwrightError("this version always records a graph on a GPU")
    return {"graph": False}


def calibrated(
    shape: Mapping[str, Any], device: str, tokens: int, batch: int = BATCH, **fixed: Any
) -> dict[str, Any]:
    """Returns what calibration chooses for models of a shape, with its reasons and timings.

    Nothing is remembered from earlier times, nor for later ones.

    Args:
        shape: sizes by name, with `vocabulary` among them.
        device: cpu or cuda.
        tokens: that the largest job trains on.
        batch: sequences of a step.
        fixed: settings that calibration has to obey.
    """
    section = proxy_of(shape, device, batch, **fixed)
    vocabulary = shape["vocabulary"]
    times = partial(seconds_of, section, vocabulary)
    return tuning.calibrate(section, vocabulary, tokens, tuning.machine(device), times)


def _pack(shards: Sequence[Shard], members: int) -> list[Member]:
    """Members with random mixtures."""
    names = tuple(shard.domain for shard in shards)
    mixtures = np.random.default_rng(0).dirichlet(np.ones(len(names)), members)
    pack = []
    for number, weights in enumerate(mixtures):
        pack.append(Member(f"m{number}", Mixture(names, weights), STEPS, seed=number))
    return pack


def _first_weights(shape: Shape, device: str, members: Sequence[Member]) -> Parameters:
    """Every member begins with the same weights, which are drawn once: nobody looks at losses."""
    one = {name: tensor.to(device) for name, tensor in initial(shape, 0).items()}
    return stack([one] * len(members))


def _release(device: str) -> float | None:
    """Returns the GiB that torch held at the most, and gives the device's memory back."""
    if device != "cuda":
        return None
    held = torch.cuda.max_memory_reserved() / 2**30
    gc.collect()
    torch.cuda.empty_cache()
    return held
