"""Text is read whole, or refused by name: nothing is skipped, altered or misread in silence."""

import bz2
import gzip
import json
import logging
import lzma
import os
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mixwright.errors import MixwrightError
from mixwright.sources import create

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": zstandard.compress,
}
ROWS = [{"id": number, "text": f"the text of row {number}, é"} for number in range(40)]
TEXTS = [row["text"] for row in ROWS]


def lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def read(files: Path | str | list[str], **settings: str) -> list[str | None]:
    source = create("web", {"source": "files", "files": files, **settings})
    source.inputs()
    return [row["text"] for row in source.documents()]


def refusal(files: Path | str, **settings: str) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(MixwrightError) as caught:
        read(str(files), **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message, "say what is wrong; then how to mend it"
    return message


# Packed files


@pytest.mark.parametrize("suffix", PACK)
def test_all_members_of_an_archive_are_read(tmp_path, suffix):
    draw = random.Random(suffix)
    whole = lines(ROWS)
    for trial in range(8):
        cuts = sorted(draw.randrange(len(whole)) for _ in range(trial))
        members = [
            whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True) if a < b
        ]
        path = tmp_path / f"{trial}.jsonl{suffix}"
        path.write_bytes(b"".join(PACK[suffix](member) for member in members))
        assert read(str(path)) == TEXTS


@pytest.mark.parametrize("suffix", PACK)
def test_an_archive_that_is_cut_off_is_refused_wherever_it_ends(tmp_path, suffix):
    """A frame of zstandard that ends early used to give the rows so far."""
    packed = PACK[suffix](lines(ROWS * 20))
    path = tmp_path / f"web.jsonl{suffix}"
    for end in random.Random(0).sample(range(7, len(packed) - 1), 12):
        path.write_bytes(packed[:end])
        message = refusal(path)
        assert "web.jsonl" in message and "not readable as json" in message


def test_frames_without_content_and_skippable_ones_are_nothing(tmp_path):
    skippable = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"meta"
    half = lines(ROWS[:20])
    empty = zstandard.compress(b"")
    path = tmp_path / "web.jsonl.zst"
    frames = [skippable, zstandard.compress(half), empty, zstandard.compress(lines(ROWS[20:]))]
    path.write_bytes(b"".join(frames))
    assert read(str(path)) == TEXTS


def test_the_content_says_how_a_file_is_packed(tmp_path):
    (tmp_path / "packed.jsonl").write_bytes(gzip.compress(lines(ROWS)))
    assert read(str(tmp_path / "packed.jsonl")) == TEXTS
    (tmp_path / "plain.jsonl.gz").write_bytes(lines(ROWS))
    assert "its content is not packed as .gz is" in refusal(tmp_path / "plain.jsonl.gz")


# Columns that nobody asked for


def test_other_columns_may_hold_what_they_like(tmp_path):
    """Null for more than a reader's block, then a date: the column's type is never asked for."""
    rows = [{"text": f"{number} {'x' * 10_000}", "added": None} for number in range(1_100)]
    rows.append({"text": "last", "added": "2026-11-28T12:00:00"})
    (tmp_path / "web.jsonl.gz").write_bytes(gzip.compress(lines(rows), 1))
    assert read(str(tmp_path / "web.jsonl.gz"))[-1] == "last"


def test_columns_of_any_mixed_type_change_nothing(tmp_path):
    draw = random.Random(1)
    values = [None, 1, 1.5, 10**30, True, "x", "2026-11-28", [], [1, "a"], {}, {"a": {"b": None}}]
    for trial in range(20):
        rows = []
        for row in ROWS:
            others = {f"column {n}": draw.choice(values) for n in range(draw.randrange(6))}
            items = [*row.items(), *others.items()]
            draw.shuffle(items)
            rows.append(dict(items))
        (tmp_path / f"{trial}.jsonl").write_bytes(lines(rows))
        assert read(str(tmp_path / f"{trial}.jsonl")) == TEXTS


