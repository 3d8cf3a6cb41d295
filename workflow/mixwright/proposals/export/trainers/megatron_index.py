"""The index by which Megatron blends sources, and what can go wrong when it is built.

    weights  are divided by their sum; sample k goes to the source that lags its share most
    sources  fewer than 32,767, with weights above 0
    ends     never: a source is prepared in whole passes, as many as its samples need
    surplus  each source is prepared for ceil(ceil(samples * share) * (1 + surplus)) samples. The
             index is ceil(samples * share) long, summed over the sources, and may ask for more of a
             source than was prepared: then Megatron stops with an IndexError
    none     without weights a source counts by its length, and is read once at most

Read in megatron-core 0.16.1 and 0.19.2, and Megatron-LM of August 2026:
megatron/core/datasets/blended_dataset.py, blended_megatron_dataset_builder.py, helpers.cpp and
gpt_dataset.py. NeMo Automodel 0.7.0 has a copy (components/datasets/llm/megatron/builder.py).
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.blend import (
    ENDS,
    REFUSED,
    REMARK,
    SEQUENCES,
    Blend,
    Budget,
    Drawn,
    Fault,
)
from mixwright.proposals.export.rules.arithmetic import (
    WALKED,
    deterministic,
    greedy,
    normalised,
    not_above_zero,
)
from mixwright.proposals.export.units import all_units, sizes_of, units_of

# Sources that the index takes.
MOST_SOURCES = 32_766
# Megatron's value of mid_level_dataset_surplus.
SURPLUS = 0.005
# The setting of a blend whose file has paths and no weights.
BY_LENGTH = "by_length"


def indexed(blend: Blend, budget: Budget, option: str) -> Drawn:
    """Returns what Megatron reads of a blend, and what it refuses.

    Args:
        blend: its settings are `surplus`, and BY_LENGTH where the file has no weights.
        budget: of the training.
        option: what the trainer calls the surplus.
    """
    faults = [*too_many(blend), *twice(blend)]
    if blend.settings.get(BY_LENGTH):
        return by_length(blend, budget, faults)
    faults += not_above_zero(blend, "Megatron")
    units = deterministic(SEQUENCES, blend, budget)
    if not faults:
        faults += oversampled(blend, budget, option)
    return Drawn(units, tuple(faults))


def too_many(blend: Blend) -> tuple[Fault, ...]:
    """Returns the fault of more sources than the index tells apart."""
    count = len(blend.entries)
    if count <= MOST_SOURCES:
        return ()
    message = f"{count:,} sources: Megatron takes {MOST_SOURCES:,} at most; join some"
    return (Fault(REFUSED, message),)


def twice(blend: Blend) -> tuple[Fault, ...]:
    """Returns a remark for each path that stands twice."""
    faults = []
    paths = [entry.path for entry in blend.entries]
    for path, count in Counter(paths).items():
        if count > 1:
            message = (
                f"{path} stands {count} times: each entry begins at its first document,"
                " so that text repeats; join the entries"
            )
            faults.append(Fault(REMARK, message))
    return tuple(faults)


def by_length(blend: Blend, budget: Budget, faults: Sequence[Fault]) -> Drawn:
    """Returns what Megatron reads of sources without weights: their lengths, once at most."""
    lengths = []
    for size in sizes_of(blend, budget):
        length = units_of(SEQUENCES, size, budget.sequence, budget.packed)
        lengths.append(length)
    # what is unknown becomes no number
    units = np.array(lengths, dtype=np.float64)
    message = "no weights stand there: Megatron reads each source in proportion to its length"
    remarks = [*faults, Fault(REMARK, message)]
    total = units.sum()
    wanted = all_units(SEQUENCES, units / total, blend, budget)
    if wanted is None or np.isnan(total):
        return Drawn(units, tuple(remarks))
    if wanted <= total or len(units) == 1:
        units = units / total * wanted
        return Drawn(units, tuple(remarks))
    part = total / wanted
    message = f"without weights no source repeats: the data end at {part:.1%} of the training"
    remarks.append(Fault(ENDS, f"{message}; give weights"))
    return Drawn(units, tuple(remarks))


def oversampled(blend: Blend, budget: Budget, option: str) -> tuple[Fault, ...]:
    """Returns the fault of an index that asks for more of a source than Megatron prepares.

    Where the size of the source is unknown it is a remark: a source is prepared in whole passes,
    which mostly leaves enough.
    """
    shares = normalised(blend)
    count = all_units(SEQUENCES, shares, blend, budget)
    if count is None:
        return ()
    samples = int(count)
    surplus = blend.settings.get("surplus", SURPLUS)
    needed = needed_surplus(shares, samples)
    if needed <= surplus:
        return ()
    wanted = most_asked(shares, samples)
    targets = np.ceil(samples * shares)
    prepared = np.ceil(targets * (1 + surplus))
    remedy = f"set {option} to {needed:g}"
    for place, size in enumerate(sizes_of(blend, budget)):
        length = float(prepared[place])
        kind = REMARK
        if size.tokens and budget.sequence:
            length = length_of_passes(size.tokens, budget.sequence, length)
            kind = REFUSED
        if wanted[place] > length:
            path = blend.entries[place].path
            message = f"the index asks for {wanted[place]:,.0f} sequences of {path}"
            message = f"{message}, and Megatron prepares {length:,.0f} (IndexError)"
            if kind == REMARK:
                message = f"{message}, or a few more"
            return (Fault(kind, f"{message}; {remedy}"),)
    return ()


def most_asked(shares: Array, samples: int) -> Array:
    """Returns (entries,) the most that the index asks of each source.

    It is exact for an index of up to WALKED samples. Of a longer one it is a bound: the last sample
    that a source gets is at a place k where k * share exceeds what it has.
    """
    targets = np.ceil(samples * shares)
    length = int(targets.sum())
    counts = greedy(shares, length)
    if length <= WALKED:
        return counts
    bound = np.floor(shares * (length - 1)) + 1
    return np.minimum(counts + 1, bound)


def needed_surplus(shares: Array, samples: int) -> float:
    """Returns the least mid_level_dataset_surplus that no index exceeds, in thousandths.

    It is at most (sources - 1) / samples, so that SURPLUS is enough from 200 samples a source on.

    Args:
        shares: (entries,) of the samples.
        samples: of the training.
    """
    if samples * SURPLUS >= len(shares) - 1:
        return SURPLUS
    targets = np.ceil(samples * shares)
    excess = most_asked(shares, samples) - targets
    # ceil(target * (1 + surplus)) must be target + excess
    surpluses = (excess - 1) / np.maximum(targets, 1)
    least = float(surpluses.max())
    if least < SURPLUS:
        return SURPLUS
    thousandths = math.floor(least * 1000) + 1
    return thousandths / 1000


def length_of_passes(tokens: float, sequence: int, samples: float) -> float:
    """Returns the sequences that Megatron prepares of a source: whole passes over it.

    Args:
        tokens: of the source.
        sequence: tokens of a sequence.
        samples: that are wanted at least.
    """
    wanted = samples * sequence + 1
    passes = math.ceil(wanted / tokens)
    prepared = max(passes, 1) * tokens
    return (prepared - 1) // sequence
