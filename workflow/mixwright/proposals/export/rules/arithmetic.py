"""The rules by which trainers turn numbers of a file into what they read."""

import math
from collections.abc import Collection
from functools import lru_cache

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.blend import (
    CHANGED,
    ENDS,
    LOST,
    REFUSED,
    Blend,
    Budget,
    Fault,
)
from mixwright.proposals.export.units import all_units, are_counted, sizes_of, units_of

# Samples of an index that is walked through; it takes a second.
WALKED = 300_000
# Of so many entries, lists are as fast as arrays.
FEW = 12
# numpy's Generator.choice and datasets refuse probabilities whose sum is off by more.
SUM_OF_CHOICE = float(np.sqrt(np.finfo(np.float64).eps))
# A share that is off by more, and by more than one unit, is not what the file seems to say.
FAR = 0.1


def numbers_of(blend: Blend) -> Array:
    """Returns (entries,) numbers of a blend."""
    return np.array([entry.number for entry in blend.entries], dtype=np.float64)


def normalised(blend: Blend) -> Array:
    """Returns (entries,) numbers divided by their sum; zeros where the sum is no number above 0."""
    numbers = numbers_of(blend)
    total = numbers.sum()
    if not (np.isfinite(total) and total > 0):
        return np.zeros(len(numbers))
    return numbers / total


def not_above_zero(blend: Blend, trainer: str) -> tuple[Fault, ...]:
    """Returns a fault for each entry whose number is not above 0, of a trainer that refuses it."""
    faults = []
    for entry in blend.entries:
        if not entry.number > 0:
            message = f"{entry.path} has {entry.number:g}: {trainer} takes numbers above 0 alone"
            faults.append(Fault(REFUSED, f"{message}; leave the source out"))
    return tuple(faults)


def greedy(shares: Array, samples: int) -> Array:
    """Returns (entries,) samples of Megatron's deterministic index.

    Sample k goes to the first entry with the greatest share * max(k, 1) - taken
    (megatron/core/datasets/helpers.cpp, build_blending_indices). mixwright's own rule has k + 1 in
    that place, so Megatron turns to a tiny share sooner.

    An index of up to WALKED samples is exact, sample by sample. A longer one is walked so far; past
    that it is each share rounded to whole samples, which is within about one of the index. A share
    of under half a sample then counts as none, though the index may read it once.
    """
    counts = _walked(tuple(shares.tolist()), min(samples, WALKED))
    walked = np.array(counts, dtype=np.float64)
    if samples <= WALKED:
        return walked
    rounded = largest_remainder(shares, samples)
    return np.maximum(walked, rounded)


# An export asks several times for the same index.
@lru_cache(maxsize=16)
def _walked(shares: tuple[float, ...], samples: int) -> tuple[int, ...]:
    """Returns what each entry has after so many samples of the index."""
    if len(shares) > FEW:
        return _walked_by_arrays(np.array(shares), samples)
    taken = [0] * len(shares)
    for sample in range(samples):
        position = float(max(sample, 1))
        errors = [share * position - count for share, count in zip(shares, taken, strict=True)]
        lagging = errors.index(max(errors))
        taken[lagging] += 1
    return tuple(taken)


def _walked_by_arrays(shares: Array, samples: int) -> tuple[int, ...]:
    taken = np.zeros(len(shares))
    errors = np.empty(len(shares))
    for sample in range(samples):
        np.multiply(shares, float(max(sample, 1)), out=errors)
        np.subtract(errors, taken, out=errors)
        taken[errors.argmax()] += 1
    return tuple(taken.astype(int).tolist())


def largest_remainder(shares: Array, total: int) -> Array:
    """Returns (entries,) whole numbers that sum to `total`, each within 1 of its share of it."""
    exact = shares * total
    counts = np.floor(exact)
    order = np.argsort(counts - exact, kind="stable")
    counts[order[: total - int(counts.sum())]] += 1
    return counts


def deterministic(unit: str, blend: Blend, budget: Budget) -> Array:
    """Returns (entries,) units of a trainer that normalises and keeps to its shares exactly.

    They are shares where the number of units is unknown.
    """
    shares = normalised(blend)
    count = all_units(unit, shares, blend, budget)
    if count is None:
        return shares
    # the sum of shares may be a hair under 1
    return greedy(shares, int(count + 1e-6))


def blocks(shares: Array, block: int) -> Array:
    """Returns (entries,) units of a block: each share floored, the rest to the largest share.

    It is Levanter's rule (levanter/data/mixture.py, 0.2.20.dev): the largest is the first of the
    largest counts.
    """
    counts = np.floor(shares * block)
    counts[int(counts.argmax())] += block - counts.sum()
    return counts