def test_a_field_of_a_column_may_be_the_text(tmp_path):
    rows = [{"meta": {"body": text, "n": 1}} for text in TEXTS]
    (tmp_path / "web.jsonl").write_bytes(lines(rows))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "web.parquet")
    assert read(str(tmp_path / "web.jsonl"), text="meta.body") == TEXTS
    assert read(str(tmp_path / "web.parquet"), text="meta.body") == TEXTS


def test_rows_without_the_column_are_null_and_a_file_without_it_is_refused(tmp_path):
    (tmp_path / "some.jsonl").write_bytes(lines([{"text": "a"}, {"id": 1}, {"text": None}]))
    assert read(str(tmp_path / "some.jsonl")) == ["a", None, None]
    (tmp_path / "none.jsonl").write_bytes(lines([{"body": "a", "id": 1}] * 3))
    assert "has no column text; set `text` to one of body, id" in refusal(tmp_path / "none.jsonl")
    pq.write_table(pa.table({"body": ["a"], "id": [1]}), tmp_path / "none.parquet")
    assert "has no column text; set `text` to one of body, id" in refusal(tmp_path / "none.parquet")


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n\n" + "\n".join(json.dumps(row, indent=1) for row in ROWS),
        "\ufeff" + lines(ROWS).decode().replace("\n", "\r\n"),
        "\n" + lines(ROWS).decode().replace("\n", "\n\n") + "  ",
    ],
    ids=["list", "indented list", "indented objects", "mark and CRLF", "blank lines"],
)
def test_json_is_read_however_it_is_laid_out(tmp_path, content):
    (tmp_path / "web.json").write_text(content, newline="")
    assert read(str(tmp_path / "web.json")) == TEXTS


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"text": "a"', "not readable as json (line 3, column 13"),
        ("text", "not readable as json (line 3, column 1"),
        ('["a", "b"]', "line 3 is a list, not an object"),
        ('"a"', "line 3 is text, not an object"),
        ('{"text": 5}', "line 3: column text holds int, not text"),
        ('{"text": ["a"]}', "line 3: column text holds a list, not text"),
        ('{"text": {"de": "a"}}', "line 3: column text holds an object, not text"),
        ('{"n": ' + "9" * 5000 + "}", "not readable as json (line 3, "),
        ("[" * 100_000, "not readable as json (line 3, "),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path, line, words):
    path = tmp_path / "web.jsonl"
    path.write_text('{"text": "a"}\n{"text": "b"}\n' + line + "\n")
    message = refusal(path)
    assert words in message and str(path) in message


# Bytes that are not UTF-8


@pytest.mark.parametrize("suffix", ["", *PACK])
def test_a_bad_byte_is_found_by_line_and_place(tmp_path, suffix):
    draw = random.Random(suffix)
    plain = lines(ROWS)
    for _ in range(5):
        line = draw.randrange(len(ROWS))
        place = plain.index(f"row {line},".encode()) + 3
        content = plain[:place] + b"\xe9" + plain[place:]
        path = tmp_path / f"web.jsonl{suffix}"
        path.write_bytes(PACK[suffix](content) if suffix else content)
        message = refusal(path)
        where = f"byte {place} of the unpacked file" if suffix else f"byte {place}"
        assert f"{path}: not UTF-8 ({where}, line {line + 1}: " in message
        unpack = {".gz": "gzip -dc", ".bz2": "bzip2 -dc", ".xz": "xz -dc", ".zst": "zstd -dc"}
        if suffix:
            assert f"{unpack[suffix]} web.jsonl{suffix} | iconv -f latin1 -t utf-8" in message
        else:
            assert message.endswith("iconv -f latin1 -t utf-8 web.jsonl")


