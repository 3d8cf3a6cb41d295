"""Times one step of a choice on made-up tokens of the study's shape."""

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from mixwright.proxies.tuning import Choice

TOKENS = 2_048  # of a member, at most, in a timed step
STEPS = 2  # after the first, which warms caches up


def seconds_of(proxy: Mapping[str, Any], vocabulary: int, choice: Choice) -> float:
    """Seconds a token of a member, the least of a few steps of at most TOKENS tokens, in CPU time on a CPU."""
    import torch

    from mixwright.proxies.device import prepare
    from mixwright.proxies.gradients import Batch, gradients
    from mixwright.proxies.models.shape import Shape
    from mixwright.proxies.models.transformer import initial, stack
    from mixwright.proxies.optimizer import Optimizer
    from mixwright.proxies.wave import Settings

    prepare(proxy["device"])
    shape = Shape.of(proxy["shape"], vocabulary, choice.attention)
    rows = max(1, min(proxy["batch"], choice.micro_batch, TOKENS // shape.context))
    settings = Settings(
        rows,
        proxy["optimizer"],
        1,
        choice.wave,
        proxy["device"],
        choice.precision,
        compiled=choice.compile,
    )
    first = stack([initial(shape, seed) for seed in range(choice.wave)])
    parameters = {name: tensor.to(settings.device) for name, tensor in first.items()}
    optimizer = Optimizer(parameters, settings.optimizer, [10] * choice.wave)
    tokens = np.random.default_rng(0).integers(
        0, vocabulary, (choice.wave, rows, shape.context + 1)
    )
    read = torch.from_numpy(tokens).to(settings.device)
    places = (
        torch.arange(0, shape.context, 7, device=read.device).expand(choice.wave, rows, -1)
        if shape.masked
        else None
    )
    labels = read[..., 1:] if places is None else read[..., :-1].gather(2, places)
    clock = time.process_time if settings.device == "cpu" else time.monotonic
    took = []
    for step in range(STEPS + 1):
        began = clock()
        optimizer.schedule(step)
        losses, found = gradients(
            parameters, Batch(read[..., :-1], labels, places), shape, settings.how
        )
        optimizer.update(found)
        losses.sum().item()  # waits for the device
        took.append(clock() - began)
    return min(took[1:]) / (choice.wave * rows * shape.context)
