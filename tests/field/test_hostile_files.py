"""Files as they should not be: one line that names file, place and remedy, or the right rows.

With `on_error: skip` what cannot be read is left out, counted and named.
"""

import gzip
import json
import logging
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from mixwright.errors import MixwrightError
from mixwright.sources import create
from mixwright.sources.base import Reading, Tally

HOUSE = Path(__file__).parents[2]
ROWS = [{"id": number, "text": f"row {number} " + "é" * 40} for number in range(3_000)]
TEXTS = [row["text"] for row in ROWS]
LINES = [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in ROWS]


def read(files: object, on_error: str = "stop", **settings: Any) -> tuple[list[str | None], Tally]:
    source = create("web", {"source": "files", "files": str(files), **settings})
    tally = Tally()
    rows = source.documents(Reading(on_error=on_error, tally=tally))
    return [row["text"] for row in rows], tally


def refusal(files: object, **settings: Any) -> str:
    with pytest.raises(MixwrightError) as caught:
        read(files, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message, "say what is wrong; then how to mend it"
    return message


def skipped(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if "skipped: " in record.getMessage()]


BROKEN = [
    (b'{"text": "a"\n', "not readable as json (line 11, column 13: "),
    (b"[1, 2]\n", "line 11 is a list, not an object"),
    (b'"a"\n', "line 11 is text, not an object"),
    (b'{"text": 5}\n', "line 11: column text holds int, not text"),
    (b'{"text": ["a"]}\n', "line 11: column text holds a list, not text"),
    (b'{"text": {"de": "a"}}\n', "line 11: column text holds an object, not text"),
    (b'{"text": "\xe9"}\n', "not UTF-8 (byte "),
    (b"[" * 100_000 + b"\n", "not readable as json (line 11, "),
    (b"\x00\n", "not readable as json (line 11, "),
]


@pytest.mark.parametrize(("line", "words"), BROKEN, ids=range(len(BROKEN)))
@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstandard.compress])
def test_a_broken_line_stops_the_job_or_is_skipped(tmp_path, caplog, line, words, pack):
    path = tmp_path / "web.jsonl"
    path.write_bytes(pack(b"".join([*LINES[:10], line, *LINES[10:]])))
    message = refusal(path)
    assert words in message and str(path) in message
    with caplog.at_level(logging.WARNING):
        texts, tally = read(path, "skip")
    assert texts == TEXTS
    assert (tally.broken, tally.broken_files, tally.whole) == (1, 0, True)
    (told,) = skipped(caplog)
    assert told.startswith("web: skipped: ") and words in told and str(path) in told


def test_three_are_named_and_the_others_are_counted(tmp_path, caplog):
    (tmp_path / "a.jsonl").write_bytes(b'{"text":\n' * 10 + b"".join(LINES))
    (tmp_path / "b.parquet").write_bytes(b"PAR1 and no more")
    with caplog.at_level(logging.WARNING):
        texts, tally = read(tmp_path, "skip")
    assert texts == TEXTS
    assert (tally.broken, tally.broken_files) == (10, 1)
    told = skipped(caplog)
    assert [message.count("(line ") for message in told[:3]] == [1, 1, 1]
    assert told[3:] == ["web: skipped: 8 more rows or files like these"]


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.txt.zst", "a.parquet"])
def test_what_was_read_of_a_file_that_is_cut_off_stays(tmp_path, name, caplog):
    path = tmp_path / name
    if name == "a.parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), path, row_group_size=100)
        content = bytearray(path.read_bytes())
        # The footer stands, some pages do not.
        content[len(content) // 2 : len(content) // 2 + 9_000] = bytes(9_000)
    else:
        pack = gzip.compress if name.endswith("gz") else zstandard.compress
        raw = b"".join(LINES) if "jsonl" in name else "\n".join(TEXTS * 20).encode()
        noise = os.urandom(300_000).hex().encode()
        packed = pack(raw + b'{"text": "' + noise + b'"}\n')
        content = bytearray(packed[: len(packed) - 20_000])
    path.write_bytes(content)
    (tmp_path / "b.jsonl").write_bytes(b"".join(LINES))
    assert "not readable as " in refusal(tmp_path) and name in refusal(tmp_path)
    with caplog.at_level(logging.WARNING):
        texts, tally = read(tmp_path, "skip")
    assert texts[-len(TEXTS) :] == TEXTS
    assert tally.broken_files == 1
    before = texts[: -len(TEXTS)]
    assert len(before) > 500
    assert set(before) <= {*TEXTS} or "txt" in name
    assert any(name in message for message in skipped(caplog))


def test_a_list_that_breaks_off_gives_what_stands_before(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS)[:-30_000])
    assert "not readable as json" in refusal(path)
    texts, tally = read(path, "skip")
    assert texts == TEXTS[: len(texts)] and len(texts) > 2_000
    assert tally.broken_files == 1


