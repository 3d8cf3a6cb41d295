"""Files of token ids as they are: the same documents as those of their text, and one line else."""

import json
import struct
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from least_config import CONFIG, LEAST
from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.sources.base import Reading
from mixwright.sources.places import Places
from mixwright.sources.tokens.decoding import vocabulary_of
from mixwright.sources.tokens.token_files import TokenFiles
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer, vocabulary_size
from mixwright.study.config import resolve
from mixwright.study.study import Study
from token_writers import (
    encoded,
    texts,
    write_datatrove,
    write_megatron,
    write_memmap,
    write_tokenizer,
)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory) -> str:
    return write_tokenizer(tmp_path_factory.mktemp("tokenizer") / "own")


def source_of(tokenizer: str | None, files: object, **settings: object) -> TokenFiles:
    entry = {"source": "tokens", "files": files, "text": "text"} | settings
    if isinstance(files, Path):
        entry["files"] = str(files)
    return create("web", entry, Places("results/x", tokenizer=tokenizer))


def read(source: TokenFiles, **reading: object) -> tuple[list[str], list[list[int]], Reading]:
    """The texts, the ids, and the reading with its tally."""
    plan = Reading(**reading)
    rows = list(source.documents(plan))
    for row in rows:
        assert row["tokens"].dtype == np.uint32
    return [row["text"] for row in rows], [row["tokens"].tolist() for row in rows], plan


WRITERS = {
    "megatron with ends": lambda folder, ids, end: write_megatron(folder / "a", ids, end),
    "megatron without ends": lambda folder, ids, end: write_megatron(folder / "a", ids),
    "megatron of uint16": lambda folder, ids, end: write_megatron(folder / "a", ids, end, "<u2"),
    "megatron of sequences": lambda folder, ids, end: write_megatron(
        folder / "a", ids, end, sequences=3
    ),
    "memmap": lambda folder, ids, end: write_memmap(folder / "a.bin", ids, end),
    "memmap of OLMo-core": lambda folder, ids, end: write_memmap(folder / "a.npy", ids, end),
    "datatrove": lambda folder, ids, end: write_datatrove(folder / "a.ds", ids, end),
    "datatrove of 4 bytes": lambda folder, ids, end: write_datatrove(
        folder / "a.ds", ids, end, "<u4"
    ),
}


@pytest.mark.parametrize("form", WRITERS)
def test_documents_are_those_of_the_text(tokenizer, tmp_path, form):
    documents = texts()
    ids, end = encoded(tokenizer, documents)
    path = WRITERS[form](tmp_path, ids, end)
    back, tokens, reading = read(source_of(tokenizer, path))
    assert back == documents
    assert tokens == ids
    tally = reading.tally
    assert tally.whole
    assert tally.text_bytes == sum(len(text.encode()) for text in documents)
    assert tally.tokens == sum(len(one) + 1 for one in ids)
    assert tally.passed_bytes == tally.part_bytes == path.stat().st_size


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("parts", [2, 3, 7, 100])
def test_parts_share_nothing_and_hold_everything(tokenizer, tmp_path, form, parts):
    documents = texts(40)
    ids, end = encoded(tokenizer, documents)
    WRITERS[form](tmp_path, ids[:15], end)
    (tmp_path / "b").mkdir()
    WRITERS[form](tmp_path / "b", ids[15:], end)
    source = source_of(tokenizer, tmp_path)
    together: list[str] = []
    counts = np.zeros(3, int)
    for part in range(parts):
        back, _, reading = read(source, part=part, parts=parts)
        together += back
        tally = reading.tally
        assert tally.passed_bytes == tally.part_bytes
        counts += [tally.tokens, tally.part_bytes, tally.text_bytes]
    assert together == documents
    assert counts[0] == sum(len(one) + 1 for one in ids)
    assert counts[1] == sum(entry.size for entry in source._entries())