def test_texts_and_lists_name_the_place_too(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"one\ntwo \xff")
    assert "not UTF-8 (byte 8, line 2: " in refusal(tmp_path / "a.txt")
    (tmp_path / "a.json").write_bytes(b'[\n{"text": "\xff"}]')
    assert "not UTF-8 (byte 12, line 2: " in refusal(tmp_path / "a.json")
    (tmp_path / "wide.txt").write_text("a text", encoding="utf-16")
    assert "iconv -f utf-16 -t utf-8" in refusal(tmp_path / "wide.txt")


# Parquet


@pytest.mark.parametrize(
    "kind",
    [
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int32(), pa.string()),
        pa.dictionary(pa.int8(), pa.large_string()),
    ],
    ids=str,
)
def test_every_kind_of_string_is_read(tmp_path, kind):
    table = pa.table({"text": pa.array(TEXTS).cast(kind), "n": range(len(TEXTS))})
    pq.write_table(table, tmp_path / "web.parquet", row_group_size=7)
    assert read(str(tmp_path / "web.parquet")) == TEXTS
    for suffix, pack in PACK.items():
        content = (tmp_path / "web.parquet").read_bytes()
        (tmp_path / f"web.parquet{suffix}").write_bytes(pack(content))
        assert read(str(tmp_path / f"web.parquet{suffix}")) == TEXTS


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (pa.array([b"a", b"b"]), "binary data, not text"),
        (pa.array([["a"], ["b"]]), "a list, not text"),
        (pa.array([1, 2]), "int, not text"),
        (pa.array([{"a": "b"}] * 2), "an object, not text"),
        (pa.array([1.5, None]), "float, not text"),
    ],
    ids=["binary", "list", "int", "struct", "float"],
)
def test_other_columns_are_refused_by_name(tmp_path, values, words):
    pq.write_table(pa.table({"text": values}), tmp_path / "web.parquet")
    message = refusal(tmp_path / "web.parquet")
    assert "web.parquet: row 1: column text holds " + words in message


def test_broken_parquet_is_one_line(tmp_path):
    path = tmp_path / "web.parquet"
    pq.write_table(pa.table({"text": TEXTS * 50}), path)
    content = path.read_bytes()
    draw = random.Random(3)
    for _ in range(30):
        broken = bytearray(content)
        for _ in range(draw.randrange(1, 20)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        path.write_bytes(broken[: draw.choice([len(broken), draw.randrange(1, len(broken))])])
        try:
            read(str(path))
        except MixwrightError as error:
            assert "\n" not in str(error) and "web.parquet" in str(error)
    bad = pa.array([b"\xff\xfe"]).view(pa.string())
    pq.write_table(pa.table({"text": bad}), path)
    assert "not readable as parquet" in refusal(path)


def test_a_column_that_stands_twice_is_refused(tmp_path):
    table = pa.Table.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["text", "text"])
    pq.write_table(table, tmp_path / "web.parquet")
    assert "has the column text 2 times; leave one" in refusal(tmp_path / "web.parquet")


# Files without content


def write_empty(folder: Path) -> dict[str, Path]:
    """Files that hold nothing, each in another way."""
    contents = {
        "a.jsonl": b"",
        "b.txt": b"",
        "c.json": b" \n\n",
        "d.parquet": b"",
        "e.jsonl.gz": b"",
        "f.jsonl.gz": gzip.compress(b""),
        "g.jsonl.zst": zstandard.compress(b""),
        "h.jsonl.zst": b"",
        "i.json": b"[]",
        "j.txt": b"\xef\xbb\xbf \n",
        "k.jsonl": b"\xef\xbb\xbf",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), folder / "l.parquet")
    return {name: folder / name for name in [*contents, "l.parquet"]}


def test_empty_files_are_nothing_and_the_log_says_so(tmp_path, caplog):
    files = write_empty(tmp_path)
    (tmp_path / "z.jsonl").write_bytes(lines(ROWS))
    with caplog.at_level(logging.WARNING):
        assert read(str(tmp_path / "*")) == TEXTS
    told = [record.getMessage() for record in caplog.records]
    assert sorted(told) == sorted(
        f"{path}: empty, nothing is read of it" for path in files.values()
    )


