"""What all stages of a file draw of each source together, and counts turned into draws."""

from dataclasses import dataclass, field

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.base import Format
from mixwright.proposals.export.blend import TOKENS, Entry, Size
from mixwright.proposals.export.checks.checking import Check, Plan
from mixwright.proposals.export.units import are_counted, holds_sequence, tokens_a_unit


@dataclass(frozen=True)
class Drawings:
    """What a file draws of its sources in all stages."""

    # what the trainer draws
    unit: str
    entries: tuple[Entry, ...]
    # (entries,) units, or shares of an unknown number
    units: Array
    sizes: tuple[Size, ...]
    # (entries,) shares of the tokens that were asked; None where nobody asked
    requested: Array | None
    random: bool
    # units within which the shares hold at any time
    resolution: float
    plan: Plan

    @property
    def shares(self) -> Array:
        """(entries,) shares of the units."""
        shares: Array = self.units / self.units.sum()
        return shares

    def tokens_a(self, unit: str) -> Array | None:
        """Returns (entries,) tokens that a unit of each source holds; None where one is unknown."""
        values = []
        for size in self.sizes:
            tokens = tokens_a_unit(unit, size, self.plan.sequence, self.plan.packed)
            if tokens is None:
                return None
            values.append(tokens)
        return np.array(values)

    def draws_a_count(self, unit: str, where: str) -> Array:
        """Returns (entries,) draws that one of a table's counts stands for.

        Args:
            unit: of the counts.
            where: what messages call the table.

        Raises:
            MixwrightError: sizes lack that the conversion needs.
        """
        if unit == self.unit:
            return np.ones(len(self.entries))
        of_counts, of_draws = self.tokens_a(unit), self.tokens_a(self.unit)
        if of_counts is None or of_draws is None:
            raise MixwrightError(
                f"{where}: it counts {unit} and the trainer draws {self.unit}; give `tokens:` and"
                f" `{self.unit}:` of every source in --sizes, or count {self.unit}"
            )
        return of_counts / of_draws

    def has_known_draws(self, unit: str) -> bool:
        """Whether counts of this unit say how many draws there were."""
        if self.unit != TOKENS and unit == self.unit:
            return True
        if self.plan.sequence is not None:
            return True
        # a trainer of tokens takes them in sequences
        if unit == TOKENS and self.unit == TOKENS:
            return False
        return not any(holds_sequence(name, self.plan.packed) for name in (unit, self.unit))


@dataclass
class _Sums:
    """Sums over stages, by path."""

    entries: dict[str, Entry] = field(default_factory=dict)
    sizes: dict[str, Size] = field(default_factory=dict)
    units: dict[str, float] = field(default_factory=dict)
    # tokens that were asked
    requested: dict[str, float] = field(default_factory=dict)


def drawings_of(trainer: Format, checked: Check, plan: Plan) -> Drawings:
    """Adds up what the stages of a file draw.

    Raises:
        MixwrightError: nothing is drawn, or there are several stages, and what one draws is
            unknown.
    """
    sums = _Sums()
    total = 0.0
    unit = trainer.unit_of(checked.blends[0].settings)
    for stage, budget in zip(checked.accounts, checked.budgets, strict=True):
        counted = budget.tokens is not None and are_counted(stage.drawn.units)
        if len(checked.accounts) > 1 and not counted:
            raise MixwrightError(
                f"--observed: how many {unit} stage {stage.stage} has is unknown;"
                " give --tokens, --sequence and sizes"
            )
        total += budget.tokens or 1.0
    for place in range(len(checked.accounts)):
        _add(sums, checked, place)
    if not any(sums.units.values()):
        raise MixwrightError(
            "--observed: by the file nothing is read, so that counts cannot be compared with it;"
            " check it without --observed"
        )
    requested = None
    if sums.requested:
        tokens = [sums.requested.get(path, 0.0) for path in sums.entries]
        requested = np.array(tokens) / total
    return Drawings(
        unit=unit,
        entries=tuple(sums.entries.values()),
        units=np.array(list(sums.units.values())),
        sizes=tuple(sums.sizes.values()),
        requested=requested,
        random=any(stage.random for stage in checked.accounts),
        resolution=sum(stage.drawn.resolution for stage in checked.accounts),
        plan=plan,
    )


def _add(sums: _Sums, checked: Check, place: int) -> None:
    """Adds a stage to the sums."""
    budget = checked.budgets[place]
    stage = checked.accounts[place]
    tokens = budget.tokens or 1.0
    entries = checked.blends[place].entries
    units = stage.drawn.units.tolist()
    for entry, line, number in zip(entries, stage.lines, units, strict=True):
        path = entry.path
        sums.entries[path] = entry
        sums.sizes[path] = budget.sizes.get(path, Size())
        sums.units[path] = sums.units.get(path, 0.0) + number
        if line.requested is not None:
            asked_tokens = tokens * line.requested
            sums.requested[path] = sums.requested.get(path, 0.0) + asked_tokens
