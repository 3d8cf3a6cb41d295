"""Parts of a source share no row and hold all; a sample stands for the whole part."""

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mixwright.sources import create
from mixwright.sources.base import Reading, Source, Tally
from mixwright.sources.files.spans import LEAST, Span, drawn, text_bytes

KINDS = ("jsonl", "jsonl.zst", "parquet", "txt", "jsonl.gz", "lines.txt", "json")
GENERATOR = random.Random(0)
WORDS = ["".join(GENERATOR.choices("etaoinshrdlué", k=1 + n % 9)) for n in range(1_500)]


def text(draw: random.Random, mean: float = 4.5) -> str:
    return " ".join(draw.choices(WORDS, k=int(draw.lognormvariate(mean, 1)) + 3))


def write(path: Path, texts: list[str], draw: random.Random, group: int = 0) -> None:
    """A file of the kind that the end of its name says."""
    rows = [{"id": number, "text": one} for number, one in enumerate(texts)]
    ends = ["\n", "\r\n", "\n\n"]
    lines = "".join(json.dumps(row, ensure_ascii=False) + draw.choice(ends) for row in rows)
    name = path.name.partition(".")[2]
    if name == "parquet":
        schema = pa.schema([("id", pa.int64()), ("text", pa.string())])
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, path, row_group_size=group or draw.choice([7, 100, 5_000]))
    elif name == "json":
        path.write_text(json.dumps(rows))
    elif name.endswith("txt"):
        parting = draw.choice(["\n\n", "\n \t\n", "\r\n\r\n"])
        path.write_text(("\n" if name == "lines.txt" else parting).join(texts), newline="")
    elif name == "jsonl":
        path.write_text(lines, newline="")
    else:
        pack = {"jsonl.zst": zstandard.compress, "jsonl.gz": gzip.compress}[name]
        path.write_bytes(pack(lines.encode()))


def source_of(folder: Path) -> Source:
    return create("web", {"source": "files", "files": str(folder / "*")})


def texts_of(source: Source, **reading: object) -> tuple[list[str], Tally]:
    tally = Tally()
    rows = source.documents(Reading(tally=tally, **reading))
    return [row["text"] for row in rows], tally


def estimate(tally: Tally) -> float:
    return tally.text_bytes * tally.part_bytes / tally.passed_bytes


@pytest.mark.parametrize("seed", range(14))
def test_parts_hold_all_rows_once_whatever_the_layout(tmp_path, seed):
    draw = random.Random(seed)
    parts = (2, 3, 5, 17, 64)[seed % 5]
    for number in range(draw.randrange(1, 6)):
        kind = draw.choice(KINDS)
        texts = [text(draw) for _ in range(draw.choice([0, 1, 20, 800]))]
        if kind != "lines.txt":
            texts = [one.replace(" ", "\n", 1) for one in texts]
        write(tmp_path / f"{number}.{kind}", texts, draw)
    source = source_of(tmp_path)
    whole, tally = texts_of(source)
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert tally.whole and tally.part_bytes == tally.passed_bytes == size
    assert tally.text_bytes == sum(len(one.encode()) for one in whole)
    gathered: list[str] = []
    read = 0
    for part in range(parts):
        texts, tally = texts_of(source, part=part, parts=parts)
        assert tally.passed_bytes == tally.part_bytes
        gathered += texts
        read += tally.part_bytes
    assert sorted(gathered) == sorted(whole)
    assert read == size


@pytest.mark.parametrize("kind", ["jsonl", "txt", "lines.txt", "parquet"])
def test_a_large_file_is_cut_into_equal_parts(tmp_path, kind):
    draw = random.Random(kind)
    texts = [text(draw) for _ in range(3_000)]
    write(tmp_path / f"web.{kind}", texts, random.Random(1), group=100)
    source = source_of(tmp_path)
    whole, tally = texts_of(source)
    sizes = [texts_of(source, part=part, parts=4)[1].text_bytes for part in range(4)]
    assert sum(sizes) == tally.text_bytes
    assert max(sizes) < 0.3 * tally.text_bytes
    if kind != "txt":
        assert whole == texts


@pytest.fixture(scope="module")
def mixed(tmp_path_factory) -> Path:
    """Ten files of unlike sizes and forms, about 9 MB of text."""
    folder = tmp_path_factory.mktemp("mixed")
    draw = random.Random(5)
    for number in range(10):
        kind = KINDS[number % 5]
        texts = [text(draw, 5.0) for _ in range(draw.choice([300, 1_000, 3_000]))]
        write(folder / f"{number}.{kind}", texts, draw)
    return folder


@pytest.mark.parametrize("share", [20, 8])
@pytest.mark.parametrize("parts", [1, 2])
def test_the_text_of_a_part_is_told_by_a_sample(mixed, share, parts):
    source = source_of(mixed)
    _, all_of_it = texts_of(source)
    total, read = 0.0, 0
    for part in range(parts):
        most = all_of_it.text_bytes // share // parts
        texts, tally = texts_of(source, part=part, parts=parts, most_bytes=most)
        again, _ = texts_of(source, part=part, parts=parts, most_bytes=most)
        assert not tally.whole and texts == again
        total += estimate(tally)
        read += tally.text_bytes
    assert total == pytest.approx(all_of_it.text_bytes, rel=0.1)
    assert 0.8 * all_of_it.text_bytes / share < read < 2.5 * all_of_it.text_bytes / share


