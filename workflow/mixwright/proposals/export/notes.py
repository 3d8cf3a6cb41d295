"""What an export says of the sources that its file does without, and what that costs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from mixwright.mixture import Array, Mixture
from mixwright.proposals.export.order import Order, Source, Stage

# In words, what the second mixture costs beside the first; empty where nothing is to be said.
Cost = Callable[[Mixture, Mixture], str]
NO_COST = "what that costs is unknown: give --fit, a fit that predicts it"


@dataclass(frozen=True)
class Dropped:
    """A source that a stage does without: a zero, or a share that the trainer would not read."""

    stage: str
    source: Source
    # of the stage's tokens
    share: float


def notes_of_dropped(
    order: Order,
    stage: Stage,
    dropped: Sequence[Dropped],
    trainer: str,
    cost: Cost | None,
) -> list[str]:
    """Returns plain sentences: what is dropped of a stage, and the predicted cost.

    Args:
        order: what was asked.
        stage: one of its stages.
        dropped: what the file does without.
        trainer: name of the format.
        cost: None where no fit is at hand.
    """
    notes = []
    zeros = [drop.source.path for drop in dropped if drop.share == 0]
    if zeros:
        paths = ", ".join(zeros)
        notes.append(f"left out, for the weight is 0: {paths}")
    lost = [drop for drop in dropped if drop.share > 0]
    for drop in lost:
        note = (
            f"dropped: {drop.source.path} ({drop.share:.3g} of the tokens) is under what"
            f" {trainer} can read; the others grow in proportion"
        )
        notes.append(note + _predicted(order, stage, [drop], cost))
    if len(lost) > 1 and cost is not None:
        notes.append(f"dropped in all: {len(lost)} sources" + _predicted(order, stage, lost, cost))
    if lost and cost is None:
        notes.append(NO_COST)
    return [stage.titled(note) for note in notes]


def _predicted(order: Order, stage: Stage, dropped: Sequence[Dropped], cost: Cost | None) -> str:
    """The predicted cost of doing without these sources, as the end of a sentence."""
    if cost is None:
        return ""
    shares = order.shares(stage)
    paths = {drop.source.path for drop in dropped}
    for place, source in enumerate(order.sources):
        if source.path in paths:
            shares[place] = 0.0
    words = cost(stage.mixture, mixture_of(order, shares))
    if not words:
        return ""
    return f"; predicted cost: {words}"


def mixture_of(order: Order, shares: Array) -> Mixture:
    """Returns the mixture of domains that (sources,) shares make, scaled to 1."""
    weights: dict[str, float] = {}
    for source, share in zip(order.sources, shares.tolist(), strict=True):
        weights[source.domain] = weights.get(source.domain, 0.0) + share
    values = np.array(list(weights.values()))
    return Mixture(tuple(weights), values / values.sum())
