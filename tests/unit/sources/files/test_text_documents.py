"""What the documents of a file of text are, and that nothing of it is lost."""

import gzip
import random
import re
from pathlib import Path

import pytest

from mixwright.sources import create
from mixwright.sources.base import Reading
from mixwright.sources.files.text_rows import BLOCK, LONGEST, WHOLE

PARAGRAPH = "a line of words that is not long\nand another one, é"


def read(path: Path, **reading: object) -> list[str]:
    source = create("web", {"source": "files", "files": str(path)})
    return [row["text"] for row in source.documents(Reading(**reading))]


def bare(text: str) -> str:
    return re.sub(r"\s", "", text)


def test_a_small_file_is_one_document_as_it_is(tmp_path):
    content = "\n\n one\r\n\r\ntwo \n\n\x00three\n"
    (tmp_path / "a.txt").write_text(content, newline="")
    assert read(tmp_path / "a.txt") == [content]
    (tmp_path / "b.txt").write_bytes(b"x" * WHOLE)
    assert read(tmp_path / "b.txt") == ["x" * WHOLE]


def test_a_mark_of_the_encoding_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_text("\ufeffone")
    (tmp_path / "b.txt").write_text("\ufeff" + "a line\n" * 20_000)
    assert read(tmp_path / "a.txt") == ["one"]
    assert read(tmp_path / "b.txt") == ["a line"] * 20_000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_documents_where_there_is_no_blank_line(tmp_path, end):
    lines = [f" line {number} \t" for number in range(10_000)]
    (tmp_path / "a.txt").write_text(end.join(lines), newline="")
    assert read(tmp_path / "a.txt") == lines
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress((tmp_path / "a.txt").read_bytes()))
    assert read(tmp_path / "a.txt.gz") == lines


@pytest.mark.parametrize("parting", ["\n\n", "\r\n\r\n", "\n  \t\n", "\n\n\n\n"])
def test_paragraphs_are_gathered(tmp_path, parting):
    content = parting.join(f"{number} {PARAGRAPH}" for number in range(4_000))
    (tmp_path / "a.txt").write_text(content, newline="")
    documents = read(tmp_path / "a.txt")
    size = len(content.encode())
    assert size / BLOCK - 1 < len(documents) < size / BLOCK + 2
    place = 0
    for document in documents:
        assert document == document.strip() and document.endswith(PARAGRAPH)
        start = content.index(document, place)
        assert not content[place:start].strip()
        place = start + len(document)
    assert place == len(content)


@pytest.mark.parametrize("word", ["word é ", "é", "日本"])
def test_what_is_too_long_is_cut_and_nothing_is_lost(tmp_path, word):
    content = word * (3 * LONGEST // len(word.encode())) + "\nshort\n" + "x" * LONGEST
    (tmp_path / "a.txt").write_text(content)
    documents = read(tmp_path / "a.txt")
    assert max(len(document.encode()) for document in documents) <= LONGEST
    assert "short" in documents
    joined = "".join(documents)
    assert joined.replace("short", "\nshort\n") == content
    if " " in word:
        assert all(document.endswith(" ") for document in documents[:2])


def test_random_texts_lose_nothing(tmp_path):
    draw = random.Random(0)
    for trial in range(12):
        pieces = []
        for _ in range(draw.choice([50, 2_000])):
            pieces.append("ab é"[: draw.randrange(5)] * draw.randrange(1, draw.choice([9, 3_000])))
            pieces.append(draw.choice(["\n", "\r\n", "\n\n", "\n \n", " "]))
        content = "".join(pieces)
        (tmp_path / "a.txt").write_text(content, newline="")
        documents = read(tmp_path / "a.txt")
        assert bare("".join(documents)) == bare(content), trial
        parts = [read(tmp_path / "a.txt", part=part, parts=3) for part in range(3)]
        assert [one for part in parts for one in part] == documents
