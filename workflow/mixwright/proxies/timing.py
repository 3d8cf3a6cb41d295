"""Times one training step of a study's shape, on made-up tokens, computed by a given choice.

On a GPU it times what training does: whole steps of the real batch, recorded once and replayed.
That part has not run on a GPU; on a CPU it is tested step by step, without a recording.
"""

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mixwright.proxies.trials import Choice

if TYPE_CHECKING:
    from torch import Tensor

    from mixwright.proxies.cuda_graph import Steps
    from mixwright.proxies.gradients import Batch
    from mixwright.proxies.models.shape import Parameters, Shape
    from mixwright.proxies.wave import Settings

# tokens of one member in a timed step on a CPU, at most
TOKENS = 2_048
# timed steps on a CPU, after a first one that fills caches
STEPS = 2
# Tokens of one member in a timed step on a GPU, at most; it is rounded up to whole pieces of a
# batch. A longer step is more pieces of the same time.
GPU_TOKENS = 2**17
# Steps before them: those that training takes before it records a step, the one that it records,
# and a replay.
UNTIMED = 5
# replays that are timed on a GPU; fewer where they would take longer than so many seconds
REPLAYS = 20
REPLAY_SECONDS = 10.0
FEWEST_REPLAYS = 3
# every how-manieth token a masked model predicts
MASKED_EVERY = 7


def seconds_of(proxy: Mapping[str, Any], vocabulary: int, choice: Choice) -> float:
    """Returns seconds for each token of a member, the least of a few steps.

    On a CPU these are CPU-seconds. Infinity is the answer where memory does not hold the choice.

    Args:
        proxy: The proxy section of a resolved study.
        vocabulary: Tokens that the tokenizer knows.
        choice: How a pack is computed.
    """
    # Here, so that torch is imported only where a choice is timed.
    from mixwright.proxies.device import out_of_memory, prepare

    device = proxy["device"]
    prepare(device)
    try:
        if device == "cpu":
            return _seconds(proxy, vocabulary, choice)
        return seconds_of_replays(proxy, vocabulary, choice, records(proxy))
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
    finally:
        _release(device)
    return math.inf


def records(proxy: Mapping[str, Any]) -> bool:
    """Returns whether a study's proxies train by recorded steps on a GPU."""
    return proxy.get("graph", "auto") is not False


def seconds_of_replays(
    proxy: Mapping[str, Any], vocabulary: int, choice: Choice, recorded: bool
) -> float:
    """Returns seconds for each token of a member, over replays of whole training steps.

    Args:
        proxy: The proxy section of a resolved study.
        vocabulary: Tokens that the tokenizer knows.
        choice: How a pack is computed.
        recorded: Whether the step is recorded as a CUDA graph, as training does. Where it cannot
            be, it is timed kernel by kernel, as training then goes on.

    Raises:
        RuntimeError: Memory does not hold the choice.
    """
    from mixwright.proxies.cuda_graph import Steps
    from mixwright.proxies.gradients import Batch, gradients
    from mixwright.proxies.models.shape import Shape
    from mixwright.proxies.optimizer import Optimizer
    from mixwright.proxies.wave import first_weights

    device = proxy["device"]
    shape = Shape.of(proxy["shape"], vocabulary, choice.attention)
    rows = _rows_on_gpu(proxy["batch"], choice.micro_batch, shape.context)
    settings = _settings(proxy, choice, rows)
    parameters = _alike(first_weights(shape, [0], device), choice.wave)
    optimizer = Optimizer(parameters, settings.optimizer, [10] * choice.wave)
    optimizer.schedule(1)
    made_up = _made_up(shape, vocabulary, choice.wave, rows, device)
    inputs = [made_up.tokens, made_up.labels]
    if made_up.places is not None:
        inputs.append(made_up.places)

    def step(*tensors: "Tensor") -> "Tensor":
        losses, slopes = gradients(parameters, Batch(*tensors), shape, settings.execution)
        optimizer.update(slopes)
        return losses

    steps = Steps(recorded)
    take = step if device == "cpu" else partial(_taken, steps, step)
    seconds = timed_step(take, inputs)
    return seconds / (choice.wave * rows * shape.context)


