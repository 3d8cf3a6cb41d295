"""Texts that stand in two parts of a domain, and what is counted of them."""

import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixwright.corpus import documents as files
from mixwright.corpus.cleaning import Document
from mixwright.corpus.copies import WithoutCopies
from mixwright.corpus.documents import read_counts, read_texts, write_documents, write_part
from mixwright.corpus.join import join_parts
from mixwright.corpus.text_settings import STEPS, TextSettings
from mixwright.corpus.texts import content_hash
from mixwright.corpus.tokenize import tokenize_part
from mixwright.corpus.tokenizer import train_tokenizer
from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer
from source_rows import adds_up, rows_source

WORDS = [f"word{number}" for number in range(2_000)]
ONCE = TextSettings(clean=("exact-duplicates",))
PASSAGE = " ".join(f"answer{number}" for number in range(20))


def texts(seed: str, count: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randrange(3, 50))) for _ in range(count)]


def write_parts(folder: Path, parts: Sequence[Sequence[str]], settings=ONCE) -> list[Path]:
    """The documents of parts that hold these texts; the domain is read by turns."""
    write_documents([Document("target", PASSAGE)], folder / "target.parquet")
    paths = []
    for number, part in enumerate(parts):
        rows = [{"text": ""}] * len(part) * len(parts)
        rows[number :: len(parts)] = [{"text": text} for text in part]
        paths.append(folder / "documents" / f"{number}.parquet")
        source = rows_source(rows)
        write_part(source, settings, [folder / "target.parquet"], paths[-1], number, len(parts))
    return paths


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    write_documents([Document("train", text) for text in texts("t", 99)], folder / "d.parquet")
    settings = {"vocabulary": 300, "folder": None, "sample_bytes": 20_000}
    train_tokenizer([folder / "d.parquet"], settings, folder / "tokenizer")
    return folder / "tokenizer"


def tokenize(paths: Sequence[Path], tokenizer: Path, to: Path, once: bool = True) -> dict:
    """The manifest of the domain's shard."""
    tokens = []
    for number, path in enumerate(paths):
        tokens.append(to / "tokens" / path.stem)
        earlier = paths[:number] if once else ()
        tokenize_part("d", path, tokenizer, tokens[-1], earlier)
    return join_parts("d", tokens, to / "shard")


def trained_on(shard: Path, tokenizer: Path) -> list[str]:
    """The training texts of a shard, in their order."""
    encoder, end = open_tokenizer(tokenizer)
    manifest = read_json(shard / "manifest.json")
    listed = []
    for part in manifest["parts"]:
        ids = np.fromfile(shard / part["folder"] / "train.bin", manifest["dtype"])
        for document in np.split(ids, np.flatnonzero(ids == end) + 1)[:-1]:
            listed.append(encoder.decode(document[:-1].tolist()))
    return listed


@pytest.fixture
def three(tmp_path) -> list[list[str]]:
    """Texts of three parts: some stand in two of them, one in all, some twice in a part."""
    a, b, c = (texts(name, 200) for name in "abc")
    common = f"{PASSAGE} and more"
    return [
        [*a, a[3], common],
        [*b, *(text.replace(" ", "  ", 1) for text in a[:50]), common, b[7]],
        [*c, *a[40:60], *b[:30], common, c[1], c[2]],
    ]


@pytest.mark.parametrize("rows", [7, 100_000], ids=["many pieces", "one piece"])
def test_a_text_of_several_parts_is_once_in_the_tokens_of_the_domain(
    three, tokenizer, tmp_path, monkeypatch, rows
):
    monkeypatch.setattr(files, "PIECE_ROWS", rows)
    paths = write_parts(tmp_path, three)
    manifest = tokenize(paths, tokenizer, tmp_path)
    everything = [text for part in three for text in part]
    distinct = {content_hash(text) for text in everything}
    assert len(distinct) == 601 < len(everything) - 90
    held_out = manifest["splits"]["validation"]["documents"]
    trained = trained_on(tmp_path / "shard", tokenizer)
    hashes = [content_hash(text) for text in trained]
    assert len(set(hashes)) == len(hashes) == 601 - held_out and set(hashes) < distinct
    # What a part of all of them holds, whatever the order.
    (whole,) = write_parts(tmp_path / "whole", [everything])
    assert distinct == {content_hash(document.text) for document in read_texts(whole)}
    cleaning, alone = manifest["cleaning"], read_counts(whole)
    assert adds_up(cleaning)
    for key in ("documents", "duplicates", "contaminated"):
        assert cleaning[key] == alone[key], key
    assert cleaning["contaminated"] == 1
    assert cleaning["train_characters"] == sum(map(len, trained))
    sums = {"documents": 0, "bytes": 0}
    for split in manifest["splits"].values():
        for key in sums:
            sums[key] += split[key]
    assert sums == {key: cleaning[key] for key in sums}


