import random
from pathlib import Path

import pytest

from mixwright.corpus import order
from mixwright.corpus.order import Buckets, Entry, Lowest


def entries(count: int, seed: int = 0) -> list[Entry]:
    """Documents of which some have one hash, and some have tokens."""
    draw = random.Random(seed)
    listed = []
    for number in range(count):
        key = draw.randbytes(16)
        if number % 7 == 0 and listed:
            key = draw.choice(listed).key
        elif number % 5 == 0:
            key = b"\0\0" + key[2:]
        tokens = draw.choice([None, b"", b"1234"])
        listed.append(Entry(key, f"{number}".encode() * draw.randrange(1, 9), tokens))
    return listed


@pytest.mark.parametrize(("held", "most_sorted"), [(10**6, 10), (900, 10**6), (900, 3)])
def test_order_is_by_hash_then_by_arrival(tmp_path, monkeypatch, held, most_sorted):
    monkeypatch.setattr(order, "MOST_HELD", held)
    monkeypatch.setattr(order, "MOST_SORTED", most_sorted)
    # Many of one hash are not sorted at all.
    listed = [*entries(500), *[Entry(b"\0" * 16, f"{n}".encode()) for n in range(40)]]
    buckets = Buckets(tmp_path / "buckets")
    for entry in listed:
        buckets.add(entry)
    assert (tmp_path / "buckets").exists() == (held == 900)
    assert list(buckets.ordered()) == sorted(listed, key=lambda entry: entry.key)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.parametrize("held", [10**6, 900])
@pytest.mark.parametrize("most", [50, 2_000, 10**6])
def test_the_lowest_hashes_are_the_first_of_all(tmp_path, monkeypatch, held, most):
    monkeypatch.setattr(order, "MOST_HELD", held)
    listed = entries(3_000, 1)
    lowest = Lowest(tmp_path / "buckets", most)
    for entry in listed:
        lowest.add(entry)
    total = sum(len(entry.text) for entry in listed)
    assert (lowest.rows, lowest.bytes) == (3_000, total)
    assert lowest.is_all == (most > total)
    result = list(lowest.ordered())
    assert result == sorted(listed, key=lambda entry: entry.key)[: len(result)]
    size = sum(len(entry.text) for entry in result)
    assert size >= min(most, total)
    # The documents whose hashes begin with two zeros share a bin, which stays or goes as one.
    if most == 2_000:
        bins = sum(len(entry.text) for entry in listed if entry.key < b"\0\1")
        assert size < 1.3 * max(most, bins)


def test_what_is_dropped_leaves_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(order, "MOST_HELD", 10_000)
    draw = random.Random(2)
    lowest = Lowest(tmp_path, 20_000)
    for _ in range(20_000):
        lowest.add(Entry(draw.randbytes(16), b"x" * 50))
    stored = sum(path.stat().st_size for path in Path(tmp_path).iterdir())
    # 1 MB was added; a document has 32 bytes more on disk.
    assert stored < 120_000
