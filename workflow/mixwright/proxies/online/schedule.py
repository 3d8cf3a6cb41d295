"""What a run reads whose weights change as it goes: which domain, and which of its blocks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.allocation import Schedule
from mixwright.corpus.shards import Ints
from mixwright.mixture import Array


def most_behind(due: Array, counts: Ints, usable: NDArray[np.bool_]) -> int:
    """Returns the usable domain that has read least of what it was due.

    Args:
        due: (domains,) sequences that all weights so far make due.
        counts: (domains,) sequences read.
        usable: (domains,) whether a domain has text.
    """
    behind = np.where(usable, due - counts, -np.inf)
    return int(behind.argmax())


@dataclass(eq=False)
class OnlineSchedule:
    """The sequences of one step at a time, by largest deficit from all weights so far.

    After n sequences of a step with weights w each domain is due its share of the steps before,
    and n w. The next sequence is of the domain that is most behind. So what a run has read is the
    mean of its weights, within a sequence or two a domain. Blocks come in the order of any other
    run of the same seed.
    """

    # of the same run with fixed weights: sizes of domains, and orders of their blocks
    plan: Schedule
    # (domains,) sequences that each is due
    due: Array = field(init=False)
    # (domains,) sequences taken of each
    counts: Ints = field(init=False)
    # position of the step's first sequence
    first: int = 0
    # (batch,) the step's domains, and their blocks
    domains: Ints = field(init=False)
    blocks: Ints = field(init=False)

    def __post_init__(self) -> None:
        number = len(self.plan.shards)
        self.due = np.zeros(number)
        self.counts = np.zeros(number, np.int64)
        self.domains = np.zeros(0, np.int64)
        self.blocks = np.zeros(0, np.int64)

    def extend(self, weights: Array, batch: int) -> None:
        """Decides the next `batch` sequences by weights (domains,)."""
        # a domain without a block is never read
        usable = self.plan.available > 0
        self.first += len(self.domains)
        domains = np.zeros(batch, np.int64)
        blocks = np.zeros(batch, np.int64)
        for place in range(batch):
            self.due += weights
            index = most_behind(self.due, self.counts, usable)
            number = int(self.counts[index])
            block = self.plan._blocks_of(index, number, 1)
            domains[place] = index
            blocks[place] = block[0]
            self.counts[index] += 1
        self.domains = domains
        self.blocks = blocks

    def read(self) -> Ints:
        """Returns (batch, context + 1) tokens of the step."""
        return self.tokens_of(self.domains, self.blocks)

    def tokens_of(self, domains: Ints, blocks: Ints) -> Ints:
        """Returns (n, context + 1) tokens of blocks (n,) of domains (n,)."""
        context = self.plan.context
        tokens = np.empty((len(domains), context + 1), np.int64)
        rows = zip(tokens, domains.tolist(), blocks.tolist(), strict=True)
        for row, domain, block in rows:
            row[:] = self.plan.shards[domain].sequence(block, context)
        return tokens

    @property
    def realised(self) -> Mapping[str, tuple[int, float]]:
        """Domain -> (training tokens, epochs), as taken."""
        epochs = self.counts / np.maximum(self.plan.available, 1)
        realised = {}
        for shard, count, passes in zip(self.plan.shards, self.counts, epochs, strict=True):
            realised[shard.domain] = (int(count) * self.plan.context, float(passes))
        return realised

    def state(self, position: int) -> dict[str, Any]:
        """Returns what another schedule of the same run needs to go on at this position."""
        return {
            "sequence": position,
            "counts": self.counts.tolist(),
            "due": self.due.tolist(),
        }

    def resume(self, state: Mapping[str, Any]) -> None:
        """Takes over a state."""
        self.first = int(state["sequence"])
        self.counts = np.array(state["counts"], np.int64)
        self.due = np.array(state["due"], np.float64)
        self.domains = np.zeros(0, np.int64)
        self.blocks = np.zeros(0, np.int64)