def expected(unit: str, blend: Blend, budget: Budget) -> Array:
    """Returns (entries,) expected units of a trainer that draws at random by normalised numbers.

    They are shares where the number of units is unknown.
    """
    shares = normalised(blend)
    count = all_units(unit, shares, blend, budget)
    return shares if count is None else shares * count


def first_exhausted(unit: str, units: Array, blend: Blend, budget: Budget) -> tuple[Fault, ...]:
    """Returns the fault of a trainer that stops when the first source is used up.

    Args:
        unit: that is drawn.
        units: (entries,) of the whole stage.
        blend: the entries.
        budget: what there is of each source.
    """
    least = 1.0
    ending = ""
    for entry, count, size in zip(
        blend.entries, units.tolist(), sizes_of(blend, budget), strict=True
    ):
        most = units_of(unit, size, budget.sequence, budget.packed)
        if most is not None and count > 0 and most / count < least:
            least = most / count
            ending = entry.path
    if not ending:
        return ()
    message = (
        f"the training ends at {least:.1%} of its tokens, when {ending} is used up"
        " (the trainer stops at the first source that ends)"
    )
    return (Fault(ENDS, f"{message}; lower its weight, or let sources repeat"),)


def last_exhausted(
    unit: str,
    units: Array,
    blend: Blend,
    budget: Budget,
    remedy: str = "let sources repeat, or find more of them",
) -> tuple[Fault, ...]:
    """Returns the fault of a trainer that stops when every source was used up once.

    There is none where a size is unknown.

    Args:
        unit: that is drawn.
        units: (entries,) of the whole stage.
        blend: the entries.
        budget: what there is of each source.
        remedy: what a user can do.
    """
    last = 0.0
    sizes = sizes_of(blend, budget)
    for count, size in zip(units.tolist(), sizes, strict=True):
        most = units_of(unit, size, budget.sequence, budget.packed)
        if most is None or count == 0:
            return ()
        last = max(last, most / count)
    if last >= 1:
        return ()
    message = f"the training ends at {last:.1%} of its tokens, when every source was used up once"
    return (Fault(ENDS, f"{message}; {remedy}"),)


def never_drawn(blend: Blend, units: Array) -> tuple[Fault, ...]:
    """Returns a fault for each entry with a number above 0 of which nothing is read."""
    faults = []
    for entry, count in zip(blend.entries, units.tolist(), strict=True):
        if entry.number > 0 and count == 0:
            faults.append(Fault(LOST, f"{entry.path} ({entry.number:g}) is never read"))
    return tuple(faults)


def units_that_keep(blend: Blend, lost: Collection[str]) -> int | None:
    """Returns the units of which each lost source has one by its share; None where it has none.

    Args:
        blend: the entries.
        lost: their paths.
    """
    of_lost = []
    for entry, share in zip(blend.entries, normalised(blend).tolist(), strict=True):
        if entry.path in lost and share > 0:
            of_lost.append(share)
    if not of_lost:
        return None
    return math.ceil(1 / min(of_lost))


def longer_training(unit: str, blend: Blend, lost: Collection[str]) -> str:
    """Returns the sentence on the units from which a training reads every lost source."""
    count = units_that_keep(blend, lost)
    if count is None:
        return ""
    return f"a training of {count:,} {unit} or more reads all of them"


def changed(blend: Blend, units: Array, why: str) -> tuple[Fault, ...]:
    """Returns a fault for each entry whose share of the units is far from its number's.

    Args:
        blend: the entries.
        units: (entries,) that are read, or shares of them.
        why: the reason and the remedy.
    """
    total = float(units.sum())
    if total == 0:
        return ()
    # Shares alone have no unit to be rounded to.
    rounding = 1 / total if are_counted(units) else 0.0
    faults = []
    shares = units / total
    for entry, wanted, share in zip(
        blend.entries, normalised(blend).tolist(), shares.tolist(), strict=True
    ):
        off = abs(share - wanted)
        if share > 0 and off > FAR * wanted and off > rounding * (1 + 1e-9):
            message = f"{entry.path}: the numbers say {wanted:.3g}, and {share:.3g} is read"
            faults.append(Fault(CHANGED, f"{message}: {why}"))
    return tuple(faults)


def is_sum_one(blend: Blend) -> bool:
    """Whether the numbers sum to 1 as closely as numpy's Generator.choice asks."""
    return bool(abs(numbers_of(blend).sum() - 1) <= SUM_OF_CHOICE)
