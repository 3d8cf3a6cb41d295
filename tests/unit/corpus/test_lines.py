import random

import numpy as np
import pytest

from mixwright.corpus.lines import BLOCK, SMALLEST, LineTable, long_lines, without_lines


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
    lines = long_lines([text], 12)
    first, second, third = lines.hashes.tolist()
    assert first == second != third
    dropped = without_lines(text, lines.starts[1:2], lines.ends[1:2])
    assert dropped == "  a line that is long enough\nshort\nand another one"
    assert without_lines(text, lines.starts, lines.ends) == "short"
    assert len(long_lines(["é" * 12, "é" * 11], 12).hashes) == 1
    assert not len(long_lines([text], 0).hashes)


def test_long_lines_are_those_of_a_plain_loop():
    # Lines of all lengths, white space of several kinds, texts of several blocks.
    draw = random.Random(0)
    texts = [_text(draw, draw.choice([0, 1, 10, 4_000])) for _ in range(60)]
    texts += ["", "\n", " \n\u3000\n", "x" * (BLOCK + 9), f"y\n\t{'é ' * BLOCK}\nz" + " " * BLOCK]
    for min_line in (1, 5, 40):
        lines = long_lines(texts, min_line)
        places = zip(
            lines.numbers.tolist(), lines.starts.tolist(), lines.ends.tolist(), strict=True
        )
        assert list(places) == list(_plain_lines(texts, min_line))
        bare = []
        for number, start, end in _plain_lines(texts, min_line):
            bare.append(texts[number][start:end].strip())
        hashes = lines.hashes.tolist()
        assert len(set(zip(hashes, bare, strict=True))) == len(set(hashes)) == len(set(bare))


@pytest.mark.parametrize("space", [0, 30, BLOCK])
@pytest.mark.parametrize("length", [50, BLOCK, BLOCK + 1])
def test_a_line_is_the_same_wherever_it_stands(length, space):
    line = "ab" * (length // 2)
    texts = [line, "é\n" + " " * space + line, f"{line}{' ' * space}\nshort", "b\n" * BLOCK + line]
    assert len(set(long_lines(texts, 40).hashes.tolist())) == 1


def _text(draw: random.Random, lines: int) -> str:
    """Some lines, of few letters so that some are equal."""
    words = []
    for _ in range(lines):
        letters = draw.choice(["ab", "ab ", "abé \t\x1c\x85\u3000", "ab\0\x08\r"])
        length = draw.choice([0, 1, 4, 5, 6, 39, 40, 41, 90])
        words.append("".join(draw.choices(letters, k=length)))
    return "\n".join(words)


def _plain_lines(texts, min_line):
    """Text, start and end of each long line."""
    for number, text in enumerate(texts):
        start = 0
        for line in text.split("\n"):
            if len(line.strip()) >= min_line:
                yield number, start, start + len(line)
            start += len(line) + 1