@pytest.mark.parametrize("end", ["[", '[{"text": "a"},', '[{"text": "a"}', '[{"text": "a"} 5]'])
def test_a_list_without_its_end_is_refused(tmp_path, end):
    (tmp_path / "a.json").write_text(end)
    assert "a.json: not readable as json (Expecting" in refusal(tmp_path / "a.json")


def test_rows_of_parquet_that_are_not_utf8_are_skipped_one_by_one(tmp_path):
    bad = pa.array([b"one", b"\xff\xfe", b"three"]).view(pa.string())
    pq.write_table(pa.table({"text": bad}), tmp_path / "a.parquet")
    assert "row 2: not UTF-8" in refusal(tmp_path / "a.parquet")
    texts, tally = read(tmp_path / "a.parquet", "skip")
    assert texts == ["one", "three"] and tally.broken == 1


def test_documents_of_text_that_are_not_utf8_are_skipped(tmp_path):
    lines = [f"line {number}".encode() for number in range(20_000)]
    lines[15_000] = b"caf\xe9"
    (tmp_path / "a.txt").write_bytes(b"\n".join(lines))
    assert "a.txt: not UTF-8 (byte " in refusal(tmp_path) and "line 15001" in refusal(tmp_path)
    texts, tally = read(tmp_path, "skip")
    assert len(texts) == 19_999 and tally.broken == 1


def test_a_column_that_is_missing_stops_also_where_faults_are_skipped(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"body": "a"}\n' * 3)
    pq.write_table(pa.table({"body": ["a"]}), tmp_path / "b.parquet")
    for name in ("a.jsonl", "b.parquet"):
        with pytest.raises(MixwrightError, match="no column text; set `text` to one of body"):
            read(tmp_path / name, "skip")


def test_null_and_empty_texts_are_rows(tmp_path):
    rows = ['{"text": null}', '{"text": ""}', '{"text": "  "}', '{"id": 1}', '{"text": "a"}']
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    assert read(tmp_path)[0] == [None, "", "  ", None, "a"]


def test_values_are_what_they_are(tmp_path):
    """Line ends, nulls and white space stay; a mark of the encoding stands before the first row."""
    texts = ["a\r\nb\r\n", "\x00a\x00", " \n a \t", "\u2028\x0b", "\ufeffa", "\ud800"]
    lines = [json.dumps({"text": text}) for text in texts]
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    got, tally = read(tmp_path)
    assert got == texts
    assert tally.text_bytes == sum(len(text.encode(errors="surrogatepass")) for text in texts)


@pytest.mark.parametrize(
    "name", ["a b", "it's", 'say "hi"', "日本 é", "50% #1", "a;b", "$x", "new\nline"]
)
def test_any_name_of_a_file_or_folder_works(tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / f"{name}.jsonl").write_bytes(b"".join(LINES))
    assert read(folder)[0] == read(folder / f"{name}.jsonl")[0] == TEXTS


def test_sockets_and_pipes_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert "pipe.jsonl is no file" in refusal(tmp_path / "*.jsonl")
    assert "pipe.jsonl is no file" in refusal(tmp_path)
    (tmp_path / "pipe.jsonl").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.jsonl"))
        assert "s.jsonl is no file" in refusal(tmp_path / "*.jsonl")


def test_links_in_a_circle_lead_to_no_file(tmp_path):
    (tmp_path / "a.jsonl").symlink_to("b.jsonl")
    (tmp_path / "b.jsonl").symlink_to("a.jsonl")
    assert "a.jsonl is a broken link (in a circle, " in refusal(tmp_path / "a.jsonl")


PROGRAM = """
import os, sys
from mixwright.sources import create
from mixwright.sources.base import Reading, Tally
from mixwright.errors import MixwrightError
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
source = create("web", {"source": "files", "files": sys.argv[1]})
tally = Tally()
try:
    count = len(list(source.documents(Reading(on_error=sys.argv[2], tally=tally))))
    print(count, tally.broken_files, source.size())
except MixwrightError as error:
    print(error)
"""


def unprivileged(files: Path, on_error: str) -> str:
    """What a user who is not root gets."""
    words = [sys.executable, "-c", PROGRAM, str(files), on_error]
    environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout.strip()