# What a pattern matches and what is no file of text


def test_broken_links_are_refused_by_name(tmp_path):
    (tmp_path / "part0.jsonl").write_bytes(lines(ROWS))
    (tmp_path / "part1.jsonl").symlink_to("/nowhere/annex/part1.jsonl")
    message = refusal(tmp_path / "*.jsonl")
    assert "part1.jsonl is a broken link to /nowhere/annex/part1.jsonl" in message
    assert "git annex get" in message and "dvc pull" in message
    assert "broken link" in refusal(tmp_path / "part1.jsonl")
    assert "broken link" in refusal(tmp_path / "**" / "*.jsonl")
    (tmp_path / "part1.jsonl").unlink()
    (tmp_path / "part1.jsonl").symlink_to(tmp_path / "part0.jsonl")
    assert read(str(tmp_path / "*.jsonl")) == TEXTS * 2
    (tmp_path / "loop.jsonl").symlink_to(tmp_path / "loop.jsonl")
    assert "broken link" in refusal(tmp_path / "*.jsonl")


def test_pointers_of_git_are_not_text(tmp_path):
    lfs = "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    annex = "/annex/objects/SHA256E-s123--abc.txt\n"
    for name in ("a.txt", "b.jsonl", "c.parquet", "d.jsonl.gz"):
        (tmp_path / name).write_text(lfs)
        assert "a git-lfs pointer, not the file itself; fetch it" in refusal(tmp_path / name)
        (tmp_path / name).write_text(annex)
        assert "fetch it (git annex get)" in refusal(tmp_path / name)


def test_a_folder_is_the_files_of_text_below_it(tmp_path, caplog):
    folder = tmp_path / "texts"
    (folder / "deep" / "deeper").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / "a.txt").write_text("a text")
    (folder / "deep" / "b.jsonl.gz").write_bytes(gzip.compress(lines(ROWS)))
    (folder / "deep" / "deeper" / "c d 'e' é.jsonl").write_bytes(lines(ROWS))
    for name in ("README.md", "dataset_info.json", ".hidden.txt", ".git/x.txt", "deep/_SUCCESS"):
        (folder / name).write_text("no text")
    (folder / "deep" / "up").symlink_to(folder)
    with caplog.at_level(logging.WARNING):
        assert read(str(folder)) == ["a text", *TEXTS, *TEXTS]
    (record,) = caplog.records
    assert record.getMessage() == (
        f"web: in {folder}, passed by: README.md, dataset_info.json, deep/_SUCCESS"
    )
    assert read([str(folder / "a.txt"), str(folder)]) == ["a text", *TEXTS, *TEXTS]
    assert read(str(tmp_path / "te*")) == read(str(folder))


def test_json_files_alone_are_the_text_of_a_folder(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(ROWS))
    (tmp_path / "README.md").write_text("read me")
    assert read(str(tmp_path)) == TEXTS


def test_a_folder_without_text_is_refused(tmp_path):
    assert "holds no file of text (txt, jsonl, json, parquet), but nothing;" in refusal(tmp_path)
    (tmp_path / "notes.md").write_text("a text")
    assert "holds no file of text (txt, jsonl, json, parquet), but .md;" in refusal(tmp_path)
    (tmp_path / "a.txt").symlink_to(tmp_path / "nowhere.txt")
    assert "a.txt is no file (a broken link" in refusal(tmp_path)


