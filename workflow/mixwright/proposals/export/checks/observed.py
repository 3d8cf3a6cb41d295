"""What a trainer really consumed, beside what its file says is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.account import any_faulty
from mixwright.proposals.export.blend import CHANGED, LOST, REMARK, SEQUENCES, TOKENS, Fault
from mixwright.proposals.export.checks.drawings import Drawings
from mixwright.proposals.export.checks.matching import names_of
from mixwright.proposals.export.inputs.counts import Counts
from mixwright.proposals.export.units import are_counted

# A source drawn at random may be off by so many standard errors of a binomial. Where hardly a draw
# is expected the binomial is lopsided: one draw more is allowed.
MOST_ERRORS = 4.0
# Where draws are unknown a share may be off by this part of it, and of the whole.
COARSE, COARSE_WHOLE = 0.1, 0.001
RANDOM = "standard errors"


@dataclass(frozen=True)
class Observation:
    """A source: what was asked, what the file draws and what was consumed."""

    path: str
    # shares of the tokens, or of the trainer's units where those cannot be converted
    requested: float | None
    expected: float
    observed: float
    # from what is expected, in the comparison's unit; None where draws are unknown
    difference: float | None


@dataclass(frozen=True)
class Comparison:
    """A line a source, and where something else was consumed than the file draws."""

    lines: tuple[Observation, ...]
    faults: tuple[Fault, ...]
    # of the differences: standard errors of random draws, or units of a trainer that keeps to its
    # shares
    unit: str

    @property
    def is_faulty(self) -> bool:
        """Whether something goes wrong that is more than a remark."""
        return any_faulty(self.faults)


def compare(drawings: Drawings, counts: Counts) -> Comparison:
    """Returns what was consumed beside what a file draws.

    Args:
        drawings: of all stages of the file.
        counts: what was consumed in all stages together.

    Raises:
        MixwrightError: counts cannot be converted, or name no source of the file.
    """
    consumed, faults = _consumed(drawings, counts)
    factors = drawings.draws_a_count(counts.unit, counts.where)
    drawn = consumed * factors
    total = float(drawn.sum())
    expected = drawings.shares * total
    step = _step(drawings, expected)
    tolerance = _tolerance(drawings, step, total)
    if not drawings.has_known_draws(counts.unit):
        step = np.zeros(len(expected))
        tolerance = np.maximum(COARSE * expected, COARSE_WHOLE * total)
        faults.append(_unknown_draws(drawings, counts))
    differences = drawn - expected
    lines = []
    for place, entry in enumerate(drawings.entries):
        line = Observation(
            path=entry.path,
            requested=_at(drawings.requested, place),
            expected=_share(drawings, expected, place),
            observed=_share(drawings, drawn, place),
            difference=_in_steps(differences, step, place),
        )
        lines.append(line)
        if abs(differences[place]) > tolerance[place]:
            faults.append(_differs(line, drawings))
    return Comparison(tuple(lines), tuple(faults), _unit(drawings))


def _at(values: Array | None, place: int) -> float | None:
    if values is None:
        return None
    return float(values[place])


def _in_steps(differences: Array, step: Array, place: int) -> float | None:
    """A difference in steps; None where the size of a step is unknown."""
    if not step[place]:
        return None
    return float(differences[place] / step[place])


def _unit(drawings: Drawings) -> str:
    """The unit of differences."""
    if drawings.random:
        return RANDOM
    if drawings.unit == TOKENS:
        return SEQUENCES
    return drawings.unit


def _consumed(drawings: Drawings, counts: Counts) -> tuple[Array, list[Fault]]:
    """Returns (entries,) counts, and faults that name sources that are missing or not expected."""
    consumed = np.zeros(len(drawings.entries))
    faults = []
    left = dict(counts.of_source)
    named = _named(drawings, left)
    for place, entry in enumerate(drawings.entries):
        for name in named[place]:
            consumed[place] += left.pop(name)
        if not named[place] and drawings.units[place] > 0:
            message = f"{entry.path} does not stand in {counts.where}: it counts as 0"
            faults.append(Fault(REMARK, message))
    for name, count in left.items():
        _refuse_domain(name, drawings, counts.where)
        message = f"{name} does not stand in the file, and {count:,.0f} {counts.unit} of it"
        message = f"{message} were consumed; correct its name, or look for another file"
        faults.append(Fault(CHANGED, message))
    if not consumed.sum() > 0:
        known = drawings.entries[0].path
        raise MixwrightError(
            f"{counts.where}: it names no source of the file; call them as the file does: {known}"
        )
    return consumed, faults


def _named(drawings: Drawings, counts: Mapping[str, float]) -> list[list[str]]:
    """Returns a list an entry: what a table calls it, by its path, or the rest of its names.

    A table may count the files of an entry one by one.
    """
    paths = {entry.path for entry in drawings.entries}
    named = []
    for entry in drawings.entries:
        names = []
        for name in names_of(entry, drawings.plan.sources):
            # the path of an entry is no name of another one
            if name in counts and (name == entry.path or name not in paths):
                names.append(name)
        paths.update(names)
        named.append(names)
    return named


def _refuse_domain(name: str, drawings: Drawings, where: str) -> None:
    """Refuses counts of a domain of several sources, of which nobody knows the parts.

    Raises:
        MixwrightError: the name is one.
    """
    paths = [source.path for source in drawings.plan.sources if source.domain == name]
    if len(paths) > 1:
        raise MixwrightError(
            f"{where}: {name} has several sources; count each by itself: {', '.join(paths)}"
        )


def _step(drawings: Drawings, expected: Array) -> Array:
    """Returns (entries,) draws: the standard error of random ones, or the smallest step.

    Tokens come in sequences.
    """
    if drawings.random:
        return np.sqrt(expected * (1 - drawings.shares))
    if drawings.unit == TOKENS:
        return np.full(len(expected), float(drawings.plan.sequence or 1))
    return np.ones(len(expected))


def _tolerance(drawings: Drawings, step: Array, total: float) -> Array:
    """Returns (entries,) draws by which a source may be off.

    What is planned of a trainer that keeps to its shares is rounded to a unit too.
    """
    if drawings.random:
        return MOST_ERRORS * step + 1
    steps = drawings.resolution
    if are_counted(drawings.units):
        steps += total / float(drawings.units.sum())
    return steps * step


def _share(drawings: Drawings, draws: Array, place: int) -> float:
    """Returns the share of a source in the tokens of draws; in draws where those are unknown."""
    held = drawings.tokens_a(drawings.unit)
    if held is not None:
        draws = draws * held
    return float(draws[place] / draws.sum())


def _unknown_draws(drawings: Drawings, counts: Counts) -> Fault:
    message = (
        f"the counts are {counts.unit}, and how many {drawings.unit} were drawn is unknown: shares"
        f" are compared to within a tenth; give --sequence, or count {drawings.unit}"
    )
    return Fault(REMARK, message)


def _differs(line: Observation, drawings: Drawings) -> Fault:
    """The fault of a source of which something else was consumed than is drawn."""
    kind = CHANGED if line.observed else LOST
    by_chance = "chance, or the rounding of the trainer, does not explain it"
    message = f"{line.path}: {line.expected:.4%} is drawn and {line.observed:.4%} was consumed"
    if line.difference is not None:
        message = f"{message} ({line.difference:+,.1f} {_unit(drawings)})"
    return Fault(kind, f"{message}; {by_chance}: was another file, seed or data set trained on?")