@pytest.mark.parametrize("form", WRITERS)
def test_a_sample_comes_from_all_files_and_from_all_over_them(tokenizer, tmp_path, form):
    documents = texts(4000, seed=1)
    ids, end = encoded(tokenizer, documents)
    for number in range(4):
        folder = tmp_path / str(number)
        folder.mkdir()
        WRITERS[form](folder, ids[number::4], end)
    source = source_of(tokenizer, tmp_path)
    total = sum(len(text.encode()) for text in documents)
    wanted = total // 4
    back, tokens, reading = read(source, most_bytes=wanted)
    tally = reading.tally
    assert not tally.whole
    assert wanted <= tally.text_bytes <= 1.05 * wanted + 100_000
    assert tally.tokens == sum(len(one) + 1 for one in ids), "known without being read"
    estimate = tally.text_bytes * tally.part_bytes / tally.passed_bytes
    assert estimate == pytest.approx(total, rel=0.02)
    place = {text: number for number, text in enumerate(documents)}
    chosen = np.array([place[text] for text in back])
    assert set(chosen % 4) == {0, 1, 2, 3}
    shares = np.histogram(chosen, bins=4, range=(0, 4000))[0] / len(chosen)
    assert np.all(shares > 0.1)
    assert back == read(source, most_bytes=wanted)[0]
    assert tokens == [ids[number] for number in chosen]


def test_a_sample_larger_than_the_source_is_the_source(tokenizer, tmp_path):
    documents = texts()
    ids, end = encoded(tokenizer, documents)
    path = write_megatron(tmp_path / "a", ids, end)
    back, _, reading = read(source_of(tokenizer, path), most_bytes=10**9)
    assert back == documents
    assert reading.tally.whole


def test_of_very_many_files_some_are_chosen_wherever_they_lie(tokenizer, tmp_path):
    documents = texts(300)
    ids, end = encoded(tokenizer, documents)
    chosen = []
    for name in ("one", "two"):
        folder = tmp_path / name / "d" / "e"
        folder.mkdir(parents=True)
        for number, one in enumerate(ids):
            write_memmap(folder / f"{number:03}.bin", [one], end)
        back, _, reading = read(source_of(tokenizer, folder), most_bytes=1000)
        chosen.append(back)
        assert not reading.tally.whole
        assert 0 < len(back) < 30
    assert chosen[0] == chosen[1]


def test_an_array_with_a_header_says_its_type(tokenizer, tmp_path):
    documents = texts()
    ids, end = encoded(tokenizer, documents)
    stream = [token for one in ids for token in (*one, end)]
    np.save(tmp_path / "a.npy", np.array(stream, np.int64))
    assert read(source_of(tokenizer, tmp_path / "a.npy"))[0] == documents
    np.save(tmp_path / "b.npy", np.zeros(9))
    with pytest.raises(MixwrightError, match=r"^web: .*b\.npy: it holds float64, not ids; "):
        read(source_of(tokenizer, tmp_path / "b.npy"))


def test_a_pair_is_named_by_either_file_or_by_what_both_begin_with(tokenizer, tmp_path):
    documents = texts(9)
    ids, end = encoded(tokenizer, documents)
    write_megatron(tmp_path / "a_text_document", ids, end)
    names = ("a_text_document", "a_text_document.bin", "a_text_document.idx", "a*", "")
    for name in names:
        source = source_of(tokenizer, tmp_path / name)
        assert read(source)[0] == documents
        inputs = [path.name for path in source.inputs()]
        assert {"a_text_document.bin", "a_text_document.idx"} <= set(inputs)
        assert {"tokenizer.json", "tokenizer_config.json"} <= set(inputs)
        assert len(inputs) == len(set(inputs))
        source.check_inputs("config: domains.web", source.inputs())


def test_the_size_is_that_of_the_text_about(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, texts())
    for number, form in enumerate(WRITERS):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = WRITERS[form](folder, ids, end)
        tokens = sum(len(one) for one in ids)
        if form != "megatron without ends":
            tokens += len(ids)
        assert source_of(tokenizer, path).size() == 4 * tokens
    assert vocabulary_of(tokenizer) == vocabulary_size(open_tokenizer(tokenizer)[0])