def test_patterns_of_all_files_pass_folders(tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a text")
    (tmp_path / "web.jsonl").write_bytes(lines(ROWS))
    assert len(read(str(tmp_path / "**"))) == len(read(str(tmp_path / "**" / "*"))) == 41
    (tmp_path / "spark.jsonl").mkdir()
    (tmp_path / "spark.jsonl" / "part-0.jsonl").write_bytes(lines(ROWS))
    assert len(read(str(tmp_path / "*.jsonl"))) == 80


def test_what_may_not_be_read_and_what_is_a_pipe_are_refused(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "pipe.jsonl is no file of text" in refusal(tmp_path / "*.jsonl")
    (tmp_path / "secret.txt").write_text("a")

    def refuse(path: Path, *_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    message = refusal(tmp_path / "secret.txt")
    assert "secret.txt: it may not be read; change its permissions" in message


def test_folders_that_may_not_be_entered_and_names_that_cannot_be_are_one_line(
    tmp_path, monkeypatch
):
    assert "File name too long; correct the path" in refusal(tmp_path / ("x" * 400 + ".jsonl"))
    assert "no file matches" in refusal(tmp_path / "a\0b.jsonl")

    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    message = refusal(tmp_path / "secret" / "web.jsonl")
    assert "secret/web.jsonl: Permission denied; correct the path, or the permissions" in message


def test_many_small_files_are_read_in_order(tmp_path):
    for number in range(500):
        (tmp_path / f"{number:03}.txt").write_text(f"text {number}")
    assert read(str(tmp_path / "*.txt")) == [f"text {number}" for number in range(500)]


@pytest.mark.parametrize("suffix", ["", *PACK])
def test_broken_files_never_end_in_a_traceback(tmp_path, suffix):
    """A change of some bytes gives rows, or one line that names the file."""
    draw = random.Random(suffix)
    content = lines(ROWS)
    if suffix:
        content = PACK[suffix](content)
    path = tmp_path / f"web.jsonl{suffix}"
    for _ in range(150):
        broken = bytearray(content)
        for _ in range(draw.randrange(1, 5)):
            broken[draw.randrange(len(broken))] = draw.randrange(256)
        path.write_bytes(broken)
        try:
            read(str(path))
        except MixwrightError as error:
            assert "\n" not in str(error) and "web.jsonl" in str(error)


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.parquet"])
def test_a_link_into_a_store_is_what_its_own_name_says(tmp_path, name):
    """Hugging Face's cache, DVC and git-annex name a file's content by a hash."""
    store = tmp_path / "blobs" / "0f3a9c"
    store.parent.mkdir()
    content = lines(ROWS)
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(ROWS), store)
    else:
        store.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    folder = tmp_path / "snapshot"
    folder.mkdir()
    (folder / name).symlink_to(Path("..") / "blobs" / "0f3a9c")
    source = create("web", {"source": "files", "files": str(folder / "a.*")})
    assert source.inputs() == [folder / name]
    source.check_inputs("config: domains.web", source.inputs())
    assert [row["text"] for row in source.documents()] == TEXTS


def test_a_file_that_two_patterns_match_is_read_once(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(lines(ROWS))
    both = [str(tmp_path / "*.jsonl"), str(tmp_path / "a.jsonl")]
    assert read(both) == TEXTS
    assert create("web", {"source": "files", "files": both}).inputs() == [tmp_path / "a.jsonl"]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("https://example.org/a.jsonl", "addresses are not read: fetch the file"),
        ("hf://datasets/org/name/*.json.gz", "or name it in the section `public`"),
        ("s3://bucket/a.jsonl", "addresses are not read"),
        ("texts/{a,b}.jsonl", "braces are no pattern"),
        ("a.jsonl, b.jsonl", "several are a list: [a.jsonl, b.jsonl]"),
        ("texts [v1]/*.jsonl", "in a pattern, [ is written [[]"),
    ],
)
def test_what_is_no_pattern_here_is_answered_with_what_to_write(pattern, words):
    message = refusal(pattern)
    assert f"no file matches {pattern};" in message and words in message


def test_a_text_that_is_nan_is_no_text(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"text": "one"}\n{"text": NaN}\n{"text": null}\n')
    assert read(str(tmp_path / "a.jsonl")) == ["one", None, None]
    (tmp_path / "b.jsonl").write_text('{"text": "one"}\n{"text": 1.5}\n')
    assert "line 2: column text holds float, not text" in refusal(tmp_path / "b.jsonl")
