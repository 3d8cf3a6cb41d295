"""Times one training step of a study's shape, on made-up tokens, computed by a given choice."""

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mixwright.proxies.tuning import Choice

if TYPE_CHECKING:
    from mixwright.proxies.gradients import Batch
    from mixwright.proxies.models.shape import Shape

# tokens of one member in a timed step, at most
TOKENS = 2_048
# timed steps, after a first one that fills caches
STEPS = 2
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

    prepare(proxy["device"])
    try:
        return _seconds(proxy, vocabulary, choice)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
    return math.inf


def _seconds(proxy: Mapping[str, Any], vocabulary: int, choice: Choice) -> float:
    """Seconds for each token of a member; raises where memory does not hold the choice."""
    from mixwright.proxies.gradients import gradients
    from mixwright.proxies.models.shape import Shape
    from mixwright.proxies.optimizer import Optimizer
    from mixwright.proxies.wave import Settings, first_weights

    device = proxy["device"]
    shape = Shape.of(proxy["shape"], vocabulary, choice.attention)
    rows = max(1, min(proxy["batch"], choice.micro_batch, TOKENS // shape.context))
    settings = Settings(
        batch=rows,
        optimizer=proxy["optimizer"],
        evaluations=1,
        wave=choice.wave,
        device=device,
        precision=choice.precision,
        compiled=choice.compile,
    )
    parameters = first_weights(shape, range(choice.wave), device)
    optimizer = Optimizer(parameters, settings.optimizer, [10] * choice.wave)
    batch = _made_up(shape, vocabulary, choice.wave, rows, device)
    clock = time.process_time if device == "cpu" else time.monotonic
    seconds = []
    for step in range(STEPS + 1):
        began = clock()
        optimizer.schedule(step)
        losses, slopes = gradients(parameters, batch, shape, settings.execution)
        optimizer.update(slopes)
        # Reading a number waits for the device.
        losses.sum().item()
        seconds.append(clock() - began)
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