def test_empty_documents_are_rows_without_text(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, ["one", "", "two", "", ""])
    for path in (
        write_megatron(tmp_path / "a", ids, end),
        write_megatron(tmp_path / "b", ids),
        write_memmap(tmp_path / "c.bin", ids, end),
    ):
        assert read(source_of(tokenizer, path))[0] == ["one", "", "two", "", ""]


def test_a_file_that_ends_without_an_end_token_loses_nothing(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, ["one", "two"])
    path = write_memmap(tmp_path / "a.bin", ids, end, last_end=False)
    back, _, reading = read(source_of(tokenizer, path))
    assert back == ["one", "two"]
    assert reading.tally.tokens == sum(len(one) + 1 for one in ids)


def test_another_end_token_cuts_and_a_single_one_is_stripped(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, ["one", "two"])
    other = 5
    path = write_memmap(tmp_path / "a.bin", ids, other)
    assert read(source_of(tokenizer, path, end=other))[0] == ["one", "two"]
    # A document may hold the end token; of those that close it, the writer appended one.
    pair = write_megatron(tmp_path / "b", [[end, 40, end, end], [41, end]])
    assert read(source_of(tokenizer, pair))[1] == [[end, 40, end], [41]]


def test_an_empty_file_holds_no_document(tokenizer, tmp_path):
    (tmp_path / "a.bin").write_bytes(b"")
    assert read(source_of(tokenizer, tmp_path / "a.bin"))[0] == []
    assert read(source_of(tokenizer, write_megatron(tmp_path / "b", [])))[0] == []


