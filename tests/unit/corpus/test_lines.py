import numpy as np
import pytest

from mixwright.corpus.lines import SMALLEST, LineTable, long_lines, without_lines


def test_a_table_holds_what_was_added():
    draw = np.random.default_rng(0)
    table = LineTable()
    before = np.zeros(0, np.uint64)
    for _ in range(40):
        hashes = np.unique(draw.integers(0, 2**64, 5_000, np.uint64))
        assert not table.has(hashes).any()
        table.add(hashes)
        before = np.concatenate([before, hashes])
        assert table.has(before).all()
    assert not table.has(draw.integers(0, 2**64, 5_000, np.uint64)).any()


def test_hashes_that_want_one_place_find_others():
    table = LineTable()
    hashes = np.arange(1, 2_000, dtype=np.uint64) * np.uint64(SMALLEST)
    table.add(np.concatenate([[np.uint64(0)], hashes]))
    assert table.has(hashes).all() and table.has(np.zeros(1, np.uint64)).all()
    assert not table.has(hashes + np.uint64(1)).any()


def test_a_full_table_remembers_the_first_lines():
    table = LineTable(largest=SMALLEST)
    hashes = np.random.default_rng(1).integers(2, 2**64, SMALLEST, np.uint64)
    for part in np.split(hashes, 8):
        table.add(part)
    known = table.has(hashes)
    assert known[: SMALLEST * 2 // 3].all()
    assert not known[SMALLEST * 2 // 3 + 1 :].any()


@pytest.mark.parametrize("lines", [10_000_000])
def test_ten_million_lines_have_bounded_memory(lines):
    table = LineTable()
    for first in range(0, lines, 1_000_000):
        numbers = np.arange(first + 1, first + 1_000_001, dtype=np.uint64)
        table.add(numbers * np.uint64(0x9E3779B97F4A7C15))
    assert table._places.nbytes <= 2**27


def test_lines_are_compared_without_the_space_around_them():
    text = (
        "  a line that is long enough\nshort\n\ta line that is long enough \u3000\nand another one"
    )
    first, second, third = long_lines(text, 12)
    assert first == second != third
    dropped = without_lines(text, 12, [False, True, False])
    assert dropped == "  a line that is long enough\nshort\nand another one"
    assert without_lines(text, 12, [True] * 3) == "short"
    assert long_lines("é" * 12, 12) and not long_lines("é" * 11, 12)
