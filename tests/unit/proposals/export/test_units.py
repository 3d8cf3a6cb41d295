"""From tokens to what trainers draw, and back."""

import numpy as np
import pytest

from mixwright.proposals.export.blend import (
    DOCUMENTS,
    ROWS,
    SEQUENCES,
    TOKENS,
    Blend,
    Budget,
    Entry,
    Size,
)
from mixwright.proposals.export.units import all_units, tokens_a_unit, units_of

SIZE = Size(tokens=6e6, documents=2e3, rows=3e3)


@pytest.mark.parametrize(
    ("unit", "packed", "tokens", "units"),
    [
        (TOKENS, False, 1.0, 6e6),
        (SEQUENCES, False, 4096.0, 6e6 / 4096),
        (DOCUMENTS, False, 3e3, 2e3),
        (ROWS, False, 2e3, 3e3),
        # a packed row holds a sequence; how many rows there are is stated
        (ROWS, True, 4096.0, 3e3),
    ],
)
def test_a_source_in_units(unit, packed, tokens, units):
    assert tokens_a_unit(unit, SIZE, 4096, packed) == tokens
    assert units_of(unit, SIZE, 4096, packed) == units


@pytest.mark.parametrize("unit", [DOCUMENTS, ROWS])
def test_without_sizes_documents_and_rows_are_unknown(unit):
    assert tokens_a_unit(unit, Size(tokens=1e6), 4096, False) is None
    assert units_of(unit, Size(tokens=1e6), 4096, False) is None


def test_sequences_of_unknown_length_have_shares_alone():
    assert tokens_a_unit(SEQUENCES, Size(), None, False) == 1.0
    assert units_of(SEQUENCES, SIZE, None, False) is None


def test_a_stage_has_so_many_units_of_mean_length():
    blend = Blend((Entry("a", 1.0), Entry("b", 3.0)))
    sizes = {"a": Size(tokens=1e6, rows=1e3), "b": Size(tokens=1e6, rows=5e2)}
    shares = np.array([0.25, 0.75])
    budget = Budget(1.75e6, None, False, sizes)
    # rows of 1,000 and 2,000 tokens
    assert all_units(ROWS, shares, blend, budget) == pytest.approx(1_000)
    assert all_units(ROWS, shares, blend, Budget(None, None, False, sizes)) is None
    assert all_units(SEQUENCES, shares, blend, Budget(1e6, None)) is None
    assert all_units(SEQUENCES, shares, blend, Budget(1e6, 500)) == 2_000