def test_every_part_s_counts_add_up_and_its_first_one_is_what_it_was(three, tokenizer, tmp_path):
    paths = write_parts(tmp_path, three, TextSettings(clean=STEPS))
    tokenize(paths, tokenizer, tmp_path)
    for number, (path, left_out) in enumerate(zip(paths, (0, 50, 50), strict=True)):
        before = read_counts(path)
        after = read_json(tmp_path / "tokens" / str(number) / "manifest.json")["cleaning"]
        assert adds_up(before) and adds_up(after)
        assert after["duplicates"] == before["duplicates"] + left_out
        assert after["documents"] == before["documents"] - left_out
        for key in ("read", "bytes_read", "source_bytes", "dropped_contaminated"):
            assert after[key] == before[key]
    tokenize(paths[:1], tokenizer, tmp_path / "alone")
    for path in (tmp_path / "alone" / "tokens" / "0").iterdir():
        assert path.read_bytes() == (tmp_path / "tokens" / "0" / path.name).read_bytes()


def test_without_earlier_parts_copies_stay(three, tokenizer, tmp_path):
    manifest = tokenize(write_parts(tmp_path, three), tokenizer, tmp_path, once=False)
    assert manifest["cleaning"]["documents"] == 201 + 251 + 251
    assert len(manifest["parts"]) == 3


def test_a_part_of_copies_has_no_token_and_one_without_documents_no_copy(tokenizer, tmp_path):
    same = texts("same", 60)
    paths = write_parts(tmp_path, [same, same[::-1], []])
    manifest = tokenize(paths, tokenizer, tmp_path)
    assert manifest["cleaning"]["documents"] == 60 and len(manifest["parts"]) == 1
    assert WithoutCopies(paths[0], [paths[2]]).counts == read_counts(paths[0])
    assert [document.text for document in WithoutCopies(paths[0], [paths[2]])] == [
        document.text for document in read_texts(paths[0])
    ]
    assert list(WithoutCopies(paths[2], paths[:2])) == []


def test_lines_that_went_before_do_not_hide_a_copy(tmp_path):
    """What tells a copy is the text before lines were dropped."""
    line = "a long line that stands in many documents of this domain, again and again"
    copy = f"{line}\nand a text of its own"
    others = [f"{line}\nother text {number}" for number in range(40)]
    settings = TextSettings(clean=("exact-duplicates", "repeated-lines"))
    for first in (others, []):
        paths = write_parts(tmp_path / str(len(first)), [[*first, copy], [copy]], settings)
        assert [document.text for document in WithoutCopies(paths[1], paths[:1])] == []


def test_hashes_stand_with_their_documents_and_in_their_order(tmp_path, three):
    (path, *_) = write_parts(tmp_path, three)
    table = pq.read_table(path)
    hashes = table["hash"].to_numpy()
    assert hashes.dtype == np.uint64 and (np.diff(hashes.astype(object)) > 0).all()
    expected = [int.from_bytes(content_hash(text)[:8], "big") for text in table["text"].to_pylist()]
    assert hashes.tolist() == expected
    shared = [PASSAGE in text for text in table["text"].to_pylist()]
    assert table["shared"].to_pylist() == shared and sum(shared) == 1


def test_documents_of_a_version_without_hashes_are_to_be_cleaned_again(tmp_path):
    write_documents([Document("train", "one")], tmp_path / "0.parquet")
    (tmp_path / "1.parquet").write_bytes((tmp_path / "0.parquet").read_bytes())
    with pytest.raises(MixwrightError, match=r"1\.parquet: its documents have no column hash; cl"):
        WithoutCopies(tmp_path / "1.parquet", [tmp_path / "0.parquet"])
    assert pa.types.is_uint64(files.PART_SCHEMA.field("hash").type)
