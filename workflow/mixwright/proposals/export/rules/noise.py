"""What chance adds to the shares of a trainer that draws its sources at random."""

import math

from mixwright.mixture import Array
from mixwright.proposals.export.blend import REMARK, Blend, Fault
from mixwright.proposals.export.units import are_counted

# A standard error that is larger, as a part of what is expected, is worth a sentence.
SCATTER = 0.05


def standard_error(expected: float, draws: float, streams: int) -> float:
    """Returns the binomial standard error of the draws of a source.

    Args:
        expected: draws of the source.
        draws: of all sources.
        streams: ranks or workers that repeat one sequence of sources, as they share a seed.
    """
    share = expected / draws
    return math.sqrt(streams * expected * (1 - share))


def scatter(blend: Blend, units: Array, unit: str, streams: int = 1) -> tuple[Fault, ...]:
    """Returns a remark for each source whose number of draws is a matter of chance.

    Args:
        blend: the entries.
        units: (entries,) expected draws; shares, where the number of draws is unknown.
        unit: that is drawn.
        streams: ranks or workers that repeat one sequence of sources.
    """
    draws = float(units.sum())
    if not are_counted(units):
        return ()
    faults = []
    for entry, expected in zip(blend.entries, units.tolist(), strict=True):
        if not 0 < expected < draws:
            continue
        error = standard_error(expected, draws, streams)
        if error <= SCATTER * expected:
            continue
        message = (
            f"{entry.path}: {expected:.4g} {unit} are expected, and chance moves that by"
            f" {error:.2g} (a standard error)"
        )
        never = (1 - expected / draws) ** (draws / streams)
        if never > 0.01:
            message += f"; it is never read in {never:.0%} of trainings"
        faults.append(Fault(REMARK, message))
    return tuple(faults)
