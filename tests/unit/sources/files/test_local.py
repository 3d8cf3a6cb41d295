import gzip
import json
import socket
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mixwright.corpus.answers import with_answers
from mixwright.corpus.cleaning import split_query
from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.sources.base import Reading
from mixwright.sources.files.opening import form_of

ROWS = [{"body": f"text {i}", "ask": f"what {i}?", "n": i} for i in range(3)]
LINES = "".join(json.dumps(row) + "\n" for row in ROWS).encode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.txt").write_text("second\nfile\n")
    (tmp_path / "a.txt").write_text("first é")
    (tmp_path / "rows.jsonl").write_bytes(LINES)
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(LINES))
    (tmp_path / "rows.jsonl.zst").write_bytes(zstandard.compress(LINES))
    pq.write_table(pa.Table.from_pylist(ROWS), tmp_path / "rows.parquet")
    return tmp_path


def read(folder: Path, pattern: str | list[str], **source: str) -> list[dict]:
    patterns = [pattern] if isinstance(pattern, str) else pattern
    settings = {"source": "files", "files": [str(folder / p) for p in patterns], **source}
    return list(create("it", settings).documents())


def test_a_text_file_is_one_document_and_a_glob_is_read_in_order(folder):
    assert read(folder, "*.txt") == [{"text": "first é"}, {"text": "second\nfile\n"}]
    assert [row["text"][0] for row in read(folder, ["b.txt", "a.txt"])] == ["s", "f"]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.jsonl.gz", "rows.jsonl.zst", "rows.parquet"])
def test_every_format_gives_the_same_rows(folder, name):
    expected = [{"text": row["body"], "query": row["ask"]} for row in ROWS]
    assert read(folder, name, text="body", query="ask") == expected


def test_the_mirror_is_a_folder_in_the_environment(folder, monkeypatch):
    source = {"source": "files", "files": "mirror:a.txt"}
    monkeypatch.delenv("MIXWRIGHT_MIRROR", raising=False)
    with pytest.raises(
        MixwrightError, match=r"set MIXWRIGHT_MIRROR to the folder that holds a\.txt"
    ):
        list(create("it", source).documents())
    monkeypatch.setenv("MIXWRIGHT_MIRROR", str(folder))
    assert list(create("it", source).documents()) == [{"text": "first é"}]


def test_errors_name_the_file_and_the_fix(folder):
    (folder / "bad.txt").write_bytes(b"abc\xff")
    (folder / "bad.jsonl").write_text('{"body":\n')
    (folder / "odd.xyz").write_text("x")
    (folder / "torn.jsonl.zst").write_bytes(b"\x00" + zstandard.compress(LINES)[1:])
    (folder / "torn.jsonl.gz").write_bytes(gzip.compress(LINES * 99)[:40])
    for pattern, message in {
        "bad.txt": r"bad\.txt: not UTF-8 \(byte 3.*iconv",
        "bad.jsonl": r"bad\.jsonl: not readable as json",
        "torn.jsonl.zst": r"torn\.jsonl\.zst: not readable as json",
        "torn.jsonl.gz": r"torn\.jsonl\.gz: not readable as json",
        "odd.xyz": r"odd\.xyz: this kind of file is not read; give \.txt",
        "none/*.txt": r"it: no file matches .*none/\*\.txt; correct the path",
    }.items():
        with pytest.raises(MixwrightError, match=message) as caught:
            read(folder, pattern)
        assert "\n" not in str(caught.value)


def test_a_missing_column_is_told_with_the_columns_there_are(folder):
    with pytest.raises(
        MixwrightError, match=r"has no column text; set `text` to one of body, ask, n"
    ):
        read(folder, "rows.jsonl")


def test_a_column_that_is_no_text_is_refused(folder):
    with pytest.raises(
        MixwrightError, match=r"column n holds int, not text; set `text` to a column of text"
    ):
        read(folder, "rows.jsonl", text="n")


def test_installed_reads_the_harvest_and_names_what_it_has(folder):
    pq.write_table(pa.table({"text": ["one", "two"]}), folder / "prose.parquet")
    assert list(create("prose", {"source": "installed"}).documents(Reading(prepared=folder))) == [
        {"text": "one"},
        {"text": "two"},
    ]
    with pytest.raises(MixwrightError, match="has no poems; it has prose, rows"):
        list(create("poems", {"source": "installed"}).documents(Reading(prepared=folder)))
    with pytest.raises(MixwrightError, match="no harvested corpus in None; run harvest-installed"):
        list(create("prose", {"source": "installed"}).documents())


def test_a_question_needs_no_column_of_text(tmp_path):
    """The target of the README's study."""
    rows = [{"question": "2 + 2?", "answers": ["3", "4"], "correct": 1}]
    (tmp_path / "questions.jsonl").write_text(json.dumps(rows[0]) + "\n")
    columns = {"query": "question", "choices": "answers", "gold": "correct"}
    (row,) = with_answers(read(tmp_path, "questions.jsonl", text="text", **columns), "it", "from-0")
    assert split_query(row) == ("2 + 2?\n", "4")
    with pytest.raises(MixwrightError, match="no column text; set `text` to one of question"):
        read(tmp_path, "questions.jsonl", text="text", query="question")


def test_reading_files_asks_nothing_of_the_network(folder, monkeypatch):
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert len(read(folder, "*.txt")) == 2
    assert len(read(folder, "rows*", text="body")) == 4 * len(ROWS)


def test_the_form_follows_from_the_name():
    assert form_of(Path("/d/x.txt")) == "text"
    assert form_of(Path("/d/x.v2.jsonl.zst")) == "json"
    assert form_of(Path("/d/x.JSON.bz2")) == "json"
    assert form_of(Path("/d/x.parquet")) == "parquet"
