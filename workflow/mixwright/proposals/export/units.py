"""From tokens to the units that trainers draw, and back.

A unit is a sequence, a token, a document or a row. Rows are those of the data set that the trainer
reads: where they are packed, each holds one sequence.
"""

from mixwright.mixture import Array
from mixwright.proposals.export.blend import DOCUMENTS, ROWS, SEQUENCES, TOKENS, Blend, Budget, Size


def holds_sequence(unit: str, packed: bool) -> bool:
    """Whether a unit holds the tokens of one sequence: it is one, or a row of a packed data set."""
    return unit == SEQUENCES or (unit == ROWS and packed)


def tokens_a_unit(unit: str, size: Size, sequence: int | None, packed: bool) -> float | None:
    """Returns the tokens that a unit of a source holds; None where nobody knows.

    Sequences, and rows that are packed, hold `sequence` tokens each, or 1 where that is unknown:
    shares need no more.

    Args:
        unit: one of SEQUENCES, TOKENS, DOCUMENTS, ROWS.
        size: of the source.
        sequence: tokens of a sequence.
        packed: whether rows hold one sequence each.
    """
    if unit == TOKENS:
        return 1.0
    if holds_sequence(unit, packed):
        return float(sequence or 1)
    count = size.documents if unit == DOCUMENTS else size.rows
    if not count or not size.tokens:
        return None
    return size.tokens / count


def units_of(unit: str, size: Size, sequence: int | None, packed: bool) -> float | None:
    """Returns how many units a source holds; None where nobody knows."""
    if unit == DOCUMENTS:
        return size.documents
    if unit == ROWS and size.rows:
        return size.rows
    if size.tokens is None:
        return None
    if unit == TOKENS:
        return size.tokens
    if sequence is None or not holds_sequence(unit, packed):
        return None
    return size.tokens / sequence


def are_counted(units: Array) -> bool:
    """Whether units are numbers of units, and not shares of an unknown number."""
    return bool(units.sum() > 1 + 1e-6)


def sizes_of(blend: Blend, budget: Budget) -> list[Size]:
    """Returns the size of each entry, by its path; empty sizes where nobody knows."""
    return [budget.sizes.get(entry.path, Size()) for entry in blend.entries]


def all_units(unit: str, shares: Array, blend: Blend, budget: Budget) -> float | None:
    """Returns how many units the stage reads in all; None where nobody knows.

    Args:
        unit: that the trainer draws.
        shares: (entries,) of the units.
        blend: the entries.
        budget: tokens of the stage.
    """
    if budget.tokens is None:
        return None
    if budget.sequence is None and holds_sequence(unit, budget.packed):
        return None
    mean = 0.0
    for share, size in zip(shares.tolist(), sizes_of(blend, budget), strict=True):
        tokens = tokens_a_unit(unit, size, budget.sequence, budget.packed)
        if tokens is None:
            return None
        mean += share * tokens
    # zeros, of weights that no trainer takes
    return budget.tokens / mean if mean > 0 else None
