"""Muon's work spread over the processes that share a final: each orthogonalises its part.

Alone, every process would orthogonalise every matrix, for all have the same gradients. A matrix's
update is computed by the same products whoever computes it, so that no number depends on who does.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, distributed

from mixwright.finals.muon import Layout, Muon, update_of

# the matrix that each process orthogonalises, by rank; None: it has none in this round
Round = tuple[int | None, ...]


class OnTheWay(NamedTuple):
    """An update that its owner sends to the others."""

    number: int  # of the matrix
    update: Tensor
    work: Any  # what torch waits for


def cost(shape: Sequence[int], layout: Layout) -> int:
    """Returns how much work it is to orthogonalise a matrix, in multiplications of one iteration.

    Args:
        shape: (rows, columns) in the model's layout.
        layout: the matrix's.
    """
    products, outputs, inputs = layout.apart(torch.empty(tuple(shape), device="meta")).shape
    return products * outputs * inputs * min(outputs, inputs)


def dealt(costs: Sequence[int], size: int) -> list[Round]:
    """Deals matrices to processes, in rounds in which each gets one at most.

    The most costly come first, so that those of one round are much alike. In a round the most
    costly one goes to the process that has the least to do so far.

    Args:
        costs: of each matrix.
        size: how many processes there are.
    """
    by_cost = sorted(range(len(costs)), key=lambda number: -costs[number])
    loads = [0] * size
    rounds: list[Round] = []
    for begin in range(0, len(by_cost), size):
        some = by_cost[begin : begin + size]
        by_load = sorted(range(size), key=lambda rank: loads[rank])
        owned: list[int | None] = [None] * size
        for number, rank in zip(some, by_load, strict=False):
            owned[rank] = number
            loads[rank] += costs[number]
        rounds.append(tuple(owned))
    return rounds


def rounds_of(muon: Muon, numbers: Sequence[int], size: int) -> list[Round]:
    """Returns how the matrices of these numbers are dealt to `size` processes."""
    shapes = [muon.matrices[number].shape for number in numbers]
    layouts = [muon.layouts[number] for number in numbers]
    costs = list(map(cost, shapes, layouts))
    rounds = []
    for places in dealt(costs, size):
        owned = [None if place is None else numbers[place] for place in places]
        rounds.append(tuple(owned))
    return rounds


class SpreadMuon(Muon):
    """Muon on matrices of which every process has a copy (DDP).

    Each process orthogonalises its part and sends these updates to the others, in float32: each
    receives about as many bytes a step as the matrices have. While a round is on its way the next
    one is computed. Memory holds the updates of two rounds, so of two matrices a process.
    """

    def _updates(self, numbers: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
        rank = distributed.get_rank()
        before: list[OnTheWay] = []
        for owned in rounds_of(self, numbers, distributed.get_world_size()):
            sent = []
            for owner, number in enumerate(owned):
                if number is not None:
                    sent.append(self._sent(number, owner, owner == rank))
            yield from _arrived(before)
            before = sent
        yield from _arrived(before)

    def _sent(self, number: int, owner: int, owns: bool) -> OnTheWay:
        """Sends or receives the update of a matrix; every process keeps its momentum."""
        direction = self._direction(number)
        if owns:
            update = update_of(direction, self.layouts[number], self.dtype).contiguous()
        else:
            update = torch.empty_like(direction, memory_format=torch.contiguous_format)
        return OnTheWay(number, update, distributed.broadcast(update, owner, async_op=True))


def _arrived(updates: Sequence[OnTheWay]) -> Iterator[tuple[int, Tensor]]:
    for number, update, work in updates:
        work.wait()
        yield number, update
