"""What goes wrong with a source mixture of OLMo-core.

Read in ai2-olmo-core 3.0.0: olmo_core/data/source_mixture.py.
"""

import numpy as np

from mixwright.mixture import Array
from mixwright.proposals.export.blend import CHANGED, LOST, REFUSED, Blend, Budget, Fault
from mixwright.proposals.export.rules.arithmetic import numbers_of
from mixwright.proposals.export.trainers.olmo_rule import tokens_of_files


def faults_of_ratios(blend: Blend) -> list[Fault]:
    """Returns the faults of ratios that the trainer refuses."""
    faults = []
    total = numbers_of(blend).sum()
    if not np.allclose(total, 1.0):
        message = f"the ratios sum to {total:.9g}: OLMo-core wants 1; divide them by it"
        faults.append(Fault(REFUSED, message))
    for entry in blend.entries:
        if entry.number < 0:
            message = f"{entry.path} has {entry.number:g}; give it a share from 0 on"
            faults.append(Fault(REFUSED, message))
    return faults


def same_names(blend: Blend) -> list[Fault]:
    """Returns a fault for each name that stands more than once."""
    names = _names(blend)
    faults = []
    for name in dict.fromkeys(names):
        times = names.count(name)
        if times > 1:
            message = (
                f"{name} stands {times} times: OLMo-core reads the last one alone;"
                " give every source a name of its own"
            )
            faults.append(Fault(CHANGED, message))
    return faults


def last_of_a_name(blend: Blend, units: Array) -> Array:
    """Returns (entries,) units without those of names that come again."""
    names = _names(blend)
    result = units.copy()
    for place, name in enumerate(names):
        later = names[place + 1 :]
        if name in later:
            result[place] = 0
    return result


def _names(blend: Blend) -> list[str]:
    return [entry.path for entry in blend.entries]


def too_small(
    blend: Blend,
    budget: Budget,
    requested: int,
) -> list[Fault]:
    """Returns faults of sources that have too few tokens, or files shorter than a sequence."""
    faults = []
    for entry in blend.entries:
        files = tokens_of_files(entry, budget)
        tokens = sum(files)
        most = tokens * entry.settings.get("max_source_fraction", 1.0)
        most = int(most * entry.settings.get("max_repetition_ratio", 1.0))
        wanted = int(requested * entry.number)
        if most < wanted:
            times = wanted / max(tokens, 1)
            message = (
                f"{entry.path} has {most:,} tokens to give, and {wanted:,} are wanted;"
                f" raise max_repetition_ratio to {times:,.4g} or more, if it may repeat"
            )
            faults.append(Fault(REFUSED, message))
        longest = max(files)
        if entry.number > 0 and longest < (budget.sequence or 1):
            message = (
                f"{entry.path} ({entry.number:g}) is never read:"
                " its files are shorter than a sequence; join them"
            )
            faults.append(Fault(LOST, message))
    return faults
