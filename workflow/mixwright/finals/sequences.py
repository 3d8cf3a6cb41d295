"""The sequences of a final, and the share of each batch that a process reads."""

import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset, Sampler

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints
from mixwright.finals.fused_loss import UNSCORED
from mixwright.proxies.models.masking import Masking


class Sequences(Dataset):
    """The sequences of a run in the order of its schedule.

    Item t is the t-th sequence: (context + 1,) int64.
    """

    masked = False  # whether most labels count for nothing

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def state(self, position: int) -> dict[str, Any]:
        """Returns what `resume` needs to go on at a position at once."""
        if position < len(self):
            # processes that read beside this one may have laid it out, and not this one
            self._schedule.at(np.array([position]))
        return self._schedule.state(position)

    def resume(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state` returned of the same run."""
        self._schedule.resume(state)

    def __len__(self) -> int:
        return len(self._schedule)

    def __getitem__(self, position: int) -> Ints:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: Sequence[int]) -> Ints:
        """Reads a batch at once, as torch's loader asks where it can.

        Returns:
            (positions, context + 1) tokens.
        """
        return self._schedule.read(np.asarray(positions))

    @staticmethod
    def batched(items: Ints) -> dict[str, torch.Tensor]:
        """Splits sequences into inputs (all but the last token) and labels (all but the first)."""
        tokens = torch.from_numpy(items)
        return {"input_ids": tokens[:, :-1], "labels": tokens[:, 1:]}


class MaskedSequences(Sequences):
    """The sequences of a run as a masked model reads them.

    Item t is (2, context): the tokens with masks, and the labels, -100 where nothing is predicted.
    """

    masked = True

    def __init__(self, schedule: Schedule, masking: Masking) -> None:
        super().__init__(schedule)
        self._masking = masking

    def __getitems__(self, positions: Sequence[int]) -> Ints:
        """Reads a batch at once: (positions, 2, context)."""
        inputs, places, tokens = self._masking.read(self._schedule, np.asarray(positions))
        labels = np.full_like(inputs, UNSCORED)
        np.put_along_axis(labels, places, tokens, axis=1)
        return np.stack([inputs, labels], axis=1)

    @staticmethod
    def batched(items: Ints) -> dict[str, torch.Tensor]:
        """Splits items into inputs and labels."""
        inputs, labels = torch.from_numpy(items).unbind(1)
        return {"input_ids": inputs, "labels": labels}


class Shares(Sampler[list[int]]):
    """The positions that one of several processes reads at each step.

    All of them together read the next `batch` sequences, in order, as one process would. Where the
    batch cannot be shared equally, shares differ by one sequence.

    Args:
        steps: how many there are.
        batch: sequences of a step.
        rank: the number of the process, from 0.
        size: how many processes there are.
    """

    def __init__(self, steps: int, batch: int, rank: int = 0, size: int = 1) -> None:
        self._steps = steps
        self._batch = batch
        self._begin = rank * batch // size
        self._end = (rank + 1) * batch // size

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        for step in range(self._steps):
            first = step * self._batch
            yield list(range(first + self._begin, first + self._end))


def outlive_the_warning(worker: int) -> None:
    """Makes a process that reads for a training ignore SIGTERM, which ends jobs.

    Schedulers send it to every process of a job. The training takes another step and saves a
    checkpoint then, and torch ends it where a reader of its died. A reader ends when the training
    says so, and seconds after a training that is no more.

    Args:
        worker: its number, which has no part in what it reads.
    """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
