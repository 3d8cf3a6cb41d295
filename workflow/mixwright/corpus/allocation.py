"""Which domain, and which of its blocks, feeds each sequence of a run.

The answer is the same for proxies and finals, packed, resumed or sharded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mixwright.corpus.orders import shared_order
from mixwright.corpus.shards import Shard
from mixwright.corpus.turns import allocate_next
from mixwright.errors import MixwrightError

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Sequences that are laid out at once.
WINDOW = 4096
# Windows whose counts a schedule remembers, so that a look back costs little.
REMEMBERED = 64


@dataclass(frozen=True, eq=False)
class Window:
    """A stretch of a schedule, laid out: three arrays of one length."""

    # position of its first sequence
    first: int
    # indices of domains
    domains: Ints
    blocks: Ints
    # how many of its domain's sequences come before each in the run
    numbers: Ints

    def at(self, positions: Ints) -> tuple[Ints, Ints, Ints]:
        """Returns domains, blocks and numbers at positions of the run that it holds."""
        places = positions - self.first
        return self.domains[places], self.blocks[places], self.numbers[places]


@dataclass(eq=False)
class Schedule:
    """The (domain, block) of each sequence of a run.

    It is a pure function of weights, seed and the domains' sizes. It is laid out window by window
    as it is read, and holds the windows of the positions that were read last.
    """

    # (shards,)
    weights: Floats
    # (shards,) blocks that each has, or may show
    available: Ints
    # (shards,) blocks that each has
    whole: Ints
    shards: Sequence[Shard] = field(repr=False)
    # tokens a sequence
    context: int
    # of the run
    sequences: int
    seed: int
    # window -> (shards,) sequences taken of each before it
    _counts: dict[int, Ints] = field(default_factory=dict, repr=False)
    _windows: dict[int, Window] = field(default_factory=dict, repr=False)
    # index of a domain -> pass -> its order: the pass that is read, and the first of a part
    _passes: dict[int, dict[int, NDArray[Any]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        weights: ArrayLike,
        shards: Sequence[Shard],
        context: int,
        sequences: int,
        seed: int,
        share: ArrayLike = 1.0,
    ) -> "Schedule":
        """Returns the schedule of a run; the blocks of each pass come in a fresh order.

        Args:
            weights: (shards,).
            shards: the domains, in the weights' order (sorted by name).
            context: tokens a sequence.
            sequences: number of sequences of the run.
            seed: seed of the orders.
            share: part of each domain's blocks that the run may show; one number, or (shards,).
                Below 1 these are the first blocks in the order of the first pass, and the run
                repeats them.

        Raises:
            MixwrightError: a domain with weight has under one sequence of tokens.
        """
        shares = np.array(weights, np.float64)
        whole = np.array([shard.sequences(context) for shard in shards], np.int64)
        shown = np.rint(np.minimum(share, 1.0) * whole).astype(np.int64)
        available = np.minimum(whole, np.maximum(1, shown))
        schedule = cls(shares, available, whole, shards, context, sequences, seed)
        schedule._refuse_empty()
        return schedule

    def _refuse_empty(self) -> None:
        """Refuses a domain that the run reads and that has no block."""
        # The largest deficit is at least the mean one, 1 / domains. Who stays under half of it is
        # never read.
        may_be_read = self.weights * self.sequences * len(self.weights) > 0.5
        for index in np.flatnonzero((self.available == 0) & may_be_read).tolist():
            if self.counts[index]:
                shard = self.shards[index]
                parts = len(shard.parts)
                where = f", in {parts} parts, each" if parts > 1 else " are"
                raise MixwrightError(
                    f"{shard.domain}: {shard.size} tokens{where} under one sequence;"
                    " give it more text or a shorter context"
                )

    def __len__(self) -> int:
        return self.sequences

    @property
    def domains(self) -> Ints:
        """Returns (sequences,): an index into the shards for each sequence; lays all of it out."""
        return self.at(np.arange(len(self)))[0]

    @property
    def blocks(self) -> Ints:
        """Returns (sequences,): a block of its domain for each; lays all of it out."""
        return self.at(np.arange(len(self)))[1]

    @property
    def counts(self) -> Ints:
        """Returns (shards,): sequences that the whole run takes from each."""
        last = -(-self.sequences // WINDOW)
        _reach([self], last)
        return self._at_start(last)

    def at(self, positions: Ints) -> tuple[Ints, Ints, Ints]:
        """Looks up sequences of the run.

        Args:
            positions: (n,) of the sequences, from 0; quick where they come in their order.

        Returns:
            (n,) indices of their domains; (n,) their blocks; (n,) how many of its domain's
            sequences come before each in the run.

        Raises:
            IndexError: the run has no such sequence.
        """
        needed = lay_out([self], positions)
        if len(needed) == 1:
            return self._windows[needed[0]].at(positions)
        result = np.empty((3, len(positions)), np.int64)
        for number in needed:
            here = np.flatnonzero(positions // WINDOW == number)
            result[:, here] = self._windows[number].at(positions[here])
        return result[0], result[1], result[2]

    def read(self, positions: Ints) -> Ints:
        """Returns (positions, context + 1) tokens."""
        domains, blocks, _ = self.at(positions)
        tokens = np.empty((len(domains), self.context + 1), np.int64)
        rows = zip(tokens, domains.tolist(), blocks.tolist(), strict=True)
        for row, domain, block in rows:
            # A copy a block is several times faster than one fancy index.
            row[:] = self.shards[domain].sequence(block, self.context)
        return tokens

    def places(self, positions: Ints) -> list[tuple[str, int]]:
        """Returns the domain of each sequence, and its number among the domain's in the run."""
        domains, _, numbers = self.at(positions)
        names = [self.shards[index].domain for index in domains]
        return list(zip(names, numbers.tolist(), strict=True))

    @property
    def realised(self) -> Mapping[str, tuple[int, float]]:
        """Returns domain -> (training tokens, epochs), as taken."""
        counts = self.counts
        epochs = counts / np.maximum(self.available, 1)
        realised = {}
        for shard, count, passes in zip(self.shards, counts, epochs, strict=True):
            realised[shard.domain] = (int(count) * self.context, float(passes))
        return realised

    def state(self, position: int) -> dict[str, Any]:
        """Returns what another schedule of the same run needs to go on at a position at once."""
        window = self._known(position // WINDOW)
        return {"sequence": window * WINDOW, "counts": self._at_start(window).tolist()}

    def resume(self, state: Mapping[str, Any]) -> None:
        """Takes over a state; one that does not fit is not used, and costs time alone."""
        counts = np.array(state["counts"], np.int64)
        window, rest = divmod(int(state["sequence"]), WINDOW)
        if rest == 0 and counts.shape == self.weights.shape and counts.sum() == window * WINDOW:
            self._counts[window] = counts

    def _known(self, window: int) -> int:
        """The last window, up to this one, whose counts are known."""
        return max((number for number in self._counts if number <= window), default=0)

    def _at_start(self, window: int) -> Ints:
        """(shards,) sequences taken of each before a window that is known."""
        if window == 0:
            return np.zeros(len(self.weights), np.int64)
        return self._counts[window]

    def _take(self, number: int, domains: NDArray[np.int32], whole: bool) -> None:
        """Takes over a window's domains, and lays out their blocks too where `whole`."""
        before = self._at_start(number)
        taken = np.bincount(domains, minlength=len(before))
        if whole:
            self._windows[number] = self._window(number * WINDOW, domains, before, taken)
        if len(self._counts) >= REMEMBERED:
            # Some stay from all over the run, and the last one.
            for known in sorted(self._counts)[-2::-2]:
                del self._counts[known]
        self._counts[number + 1] = before + taken

    def _make_room(self, window: int, needed: Sequence[int]) -> None:
        """Lets go of the windows that are not needed for this one's neighbours."""
        if not 0 <= window * WINDOW < self.sequences:
            raise IndexError(f"the run has {self.sequences} sequences")
        for other in set(self._windows).difference(needed):
            del self._windows[other]

    def _window(
        self, position: int, domains: NDArray[np.int32], before: Ints, taken: Ints
    ) -> Window:
        numbers = np.empty(len(domains), np.int64)
        blocks = np.empty(len(domains), np.int64)
        # each domain's places in a row
        grouped = np.argsort(domains, kind="stable")
        end = 0
        for index in np.flatnonzero(taken).tolist():
            begin, end = end, end + int(taken[index])
            first = int(before[index])
            places = grouped[begin:end]
            numbers[places] = np.arange(first, first + len(places))
            blocks[places] = self._blocks_of(index, first, len(places))
        return Window(position, domains.astype(np.int64), blocks, numbers)

    def _blocks_of(self, index: int, first: int, count: int) -> NDArray[Any]:
        """(count,) blocks of a domain from its sequence `first` of the run on, pass after pass."""
        pieces = []
        available = int(self.available[index])
        while count:
            epoch, start = divmod(first, available)
            piece = self._pass(index, epoch)[start : start + count]
            pieces.append(piece)
            first += len(piece)
            count -= len(piece)
        return np.concatenate(pieces)

    def _pass(self, index: int, epoch: int) -> NDArray[Any]:
        """The order of a pass; the one before is let go, but for the first of a part."""
        orders = self._passes.setdefault(index, {})
        if epoch in orders:
            return orders[epoch]
        whole = int(self.whole[index])
        available = int(self.available[index])
        first = None
        if available < whole and epoch:
            first = self._pass(index, 0)
        name = self.shards[index].domain
        order = shared_order(self.seed, name, epoch, whole, available)
        orders.clear()
        orders[epoch] = order
        if first is not None:
            orders[0] = first
        return order


def lay_out(schedules: Sequence[Schedule], positions: Ints) -> Sequence[int]:
    """Lays out the windows of positions in several schedules at once.

    That is several times faster than one after the other; the results are the same.

    Args:
        schedules: of the same shards.
        positions: (n,) that each of them is to read next.

    Returns:
        The windows of the positions.

    Raises:
        IndexError: a run has no such sequence.
    """
    if len(positions) == 0:
        return []
    least = int(np.minimum.reduce(positions)) // WINDOW
    needed = [least]
    if int(np.maximum.reduce(positions)) // WINDOW > least:
        needed = np.unique(positions // WINDOW).tolist()
    for window in needed:
        behind = [schedule for schedule in schedules if window not in schedule._windows]
        if behind:
            for schedule in behind:
                schedule._make_room(window, needed)
            _reach(behind, window)
            _go_on(behind, window, whole=True)
    return needed


def _reach(schedules: Sequence[Schedule], window: int) -> None:
    """Counts what each schedule takes before a window."""
    known = [schedule._known(window) for schedule in schedules]
    for number in range(min(known), window):
        _go_on([s for s, first in zip(schedules, known, strict=True) if first <= number], number)


def _go_on(schedules: Sequence[Schedule], number: int, whole: bool = False) -> None:
    """Goes through one window of schedules that are known up to it."""
    first = number * WINDOW
    lengths = [min(WINDOW, schedule.sequences - first) for schedule in schedules]
    weights = np.stack([schedule.weights for schedule in schedules])
    counts = np.stack([schedule._at_start(number) for schedule in schedules])
    chosen = allocate_next(weights, counts, first, max(lengths))
    for schedule, domains, length in zip(schedules, chosen, lengths, strict=True):
        schedule._take(number, domains[:length], whole)