def _taken(steps: "Steps", step: Callable[..., "Tensor"], *inputs: "Tensor") -> "Tensor":
    """Takes a step as training does: a few kernel by kernel, then replayed."""
    return steps.take(step, inputs)


def timed_step(step: Callable[..., "Tensor"], inputs: Sequence["Tensor"]) -> float:
    """Returns the mean seconds of a step, after those that warm it up and record it.

    Args:
        step: Takes `inputs` and returns one tensor.
        inputs: What it reads.
    """

    def taken(count: int) -> float:
        """Seconds of so many steps; reading a number waits for the device."""
        began = time.monotonic()
        for _ in range(count):
            output = step(*inputs)
        output.sum().item()
        return time.monotonic() - began

    taken(UNTIMED)
    one = max(taken(1), 1e-9)
    count = min(REPLAYS, max(FEWEST_REPLAYS, int(REPLAY_SECONDS / one)))
    return taken(count) / count


def _rows_on_gpu(batch: int, micro_batch: int, context: int) -> int:
    """Sequences of a timed step: the batch, or whole pieces of it that have GPU_TOKENS."""
    piece = min(micro_batch, batch)
    pieces = math.ceil(GPU_TOKENS / (piece * context))
    return min(batch, pieces * piece)


def _alike(parameters: "Parameters", members: int) -> "Parameters":
    """Returns so many members with the weights of one, made where these are.

    The machine's memory then holds one member, however many a GPU is timed with.
    """
    stacked = {}
    for name, tensor in parameters.items():
        stacked[name] = tensor.repeat(members, *[1] * (tensor.dim() - 1))
    return stacked


def _release(device: str) -> None:
    """Gives a GPU's memory back, so that one choice does not narrow the next one's."""
    if device == "cpu":
        return
    import torch

    gc.collect()
    torch.cuda.empty_cache()


def _settings(proxy: Mapping[str, Any], choice: Choice, rows: int) -> "Settings":
    """Settings of a wave that reads so many rows in a step."""
    from mixwright.proxies.wave import Settings

    return Settings(
        batch=rows,
        optimizer=proxy["optimizer"],
        evaluations=1,
        wave=choice.wave,
        device=proxy["device"],
        precision=choice.precision,
        micro_batch=choice.micro_batch,
        compiled=choice.compile,
    )


def _seconds(proxy: Mapping[str, Any], vocabulary: int, choice: Choice) -> float:
    """CPU-seconds for each token of a member; raises where memory does not hold the choice."""
    from mixwright.proxies.gradients import gradients
    from mixwright.proxies.models.shape import Shape
    from mixwright.proxies.optimizer import Optimizer
    from mixwright.proxies.wave import first_weights

    device = proxy["device"]
    shape = Shape.of(proxy["shape"], vocabulary, choice.attention)
    rows = max(1, min(proxy["batch"], choice.micro_batch, TOKENS // shape.context))
    # one piece
    settings = _settings(proxy, replace(choice, micro_batch=rows), rows)
    parameters = first_weights(shape, range(choice.wave), device)
    optimizer = Optimizer(parameters, settings.optimizer, [10] * choice.wave)
    batch = _made_up(shape, vocabulary, choice.wave, rows, device)
    seconds = []
    for step in range(STEPS + 1):
        began = time.process_time()
        optimizer.schedule(step)
        losses, slopes = gradients(parameters, batch, shape, settings.execution)
        optimizer.update(slopes)
        losses.sum().item()
        seconds.append(time.process_time() - began)
    tokens = choice.wave * rows * shape.context
    return min(seconds[1:]) / tokens


def _made_up(shape: "Shape", vocabulary: int, members: int, rows: int, device: str) -> "Batch":
    """Returns a batch of random tokens."""
    import torch

    from mixwright.proxies.gradients import Batch

    size = (members, rows, shape.context + 1)
    random = np.random.default_rng(0).integers(0, vocabulary, size)
    tokens = torch.from_numpy(random).to(device)
    inputs = tokens[..., :-1]
    if not shape.masked:
        return Batch(inputs, tokens[..., 1:])
    places = torch.arange(0, shape.context, MASKED_EVERY, device=tokens.device)
    places = places.expand(members, rows, -1)
    labels = inputs.gather(2, places)
    return Batch(inputs, labels, places)
