"""Two ways to read a mixture batch by batch from memory-mapped files.

One is our schedule, the other is interleave_datasets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rivals import now

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Shard


@dataclass(frozen=True)
class Pass:
    """CPU-seconds a million tokens of one pass over a mixture."""

    setup: float
    reading: float

    @property
    def whole(self) -> float:
        return self.setup + self.reading


def saved_datasets(shards: Sequence[Shard], context: int, folder: Path) -> list[Path]:
    """Saves each shard's blocks as a data set of `datasets`, and returns the paths.

    One row is a block of context + 1 tokens.
    """
    from datasets import Dataset, disable_progress_bars

    disable_progress_bars()
    for shard in shards:
        blocks = np.stack(
            [shard.sequence(block, context) for block in range(shard.sequences(context))]
        )
        Dataset.from_dict({"input_ids": blocks}).save_to_disk(folder / shard.domain)
    return sorted(folder.iterdir())


def scheduled(
    shards: Sequence[Shard], weights: np.ndarray, context: int, sequences: int, batch: int
) -> Pass:
    """Our schedule, read batch by batch."""
    began = now()
    schedule = Schedule.of(weights, shards, context, sequences, seed=0)
    ready = now()
    for at in range(0, sequences, batch):
        schedule.read(np.arange(at, at + batch))
    return Pass(
        (ready - began) / sequences / context * 1e6, (now() - ready) / sequences / context * 1e6
    )


def interleaved(
    sources: Sequence[Path],
    weights: np.ndarray,
    context: int,
    sequences: int,
    batch: int,
    iterable: bool = False,
) -> Pass:
    """interleave_datasets until its first source ends, as batches of numpy arrays.

    `sequences` of its rows are read.
    """
    from datasets import interleave_datasets, load_from_disk

    parts = [load_from_disk(path).with_format("numpy") for path in sources]
    began = now()
    parts = [part.to_iterable_dataset() if iterable else part for part in parts]
    mixed = interleave_datasets(parts, probabilities=list(weights / weights.sum()), seed=0)
    ready, rows = now(), sequences if iterable else len(mixed)
    sequences = min(sequences, rows)
    for number, _ in enumerate(
        mixed.iter(batch)
        if iterable
        else (mixed[at : at + batch] for at in range(0, sequences, batch)),
        start=1,
    ):
        if number * batch >= sequences:
            break
    return Pass((ready - began) / rows / context * 1e6, (now() - ready) / sequences / context * 1e6)
