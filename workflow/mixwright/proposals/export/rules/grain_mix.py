"""Grain's deterministic interleaving, which MaxText and torchtitan use too.

    number  a weight above 0; the least is scaled to 100, and the others are cut to whole numbers
    index   deterministic: element k comes from one source, whatever the data

Read in grain 0.2.18: grain/_src/python/dataset/transformations/mix.py
(_float_to_int_proportions, _dataset_and_key_of_next_element).
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.blend import REFUSED, Blend, Budget, Fault
from mixwright.proposals.export.rules.arithmetic import not_above_zero
from mixwright.proposals.export.units import all_units

# What the least number is scaled to.
LEAST = 100


def proportions(numbers: Sequence[float]) -> list[int]:
    """Returns (entries,) whole proportions of numbers above 0."""
    scale = LEAST / min(numbers)
    return [int(number * scale) for number in numbers]


def whole_numbers(shares: Array) -> Array:
    """Returns (sources,) whole numbers that Grain leaves as they are: the least share becomes 100.

    A number is within one half of its share, so a ratio of two is within one half of a percent.
    """
    above = shares > 0
    numbers = np.zeros(len(shares))
    numbers[above] = np.rint(shares[above] / shares[above].min() * LEAST)
    return numbers


def first_elements(whole: Sequence[int], elements: int) -> list[int]:
    """Returns (entries,) how many of the first `elements` come from each source."""
    counts = []
    left = elements
    remaining = sum(whole)
    for proportion in whole:
        others = left * (remaining - proportion) // remaining
        counts.append(left - others)
        left = others
        remaining -= proportion
    return counts


def interleaved(unit: str, blend: Blend, budget: Budget, ranks: int = 1) -> Array:
    """Returns (entries,) units that Grain reads; shares, where their number is unknown.

    An entry whose number is not above 0 gets none: Grain refuses it.

    Args:
        unit: that is drawn.
        blend: the entries.
        budget: tokens of the stage.
        ranks: processes, each of which interleaves for itself.
    """
    units = np.zeros(len(blend.entries))
    places = positive(blend)
    if not places:
        return units
    entries = tuple(blend.entries[place] for place in places)
    part = replace(blend, entries=entries)
    whole = proportions([entry.number for entry in entries])
    shares = np.array(whole) / sum(whole)
    count = all_units(unit, shares, part, budget)
    if count is None:
        units[places] = shares
        return units
    of_a_rank = int(count) // ranks
    units[places] = first_elements(whole, of_a_rank)
    return units * ranks


def positive(blend: Blend) -> list[int]:
    """Returns the places of the entries whose number is finite and above 0."""
    places = []
    for place, entry in enumerate(blend.entries):
        if 0 < entry.number < math.inf:
            places.append(place)
    return places


def refused(blend: Blend, trainer: str) -> list[Fault]:
    """Returns a fault for each entry whose number Grain refuses."""
    faults = list(not_above_zero(blend, trainer))
    for entry in blend.entries:
        if entry.number == math.inf:
            message = f"{entry.path} has no finite number; give it one"
            faults.append(Fault(REFUSED, message))
    return faults


def remedy(unit: str, blend: Blend, lost: Sequence[str], ranks: int = 1) -> str:
    """Returns the sentence on the units from which Grain reads every lost source."""
    count = elements_that_keep(blend, lost) * ranks
    return f"a training of {count:,} {unit} or more reads all of them"


def elements_that_keep(blend: Blend, lost: Sequence[str]) -> int:
    """Returns the least number of elements among which every lost source is."""
    places = positive(blend)
    whole = proportions([blend.entries[place].number for place in places])
    wanted = []
    for order, place in enumerate(places):
        if blend.entries[place].path in lost:
            wanted.append(order)

    def holds(elements: int) -> bool:
        counts = first_elements(whole, elements)
        return all(counts[order] > 0 for order in wanted)

    enough = 1
    while not holds(enough):
        enough *= 2
    least = enough // 2
    while enough - least > 1:
        middle = (enough + least) // 2
        if holds(middle):
            enough = middle
        else:
            least = middle
    return enough
