"""Pairs of values in the same and in the opposite order in two lists, counted by merging.

All pairs at once would take a table of the square of their number: 10,000 values, 800 MB.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mixwright.mixture import Array


@dataclass(frozen=True)
class Pairs:
    """How many pairs of values are ordered how in two lists."""

    # ordered in both lists, alike and in opposite directions
    concordant: int
    discordant: int
    # ordered in the first list and equal in the second, and the other way round
    equal_second: int
    equal_first: int

    @classmethod
    def of(cls, first: Array, second: Array) -> "Pairs":
        """Counts the pairs of two lists (values,), in n log^2 n steps."""
        a = _ranks(first)
        b = _ranks(second)
        order = np.lexsort((b, a))
        values = len(order)
        everything = values * (values - 1) // 2
        ties_first = _ties(a)
        ties_second = _ties(b)
        both = a * values + b
        ties_both = _ties(both)
        tied = ties_first + ties_second - ties_both
        ordered = everything - tied
        discordant = _inversions(b[order])
        return cls(
            concordant=ordered - discordant,
            discordant=discordant,
            equal_second=ties_second - ties_both,
            equal_first=ties_first - ties_both,
        )

    @property
    def tau(self) -> float:
        """Kendall's tau-b, from -1 to 1; 0 where a list is constant."""
        ordered = self.concordant + self.discordant
        first = float(ordered + self.equal_second)
        scale = sqrt(first * (ordered + self.equal_first))
        if scale == 0:
            return 0.0
        return (self.concordant - self.discordant) / scale

    @property
    def right(self) -> float:
        """Share of the pairs that differ in the first list and are alike in the second.

        Equal values in the second count one half; a half where the first is constant.
        """
        differ = self.concordant + self.discordant + self.equal_second
        if not differ:
            return 0.5
        return (self.concordant + 0.5 * self.equal_second) / differ


def _ranks(values: Array) -> NDArray[np.int64]:
    """Values as whole numbers from 0, equal where the values are."""
    _, ranks = np.unique(np.asarray(values), return_inverse=True)
    return ranks.astype(np.int64)


def _ties(numbers: NDArray[np.int64]) -> int:
    """Pairs of equal numbers."""
    _, sizes = np.unique(numbers, return_counts=True)
    pairs = sizes * (sizes - 1) // 2
    return int(pairs.sum())


def _inversions(numbers: NDArray[np.int64]) -> int:
    """Pairs in which the greater number comes first, by merging blocks of twice the size."""
    count = 0
    width = 1
    values = len(numbers)
    place = np.arange(values)
    step = int(numbers.max(initial=0)) + 1
    while width < values:
        block = place // width
        pair = block // 2
        right = block % 2 == 1
        keys = pair * step + numbers
        before = np.sort(keys[~right])
        after = keys[right]
        not_greater = np.searchsorted(before, after, side="right")
        end = step * (pair[right] + 1)
        ends = np.searchsorted(before, end, side="left")
        greater = ends - not_greater
        count += int(greater.sum())
        width *= 2
    return count