def cut_off(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def test_what_cannot_be_read_is_one_line(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, texts())
    other = write_megatron(tmp_path / "other", ids[:5], end)

    def broken(change) -> str:
        path = write_megatron(tmp_path / "a", ids, end)
        change(path, path.with_suffix(".idx"))
        with pytest.raises(MixwrightError) as caught:
            read(source_of(tokenizer, path, format="megatron"))
        message = str(caught.value)
        assert message.startswith("web: ") and "\n" not in message and "; " in message
        assert str(tmp_path) in message
        return message

    def patched(place: int, content: bytes):
        def change(_: Path, index: Path) -> None:
            old = index.read_bytes()
            index.write_bytes(old[:place] + content + old[place + len(content) :])

        return change

    message = broken(lambda path, index: cut_off(path, path.stat().st_size - 400))
    assert "tokens, and a.idx lists" in message
    assert "no whole number of ids" in broken(lambda path, index: cut_off(path, 1001))
    message = broken(lambda path, index: index.write_bytes(other.with_suffix(".idx").read_bytes()))
    assert "tokens, and a.idx lists" in message
    assert "cut off" in broken(lambda path, index: cut_off(index, 200))
    assert "cut off after 20 bytes" in broken(lambda path, index: cut_off(index, 20))
    assert "does not begin with MMIDIDX" in broken(patched(0, b"x"))
    assert "version 2 of the index" in broken(patched(9, struct.pack("<Q", 2)))
    assert "7 is no code" in broken(patched(17, b"\x07"))
    assert "do not hold all" in broken(
        lambda path, index: patched(index.stat().st_size - 8, struct.pack("<Q", 3))(path, index)
    )
    assert "its index a.idx is missing" in broken(lambda path, index: index.unlink())
    assert "index places document" in broken(
        lambda path, index: patched(34 + 4 * len(ids) + 8, struct.pack("<Q", 10**6))(path, index)
    )
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"
    assert "git-lfs pointer" in broken(lambda path, index: path.write_bytes(pointer))


def test_a_wrong_type_is_told(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, texts())
    wide = write_memmap(tmp_path / "wide.bin", ids, end, "<u4")
    with pytest.raises(MixwrightError, match=r"every second id is 0, read as uint16; set `dtype`"):
        read(source_of(tokenizer, wide))
    assert read(source_of(tokenizer, wide, dtype="uint32"))[0] == texts()
    narrow = write_memmap(tmp_path / "narrow.bin", [*ids, [1, 2, 3]], end)
    with narrow.open("ab") as file:
        file.write(b"\0" * (-narrow.stat().st_size % 4))
    with pytest.raises(MixwrightError, match=r"narrow\.bin: .* has the id \d+, and the ids of th"):
        read(source_of(tokenizer, narrow, dtype="uint32"))
    with narrow.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(MixwrightError, match=r"no whole number of ids of 2 bytes \(uint16\); set"):
        read(source_of(tokenizer, narrow))


def test_ids_beyond_the_vocabulary_stop_or_are_skipped(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, ["one", "two", "three"])
    path = write_megatron(tmp_path / "a", [ids[0], [5000], [-1], ids[2]], end)
    words = r"^web: .*a\.bin: document 1 has the id 5000, and the ids of .* are 0 to 299; set tok"
    with pytest.raises(MixwrightError, match=words):
        read(source_of(tokenizer, path))
    back, _, reading = read(source_of(tokenizer, path), on_error="skip")
    assert back == ["one", "three"]
    assert reading.tally.broken == 2


def test_a_broken_file_is_skipped_and_counted(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, ["one", "two"])
    write_megatron(tmp_path / "a", ids, end)
    cut_off(write_megatron(tmp_path / "b", ids, end), 8)
    back, _, reading = read(source_of(tokenizer, tmp_path), on_error="skip")
    assert back == ["one", "two"]
    assert (reading.tally.broken_files, reading.tally.broken) == (1, 0)


def test_no_end_token_at_all_is_told_before_memory_is_full(tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr("mixwright.sources.tokens.token_streams.LONGEST", 5000)
    np.full(9000, 7, "<u2").tofile(tmp_path / "a.bin")
    with pytest.raises(MixwrightError, match=r"no end token 0 in the 5,000 tokens from token 0 on"):
        read(source_of(tokenizer, tmp_path / "a.bin"))


def test_the_index_of_datatrove_is_compared_with_its_file(tokenizer, tmp_path):
    ids, end = encoded(tokenizer, texts())
    path = write_datatrove(tmp_path / "a.ds", ids, end)
    cut_off(path, path.stat().st_size - 2)
    with pytest.raises(MixwrightError, match=r"bytes do not hold the \d+ tokens that a\.ds\.index"):
        read(source_of(tokenizer, path))


def test_folders_of_other_packages_need_them(tokenizer, tmp_path):
    index = tmp_path / "index.json"
    shard = '{"shards": [{"raw_data": {"basename": "shard.00000.mds", "bytes": 80}}]}'
    chunk = '{"chunks": [{"filename": "shard.00000.mds", "chunk_bytes": 80, "dim": 40}]}'
    (tmp_path / "shard.00000.mds").write_bytes(bytes(80))
    for content, package in ((shard, "mosaicml-streaming"), (chunk, "litdata")):
        index.write_text(content)
        source = source_of(tokenizer, tmp_path)
        assert index in source.inputs() and tmp_path / "shard.00000.mds" in source.inputs()
        source.check_inputs("config: domains.web", source.inputs())
        with pytest.raises(MixwrightError, match=rf"the package {package}, which is not instal"):
            read(source)
    index.write_text("{}")
    with pytest.raises(MixwrightError, match="an index of neither MosaicML Streaming"):
        read(source_of(tokenizer, tmp_path))


def resolved(tokenizer: str | None, entry: dict, **sections: object) -> Study:
    domains = {"x": {"source": "installed"}, "web": {"source": "tokens", "files": "a.bin"} | entry}
    study = LEAST | {"domains": domains, "tokenizer": {"folder": tokenizer}} | sections
    return Study(resolve(study, CONFIG))


def test_a_study_says_what_does_not_go_with_tokens(tokenizer):
    study = resolved(tokenizer, {"clean": ["exact-duplicates", "decontaminate"]})
    assert study.source("web").places.tokenizer == tokenizer
    assert study.text("web").max_document_bytes is None

    def refused(words: str, entry: dict, folder: str | None = tokenizer, **sections: object):
        with pytest.raises(MixwrightError, match=words):
            resolved(folder, entry, **sections)

    refused(r"^config: domains\.web: token files need the tokenizer that made them; name", {}, None)
    refused(r"domains\.web\.clean: plain-text changes text", {"clean": ["plain-text"]})
    clean = {"clean": ["repeated-lines"]}
    refused(r"^config: corpus\.clean: repeated-lines changes text", {}, corpus=clean)
    resolved(tokenizer, {"clean": []}, corpus=clean)
    limit = {"max_document_bytes": 1000}
    refused(r"^config: corpus\.max_document_bytes cuts text, and the doc", {}, corpus=limit)
    refused(r"domains\.web\.text: files of tokens have no columns", {"text": "body"})
    refused(r"domains\.web\.where: files of tokens have no columns", {"where": {"set": "web"}})
    refused(r"domains\.web\.format is 'arrow'", {"format": "arrow"})
    refused(r"domains\.web\.dtype is 'float32'", {"dtype": "float32"})
    question = {"t": {"source": "tokens", "files": "a.bin", "query": "q", "gold": "g"}}
    refused(r"targets\.t\.query: files of tokens have no columns", {}, targets=question)
    refused(
        r"^config: domains\.web\.dtype is of files of tokens", {"source": "files", "dtype": "int32"}
    )
    for key in ("dataset", "config", "split", "revision", "data_files"):
        words = rf"^config: domains\.web\.{key} is of data sets of Hugging Face; set source: hub"
        refused(words, {"source": "files", key: "x"})
    plain = {"t": {"source": "tokens", "files": "a.bin"}}
    assert resolved(tokenizer, {}, targets=plain).source("t").places.tokenizer == tokenizer


class Shard:
    """What MosaicML Streaming's reader of a shard offers of it."""

    def __init__(self, samples: list[object]) -> None:
        self.rows = samples
        self.samples = len(samples)

    def validate(self, allow_unsafe_types: bool) -> None:
        assert not allow_unsafe_types

    def __getitem__(self, number: int) -> dict[str, object]:
        return {"tokens": self.rows[number]}


def test_samples_of_mosaicml_are_documents_or_pieces_of_a_stream(tokenizer, tmp_path, monkeypatch):
    documents = texts(30)
    ids, end = encoded(tokenizer, documents)
    stream = [token for one in ids for token in (*one, end)]
    stream += [end] * (-len(stream) % 64)
    pieces = np.array(stream, np.int64).reshape(-1, 64)
    shards = {
        "an array each": Shard([np.array(one, np.uint16) for one in ids]),
        "pieces of bytes": Shard([piece.tobytes() for piece in pieces]),
    }
    index = {"shards": [{"raw_data": {"basename": "s.mds"}, "column_names": ["tokens"]}]}
    (tmp_path / "index.json").write_text(json.dumps(index))
    source = source_of(tokenizer, tmp_path)
    with pytest.raises(MixwrightError, match=r"s\.mds: index\.json lists it, and it is missing"):
        source.inputs()
    (tmp_path / "s.mds").write_bytes(bytes(2 * len(stream)))
    reader = ModuleType("streaming.base.format")
    for name in ("streaming", "streaming.base"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, reader.__name__, reader)
    for shard in shards.values():
        monkeypatch.setattr(reader, "reader_from_json", lambda *_, one=shard: one, raising=False)
        back: list[str] = []
        for part in range(3):
            back += read(source, part=part, parts=3)[0]
        assert [text for text in back if text] == documents