@pytest.mark.parametrize("kind", ["jsonl", "txt", "lines.txt", "parquet"])
def test_a_sample_of_a_large_file_is_spread_over_it(tmp_path, kind):
    draw = random.Random(2)
    texts = [f"{number:06} {text(draw)}" for number in range(12_000)]
    write(tmp_path / f"web.{kind}", texts, random.Random(0), group=1_000)
    sample, tally = texts_of(source_of(tmp_path), most_bytes=1_000_000)
    numbers = [int(one[:6]) for one in sample]
    for quarter in range(4):
        assert any(quarter <= number * 4 / len(texts) < quarter + 1 for number in numbers)
    assert len(set(sample)) == len(sample)
    assert estimate(tally) == pytest.approx(sum(map(len, texts)), rel=0.1)


def test_a_sample_as_large_as_the_source_is_all_of_it(mixed):
    source = source_of(mixed)
    whole, tally = texts_of(source)
    sample, sampled = texts_of(source, most_bytes=tally.text_bytes)
    assert sampled.whole and sample == whole


def test_the_size_is_told_by_names_and_bytes_on_disk(mixed):
    _, tally = texts_of(source_of(mixed))
    size = source_of(mixed).size()
    assert size == sum(text_bytes(path, path.stat().st_size) for path in mixed.iterdir())
    assert tally.text_bytes < size < 2.5 * tally.text_bytes
    assert create("web", {"source": "files", "files": "/nowhere/*.txt"}).size() is None


def test_very_many_files_are_chosen_by_their_names(tmp_path):
    spans = [Span.of(tmp_path / f"{number}.txt", 1_000 + number) for number in range(20_000)]
    few = drawn(spans, 0.01)
    assert sum(span.length for span in few) == pytest.approx(
        0.01 * sum(span.length for span in spans), rel=0.1
    )
    assert all(span.is_file for span in few)
    moved = [Span.of(Path("/other") / span.path.name, span.size) for span in spans]
    assert [span.path.name for span in drawn(moved, 0.01)] == [span.path.name for span in few]
    assert len({int(span.path.stem) // 2_000 for span in few}) == 10


def test_a_large_file_and_many_small_ones_give_the_same_share(tmp_path):
    large = Span.of(tmp_path / "large.txt", 100_000_000)
    spans = [large, *[Span.of(tmp_path / f"{n}.txt", 10_000) for n in range(10_000)]]
    first, *others = drawn(spans, 0.01)
    assert first.amount == 1_000_000 and len(list(first.windows())) > 2
    assert sum(span.length for span in others) == pytest.approx(1_000_000, abs=10_000)
    part = drawn([Span.of(tmp_path / f"{n}.jsonl", 1_000_000) for n in range(100)], 0.01)
    assert [span.amount for span in part] == [LEAST] * len(part) and len(part) == 16


def test_a_reader_who_stops_has_not_read_all(mixed):
    tally = Tally()
    rows = source_of(mixed).documents(Reading(tally=tally))
    next(rows)
    rows.close()
    assert not tally.whole and tally.part_bytes == sum(p.stat().st_size for p in mixed.iterdir())


@pytest.mark.parametrize("kind", ["first", "last"])
def test_the_rows_of_a_kind_are_told_of_files_that_are_ordered_alike(tmp_path, kind):
    """A third of each file is of the first kind, and comes first."""
    draw = random.Random(1)
    of_kind = {"first": 0, "last": 0}
    for number in range(60):
        with (tmp_path / f"{number}.jsonl").open("w") as file:
            for row in range(300):
                content = {"kind": "first" if row < 100 else "last", "text": text(draw)}
                of_kind[content["kind"]] += len(content["text"].encode())
                file.write(json.dumps(content, ensure_ascii=False) + "\n")
    settings = {"source": "files", "files": str(tmp_path / "*"), "where": {"kind": kind}}
    size = sum(path.stat().st_size for path in tmp_path.iterdir())
    _, tally = texts_of(create("web", settings), most_bytes=of_kind[kind] // 3)
    assert not tally.whole and tally.passed_bytes < 0.6 * size
    assert estimate(tally) == pytest.approx(of_kind[kind], rel=0.3)


def test_the_beginning_of_a_packed_file_stands_for_the_rest(tmp_path):
    """A beginning is packed less than what follows: words are new in it."""
    draw = random.Random(2)
    for number in range(4):
        write(tmp_path / f"{number}.jsonl.gz", [text(draw) for _ in range(3_000)], draw)
    source = source_of(tmp_path)
    texts, whole = texts_of(source)
    part, tally = texts_of(source, most_bytes=whole.text_bytes // 30)
    assert len(part) < len(texts) / 5 and not tally.whole
    assert estimate(tally) == pytest.approx(whole.text_bytes, rel=0.04)