def test_a_folder_that_is_read_only_is_read(tmp_path):
    for folder in (*tmp_path.parents[:-2], tmp_path):
        folder.chmod(folder.stat().st_mode | 0o055)
    data = tmp_path / "data"
    data.mkdir()
    (data / "a.jsonl").write_bytes(b"".join(LINES))
    (data / "a.jsonl").chmod(0o444)
    data.chmod(0o555)
    size = (data / "a.jsonl").stat().st_size
    assert unprivileged(data, "stop") == f"{len(TEXTS)} 0 {size}"
    data.chmod(0o755)
    (data / "b.jsonl").write_bytes(b"".join(LINES))
    (data / "b.jsonl").chmod(0o000)
    assert "b.jsonl: it may not be read; change its permissions" in unprivileged(data, "stop")
    assert unprivileged(data, "skip") == f"{len(TEXTS)} 1 {2 * size}"
    data.chmod(0o000)
    assert "data: Permission denied; correct the path" in unprivileged(data, "stop")
    data.chmod(0o755)


MEMORY = """
import resource, sys
from mixwright.sources import create
from mixwright.sources.base import Reading, Tally
import pyarrow.parquet
source = create("web", {"source": "files", "files": sys.argv[1]})
tally = Tally()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = longest = 0
for row in source.documents(Reading(tally=tally)):
    rows += 1
    longest = max(longest, len(row["text"]))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(rows, longest, tally.text_bytes, grown // 1024)
"""


def memory(path: Path) -> tuple[int, int, int, int]:
    """Rows, characters of the longest, bytes of text, and MB that the process grew by."""
    environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(path)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    rows, longest, text, grown = map(int, done.stdout.split())
    return rows, longest, text, grown


def write_large(path: Path, start: bytes, piece: bytes, times: int, end: bytes = b"") -> None:
    with path.open("wb") as file:
        file.write(start)
        for _ in range(times):
            file.write(piece)
        file.write(end)


def test_a_line_of_200_mb_is_read(tmp_path):
    path = tmp_path / "a.jsonl"
    write_large(path, b'{"text": "', b"word " * 200_000, 200, b'"}\n{"text": "b"}\n')
    rows, longest, _, grown = memory(path)
    assert (rows, longest) == (2, 200_000_000)
    assert grown < 900


@pytest.mark.parametrize(
    "piece", [b"word " * 200_000, b"x" * 1_000_000, (b"a line " * 20 + b"\n\n") * 7_000]
)
def test_a_text_of_200_mb_is_never_held(tmp_path, piece):
    path = tmp_path / "a.txt"
    write_large(path, b"", piece, 200)
    _, longest, text, grown = memory(path)
    assert longest <= 1 << 20 and text > 0.7 * path.stat().st_size
    assert grown < 60


def test_packed_files_and_lists_are_never_held(tmp_path):
    rows = json.dumps([{"text": "a text " * 100}] * 1_000)[1:-1].encode()
    write_large(tmp_path / "a.json", b"[", rows + b",", 120, rows + b"]")
    assert memory(tmp_path / "a.json")[3] < 60
    with zstandard.open(tmp_path / "b.jsonl.zst", "wb") as file:
        for _ in range(100):
            file.write(json.dumps({"text": "a" * 1_000_000}).encode() + b"\n")
    rows_read, _, _, grown = memory(tmp_path / "b.jsonl.zst")
    assert rows_read == 100 and grown < 60
    (tmp_path / "b.jsonl.zst").unlink()
    writer = pq.ParquetWriter(tmp_path / "c.parquet", pa.schema([("text", pa.string())]))
    with writer:
        writer.write_table(pa.table({"text": [f"{n} " * 1_000 for n in range(30_000)]}))
    assert memory(tmp_path / "c.parquet")[3] < 150


def test_very_many_files_are_listed_and_sampled_quickly(tmp_path, monkeypatch):
    """The limits are many times what it takes; what is counted is the files that are opened."""
    for number in range(20_000):
        (tmp_path / f"{number}.txt").write_bytes(b"some words of a text\n" * (50 + number % 50))
    settings = {"source": "files", "files": str(tmp_path)}
    start = time.process_time()
    source = create("web", settings)
    assert len(source.inputs()) == 20_000
    assert source.size() == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert time.process_time() - start < 10
    opened = []
    real = Path.open

    def note(path: Path, *words: Any, **options: Any) -> Any:
        opened.append(path)
        return real(path, *words, **options)

    monkeypatch.setattr(Path, "open", note)
    tally = Tally()
    rows = list(source.documents(Reading(most_bytes=1_000_000, tally=tally)))
    assert 900_000 < tally.text_bytes < 1_300_000
    assert len(set(opened)) < 1.3 * len(rows) < 1_000
    whole = source.size()
    estimate = tally.text_bytes * tally.part_bytes / tally.passed_bytes
    assert estimate == pytest.approx(whole, rel=0.05)
