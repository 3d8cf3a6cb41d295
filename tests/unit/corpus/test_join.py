"""The parts of a domain: tokens in a stream, a shard over several, what is refused."""

import random
import resource
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mixwright.corpus import encoding
from mixwright.corpus.cleaning import Document
from mixwright.corpus.documents import write_documents
from mixwright.corpus.encoding import batches, stretches
from mixwright.corpus.held_out import joined
from mixwright.corpus.join import join_parts, summed
from mixwright.corpus.shards import Examples, open_shard
from mixwright.corpus.tokenize import tokenize_part
from mixwright.corpus.tokenizer import balanced, open_tokenizer, train_tokenizer
from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json

SETTINGS = {"vocabulary": 300, "folder": None, "sample_bytes": 20_000}
WORDS = ["ka", "lo", "mi", "tari", "ru né", "so.\n", "\n\n  if", "12", "-", "’s"]
COUNTS = {"read": 7, "bytes": 90, "source_bytes": 100, "whole": 1}


def text(seed: int, words: int = 40) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))


def documents(seeds: range) -> list[Document]:
    rows = []
    for seed in seeds:
        split = "validation" if seed % 5 == 0 else "train"
        rows.append(Document(split, text(seed, 30 + seed * 40 % 900)))
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The same documents in one part and in three, and a tokenizer."""
    folder = tmp_path_factory.mktemp("parts")
    write_documents(documents(range(30)), folder / "documents/whole/0.parquet", COUNTS)
    train_tokenizer([folder / "documents/whole/0.parquet"], SETTINGS, folder / "tokenizer")
    tokenize(folder, "whole", 0)
    for part, seeds in enumerate((range(12), range(12, 13), range(13, 30))):
        write_documents(documents(seeds), folder / f"documents/three/{part}.parquet", COUNTS)
        tokenize(folder, "three", part)
    for name, count in {"whole": 1, "three": 3}.items():
        join(folder, name, range(count))
    return folder


def tokenize(folder: Path, name: str, part: int) -> dict:
    path = f"{name}/{part}"
    return tokenize_part(
        name, folder / f"documents/{path}.parquet", folder / "tokenizer", folder / "tokens" / path
    )


def join(folder: Path, name: str, parts: range, **arguments) -> dict:
    tokens = [folder / "tokens" / name / str(part) for part in parts]
    return join_parts(name, tokens, folder / "shards" / name, **arguments)


def test_a_shard_of_three_parts_has_the_tokens_of_all_and_copies_none(folder):
    whole, three = (open_shard(folder / "shards" / name) for name in ("whole", "three"))
    manifests = [
        read_json(folder / "shards" / name / "manifest.json") for name in ("whole", "three")
    ]
    streams = []
    for part in manifests[1]["parts"]:
        assert not Path(part["folder"]).is_absolute()
        file = folder / "shards/three" / part["folder"] / "train.bin"
        streams.append(np.fromfile(file, manifests[1]["dtype"]))
        assert len(streams[-1]) == part["tokens"]
    alone = folder / "tokens/whole/0/train.bin"
    assert np.array_equal(np.concatenate(streams), np.fromfile(alone, manifests[0]["dtype"]))
    assert len(streams) == 3 and not list((folder / "shards").rglob("train.bin"))
    assert np.array_equal(whole.unigram, three.unigram)
    one, several = (manifest["splits"] for manifest in manifests)
    for split in ("train", "validation"):
        for key in ("tokens", "bytes", "documents"):
            assert one[split][key] == several[split][key]
    assert manifests[1]["cleaning"] == {key: 3 * COUNTS[key] for key in COUNTS} | {"whole": 1}
    assert manifests[1]["source"] == {"bytes": 300, "tokens": 0, "whole": True}


def test_of_one_part_the_shard_has_the_hashes_and_files_of_that_part(folder):
    shard, part = folder / "shards/whole", folder / "tokens/whole/0"
    for name in ("validation.npz", "unigram.npy"):
        assert (shard / name).read_bytes() == (part / name).read_bytes()
    ours, theirs = (read_json(place / "manifest.json") for place in (shard, part))
    assert ours["splits"] == theirs["splits"]
    assert ours["source_fingerprint"] == theirs["source_fingerprint"]


def texts_of(examples: Examples) -> list[tuple[list[int], list[int], int]]:
    """Each example: its tokens, their bytes, and where it is scored from."""
    texts = []
    pairs = zip(pairwise(examples.starts), examples.scored_from, strict=True)
    for (first, last), scored in pairs:
        tokens, sizes = examples.tokens[first:last], examples.token_bytes[first:last]
        texts.append((tokens.tolist(), sizes.tolist(), int(scored)))
    return texts


def test_validation_of_several_parts_has_the_documents_of_one(folder):
    whole, three = (
        Examples.load(folder / "shards" / name / "validation.npz") for name in ("whole", "three")
    )
    assert len(whole) == 6
    assert sorted(texts_of(whole)) == sorted(texts_of(three))


def test_the_first_documents_come_from_all_parts_and_each_part_keeps_its_order():
    generator = np.random.default_rng(0)
    for _ in range(50):
        parts = []
        for part, count in enumerate(generator.integers(0, 30, generator.integers(1, 5))):
            rows = []
            for number in range(count):
                context = [part] * int(generator.integers(0, 3))
                text = [number] * int(generator.integers(1, 9))
                sizes = generator.integers(0, 9, len(context) + len(text))
                rows.append(([part, *context], text, [0, *sizes]))
            parts.append(Examples.of(rows, 99))
        result = joined(parts, 99)
        of_parts = [texts_of(part) for part in parts]
        taken = [0] * len(parts)
        for place, row in enumerate(texts_of(result), 1):
            part = row[0][1]
            assert row == of_parts[part][taken[part]]
            taken[part] += 1
            share = place / len(result)
            for other, count in zip(of_parts, taken, strict=True):
                assert abs(count - share * len(other)) <= len(parts) / 2
        assert taken == list(map(len, of_parts))


def test_a_part_without_documents_is_a_part_and_stands_in_no_shard(folder, tmp_path):
    write_documents([], tmp_path / "documents.parquet", COUNTS)
    tokenize_part("three", tmp_path / "documents.parquet", folder / "tokenizer", tmp_path / "1")
    tokens = [folder / "tokens/three/0", tmp_path / "1"]
    manifest = join_parts("three", tokens, tmp_path / "shard")
    assert len(manifest["parts"]) == 1
    with pytest.raises(MixwrightError, match=r"^three: not one training token; give the domain"):
        join_parts("three", [tmp_path / "1"], tmp_path / "shard")


def test_too_few_tokens_are_told_of_the_domain(folder):
    with pytest.raises(
        MixwrightError,
        match=r"training tokens in the largest of 3 parts, under one sequence of 90000; give the"
        r" domain more text or shorten the context, or raise corpus\.part_bytes",
    ):
        join(folder, "three", range(3), context=90_000)
    with pytest.raises(MixwrightError, match="three: not one validation token; give the domain"):
        join(folder, "three", range(1, 2))


def test_parts_of_two_tokenizers_are_refused(folder, tmp_path):
    settings = SETTINGS | {"vocabulary": 280}
    train_tokenizer([folder / "documents/whole/0.parquet"], settings, tmp_path / "other")
    file = folder / "documents/three/0.parquet"
    tokenize_part("three", file, tmp_path / "other", tmp_path / "0")
    with pytest.raises(MixwrightError, match=r"^three: its parts differ in vocabulary: 2.. and 2"):
        join_parts("three", [tmp_path / "0", folder / "tokens/three/1"], tmp_path / "shard")


def test_a_share_of_unknown_text_is_that_of_all_parts(folder, tmp_path):
    parts = []
    for number, unknown in enumerate((90, 0)):
        part = tmp_path / str(number)
        part.mkdir()
        for file in (folder / "tokens/three/0").iterdir():
            (part / file.name).write_bytes(file.read_bytes())
        manifest = read_json(part / "manifest.json")
        write_json(part / "manifest.json", manifest | {"unknown": {"count": unknown, "total": 100}})
        parts.append(part)
    assert join_parts("three", parts, tmp_path / "shard")["unknown"] == 0.45
    with pytest.raises(MixwrightError, match=r"^three: 90\.0% of its text is unknown"):
        join_parts("three", parts[:1], tmp_path / "shard")


def test_documents_with_tokens_are_taken_as_they_are(folder, tmp_path, monkeypatch):
    rows = [Document("train", "ka", "", np.array([7, 8, 9])), Document("train", "lo mi")]
    rows.append(Document("validation", "mi", "", np.array([5])))
    monkeypatch.setattr("mixwright.corpus.copies.iter_documents", lambda path: iter(rows))
    monkeypatch.setattr("mixwright.corpus.copies.read_counts", lambda path: {})
    manifest = tokenize_part("d", "none", folder / "tokenizer", tmp_path / "d")
    encoder, end = open_tokenizer(folder / "tokenizer")
    tokens = np.fromfile(tmp_path / "d/train.bin", manifest["dtype"]).tolist()
    assert tokens == [7, 8, 9, end, *encoder.encode("lo mi").ids, end]
    assert manifest["splits"]["validation"]["tokens"] == 1
    rows.append(Document("train", "so", "", np.array([3, 4_000])))
    with pytest.raises(
        MixwrightError, match=r"^d: its token files hold the id 4000, and the tokenizer in .* has"
    ):
        tokenize_part("d", "none", folder / "tokenizer", tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_a_long_text_is_encoded_in_stretches_to_the_tokens_of_the_whole(folder, monkeypatch):
    monkeypatch.setattr(encoding, "STRETCH", 400)
    encoder, _ = open_tokenizer(folder / "tokenizer")
    for seed in range(20):
        whole = text(seed, 700)
        pieces = list(stretches(whole))
        assert "".join(pieces) == whole and len(pieces) > 4
        assert max(map(len, pieces)) <= 400
        (ids,) = encoding.ids_of(encoder, [Document("train", whole)])
        assert list(ids) == encoder.encode(whole).ids
    unbroken = "12" * 900
    assert "".join(stretches(unbroken)) == unbroken


def test_batches_are_bounded_by_text_by_tokens_and_by_number():
    long = Document("train", "a" * encoding.BATCH)
    ids = Document("train", "", "", np.zeros(encoding.BATCH, np.int64))
    short = Document("train", "a")
    sizes = [len(batch) for batch in batches([short, long, ids, *[short] * encoding.MOST, short])]
    assert sizes == [2, 1, encoding.MOST, 1]


def test_a_domain_s_share_of_the_tokenizer_s_text_comes_from_all_its_parts(tmp_path):
    sizes = {"a/0": 40, "a/2": 10, "a/10": 20, "b/0": 5}
    for number, (place, count) in enumerate(sizes.items()):
        rows = [Document("train", f"{place} {number} " + "x" * 90) for _ in range(count)]
        write_documents(rows, tmp_path / f"{place}.parquet")
    files = [tmp_path / f"{place}.parquet" for place in sizes]
    places = [chosen.split()[0] for chosen in balanced(files, 4_000)]
    counts = {place: places.count(place) for place in sizes}
    assert counts["b/0"] == 5
    assert counts["a/0"] > counts["a/10"] > counts["a/2"] > 2
    assert places == sorted(places, key=["b/0", "a/0", "a/2", "a/10"].index)


def test_counted_characters_stand_for_the_text_of_a_file(tmp_path):
    """Which domain is the shorter one is told by the counts that cleaning left."""
    for name, characters in {"a": 9, "b": 5}.items():
        rows = [Document("train", name * 100)] * 3
        counts = {"train_characters": characters}
        write_documents(rows, tmp_path / name / "0.parquet", counts)
    files = [tmp_path / name / "0.parquet" for name in "ab"]
    assert [chosen[0] for chosen in balanced(files, 10**6)] == ["b"] * 3 + ["a"] * 3


def test_whole_is_of_all_parts():
    assert summed([{"whole": 1, "read": 2}, {"whole": 0, "read": 3}]) == {"whole": 0, "read": 5}
    assert summed([{}]) == {}


@pytest.mark.parametrize("limit", [1_000, 20_000])
def test_a_disk_that_fills_up_leaves_nothing(folder, tmp_path, limit):
    """At the tokens, or at what comes after them; the place is named."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    rows = [Document("train", text(seed, 400)) for seed in range(20)]
    rows += [Document("validation", text(seed, 4_000)) for seed in range(20, 40)]
    write_documents(rows[: 40 if limit > 9_000 else 20], tmp_path / "documents.parquet")
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            tokenize_part(
                "d", tmp_path / "documents.parquet", folder / "tokenizer", tmp_path / "tokens"
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(tmp_path / "tokens")
    assert [path.name for path in tmp_path.iterdir()] == ["documents.parquet"]


@pytest.mark.parametrize("limit", [0, 100, 400])
def test_long_documents_are_written_by_themselves_to_the_same_bytes(
    folder, tmp_path, monkeypatch, limit
):
    monkeypatch.setattr("mixwright.corpus.tokenize.LONG", limit)
    documents = folder / "documents/whole/0.parquet"
    manifest = tokenize_part("whole", documents, folder / "tokenizer", tmp_path / "0")
    before = folder / "tokens/whole/0"
    assert manifest == read_json(before / "manifest.json")
    for name in ("train.bin", "unigram.npy", "validation.npz"):
        assert (tmp_path / "0" / name).read_bytes() == (before / name).read_bytes()


class Numbers:
    """Encodes a text as the numbers that it spells."""

    def encode_batch_fast(self, texts, add_special_tokens):
        return [SimpleNamespace(ids=[int(word) for word in text.split()]) for text in texts]


@pytest.mark.parametrize("numbers", [[7] * 9, [1, 65_535, 65_536, 2], [4_000_000_000, 0, 7]])
def test_ids_of_a_long_text_take_16_bits_where_they_fit(monkeypatch, numbers):
    monkeypatch.setattr(encoding, "stretches", lambda text: [text[:22], text[22:], "1 2"])
    ids = encoding._ids_of_long(Numbers(), "".join(f"{number:>11}" for number in numbers))
    assert ids.tolist() == [*numbers, 1, 2]
    assert ids.dtype == (np.uint16 if max(numbers) < 1 << 16 else np.uint32)
