"""The engine that turns the rows of a part into its documents: order, splits, counts, memory."""

import random
import re
import signal
import subprocess
import sys
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from mixwright.corpus import order, parts
from mixwright.corpus.documents import iter_documents, read_counts, read_texts, write_part
from mixwright.corpus.text_settings import STEPS, TextSettings
from mixwright.errors import MixwrightError
from source_rows import ALL_STEPS, adds_up, cleaned, rows_source

VERBATIM = TextSettings()
WORDS = [f"word{number}" for number in range(3_000)]
# What a text may hold besides words.
ODD = ("\r\n", "\t", "  ", "\n\n", "é", "\u2003", "字", "ก", "\0", "“quoted”", "\ud800")


def text_of(draw: random.Random, count: int) -> str:
    pieces = draw.choices(WORDS, k=count)
    for _ in range(draw.randrange(3)):
        pieces.insert(draw.randrange(len(pieces)), draw.choice(ODD))
    return " ".join(pieces)


def corpus(seed: int, count: int = 300) -> tuple[list[str | None], list[str]]:
    """Texts with repeats, repeated lines, leaks, empty and odd ones; and the targets."""
    draw = random.Random(seed)
    targets = [text_of(draw, 60) for _ in range(5)]
    lines = [text_of(draw, 12) for _ in range(20)]
    texts: list[str | None] = [None, "", " \n", "\ufeffa mark in front"]
    for _ in range(count):
        listed = [text_of(draw, draw.randrange(1, 60)) for _ in range(draw.randrange(1, 6))]
        if draw.random() < 0.4:
            listed.insert(draw.randrange(len(listed) + 1), draw.choice(lines))
        if draw.random() < 0.1:
            listed.append(" ".join(draw.choice(targets).split()[10:40]))
        texts.append("\n".join(listed))
        if draw.random() < 0.15:
            texts.append(draw.choice(texts[3:]).replace(" ", "  ", 1))
    draw.shuffle(texts)
    return texts, targets


# The same by hand, one document after another


def windows(text: str, n: int = 13) -> set[tuple[str, ...]]:
    """The n-grams of a text; letters of Thai are too few here to be one."""
    words = re.sub("([字])", r" \1 ", text.lower()).split()
    return {tuple(words[i : i + n]) for i in range(len(words) - n + 1)}


def by_hand(texts, targets, settings: TextSettings) -> list[tuple[str, str]]:
    """(split, text) of the documents, as a study with all steps has them."""
    distinct: dict[bytes, str] = {}
    for raw in texts:
        text = (raw or "").replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        text = text.removeprefix("\ufeff").encode(errors="replace").decode().strip("\n").rstrip()
        text = text.encode()[: settings.max_document_bytes].decode(errors="ignore")
        key = blake2b(" ".join(text.split()).encode(), digest_size=16).digest()
        if text:
            distinct.setdefault(key, text)
    known = set().union(*map(windows, targets))
    lines: set[str] = set()
    documents: dict[bytes, str] = {}
    for key in sorted(distinct):
        if sum(len(text.encode()) for text in documents.values()) >= settings.sample:
            break
        remaining, fresh = [], set()
        for line in distinct[key].split("\n"):
            bare = line.strip()
            if len(bare) >= settings.min_line:
                if bare in lines | fresh:
                    continue
                fresh.add(bare)
            remaining.append(line)
        text = distinct[key]
        if len(remaining) < len(text.split("\n")):
            text = "\n".join(remaining).strip("\n").rstrip()
        if text and not windows(text) & known:
            documents[key] = text
            lines |= fresh
    draws = {key: int.from_bytes(key[8:], "big") / 2**64 for key in documents}
    ordered = sorted(draws.values())
    size = sum(len(text.encode()) for text in documents.values())
    share = min(settings.validation_share, settings.validation_bytes / size)
    limit = min(max(share, ordered[0]), ordered[-2])
    return [
        ("validation" if draws[key] <= limit else "train", text) for key, text in documents.items()
    ]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("small", [False, True], ids=["in memory", "on disk"])
@pytest.mark.parametrize("sample", [10**7, 60_000, 5_000])
def test_documents_and_splits_are_those_by_hand(seed, small, sample, monkeypatch):
    if small:
        monkeypatch.setattr(order, "MOST_HELD", 3_000)
        monkeypatch.setattr(order, "MOST_SORTED", 1)
        monkeypatch.setattr(parts, "BATCH_BYTES", 2_000)
    texts, targets = corpus(seed)
    settings = replace(ALL_STEPS, sample=sample, max_document_bytes=1_500, validation_bytes=9_000)
    documents, counts = cleaned(texts, settings, targets)
    rows = [(document.split, document.text) for document in documents]
    assert rows == by_hand(texts, targets, settings)
    assert adds_up(counts)
    assert counts["documents"] == len(rows)
    train = [text for split, text in rows if split == "train"]
    assert counts["train_characters"] == sum(map(len, train))
    if sample == 10**7:
        reasons = ("empty", "altered", "cut", "duplicates", "repeated_lines", "contaminated")
        assert all(counts[reason] for reason in reasons)
        rows_left_out = ("empty", "duplicates", "contaminated")
        assert counts["read"] >= len(rows) + sum(counts[reason] for reason in rows_left_out)
    else:
        assert counts["beyond_sample"] and counts["bytes"] >= sample


def test_a_sample_is_the_same_in_every_order_of_rows(monkeypatch):
    monkeypatch.setattr(order, "MOST_HELD", 3_000)
    texts, targets = corpus(7, 600)
    # A text that is there twice is taken as it came first.
    texts = list({" ".join((text or "").split()): text for text in texts}.values())
    settings = replace(ALL_STEPS, sample=20_000)
    first = cleaned(texts, settings, targets)
    assert cleaned(texts[::-1], settings, targets) == first
    assert first[1]["beyond_sample"] > 400


def test_a_sample_of_which_steps_drop_most_is_filled_all_the_same(tmp_path, monkeypatch):
    """The lowest hashes that are stored are then too few, and the source is read again."""
    monkeypatch.setattr(order, "MOST_HELD", 3_000)
    line = text_of(random.Random(0), 60)
    texts = [f"{line}\nshort {number}" for number in range(2_000)]
    reads = []

    def rows():
        reads.append(1)
        return ({"text": text} for text in texts)

    settings = replace(ALL_STEPS, sample=10_000)
    counts = write_part(rows_source(rows), settings, [], tmp_path / "d.parquet")
    assert len(reads) > 1
    assert 10_000 <= counts["bytes"] < 10_500
    assert counts["read"] == 2_000 and adds_up(counts)
    rows_by_hand = by_hand(texts, [""], settings)
    documents = read_texts(tmp_path / "d.parquet")
    assert [(document.split, document.text) for document in documents] == rows_by_hand


# Nothing is altered that the study did not ask for


def test_text_is_taken_as_it_is_without_steps():
    texts = ["\ufeffone\r\ntwo\0 \n\n", "  x  ", "x", "x", "y" * 50_000]
    documents, counts = cleaned(texts, VERBATIM)
    assert sorted(document.text for document in documents) == sorted(texts)
    assert counts["duplicates"] == 2
    left_out = ("altered", "cut", "bytes_cut", "bytes_duplicates", "repeated_lines", "empty")
    assert not any(counts[reason] for reason in left_out)
    assert counts["bytes"] == counts["bytes_read"] == sum(len(text.encode()) for text in texts)
    assert counts["source_bytes"] == counts["bytes"] and counts["whole"] == 1


def test_what_utf8_cannot_hold_is_replaced_and_counted():
    documents, counts = cleaned(["a\ud800b", "other", None, " \n"], VERBATIM)
    assert {document.text for document in documents} == {"a?b", "other"}
    assert (counts["altered"], counts["empty"], counts["read"]) == (1, 2, 4)
    assert adds_up(counts)


def test_equal_texts_come_in_the_order_of_their_rows(monkeypatch):
    texts = ["same text", "same  text", " same text", "other"]
    expected = [text for text in texts if text != "other"]
    for most in (10**6, 10):
        monkeypatch.setattr(order, "MOST_HELD", most)
        monkeypatch.setattr(order, "MOST_SORTED", 1)
        documents, counts = cleaned(texts, VERBATIM)
        assert [document.text for document in documents if "same" in document.text] == expected
        assert counts["duplicates"] == 2
        assert len({document.split for document in documents if "same" in document.text}) == 1


def test_one_text_many_times_is_no_domain():
    with pytest.raises(MixwrightError, match=r"d: under two different documents are left .*9 read"):
        cleaned(["same text"] * 9, VERBATIM)


@pytest.mark.parametrize(
    ("step", "counted"),
    [
        ("plain-text", "altered"),
        ("exact-duplicates", "bytes_duplicates"),
        ("repeated-lines", "bytes_repeated_lines"),
        ("decontaminate", "dropped_contaminated"),
    ],
)
def test_each_step_does_its_own_work_alone(step, counted):
    texts, targets = corpus(3)
    _, before = cleaned(texts, VERBATIM, targets)
    assert before["contaminated"] > 0 == before["dropped_contaminated"]
    assert adds_up(before) and before["bytes"] == before["bytes_read"]
    _, counts = cleaned(texts, replace(VERBATIM, clean=(step,)), targets)
    assert adds_up(counts)
    # Text that UTF-8 cannot hold is altered in any case.
    reasons = {"altered", "bytes_duplicates", "bytes_repeated_lines", "dropped_contaminated"}
    more = {reason for reason in reasons if counts[reason] > before[reason]}
    assert more == {counted}


def test_a_share_that_is_held_out_is_capped_in_bytes():
    draw = random.Random(5)
    texts = [text_of(draw, 50) for _ in range(3_000)]
    documents, counts = cleaned(texts, replace(VERBATIM, validation_bytes=50_000))
    held_out = [document for document in documents if document.split == "validation"]
    size = sum(len(document.text.encode()) for document in held_out)
    assert counts["bytes"] > 10**6
    assert 30_000 < size < 70_000


# Parts


def test_parts_together_are_the_sample_and_keep_the_splits_of_texts():
    draw = random.Random(6)
    texts = [text_of(draw, 50) for _ in range(900)]
    settings = replace(VERBATIM, sample=200_000)
    whole = {document.text: document.split for document in cleaned(texts, settings)[0]}
    total = 0
    for part in range(3):
        documents, counts = cleaned(texts, settings, part=part, parts=3)
        assert 66_667 <= counts["bytes"] < 67_500
        assert counts["read"] == 300 and adds_up(counts)
        total += counts["source_bytes"]
        for document in documents:
            assert whole.get(document.text, document.split) == document.split
    assert total == sum(len(text.encode(errors="replace")) for text in texts)


@pytest.mark.parametrize("texts", [[], ["one text"]])
def test_a_part_may_have_no_document_or_one(texts):
    documents, counts = cleaned(texts * 2, VERBATIM, part=1, parts=2)
    assert counts["documents"] == len(documents) == len(texts)


# Token files


def test_tokens_stand_beside_their_text(tmp_path, monkeypatch):
    monkeypatch.setattr(order, "MOST_HELD", 500)
    rows = [{"text": f"text {n}", "tokens": np.arange(n % 5 + n // 40)} for n in range(60)]
    rows.append({"text": "without"})
    settings = replace(VERBATIM, clean=("exact-duplicates", "decontaminate"))
    documents, counts = cleaned(rows, settings)
    assert counts["documents"] == 61
    by_text = {document.text: document.tokens for document in documents}
    assert by_text.pop("without") is None
    for row in rows[:60]:
        assert by_text[row["text"]].dtype == np.uint32
        assert by_text[row["text"]].tolist() == row["tokens"].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"clean": ("plain-text",)}, "d: its source has tokens, whose text plain-text would"),
        ({"clean": STEPS}, "whose text plain-text and repeated-lines would change; leave"),
        ({"max_document_bytes": 500}, "text cannot be cut; leave corpus.max_document_bytes out"),
    ],
)
def test_text_with_tokens_is_not_changed(change, message):
    rows = [{"text": f"text {n}", "tokens": np.arange(3)} for n in range(9)]
    with pytest.raises(MixwrightError, match=message):
        cleaned(rows, replace(VERBATIM, **change))


# Files


def test_documents_are_read_a_batch_at_a_time(tmp_path):
    draw = random.Random(8)
    texts = [text_of(draw, 400) for _ in range(3_000)]
    to = tmp_path / "d.parquet"
    counts = write_part(rows_source([{"text": text} for text in texts]), VERBATIM, [], to)
    assert read_counts(to) == counts
    documents = read_texts(to)
    assert len(documents) == 3_000
    for split in ("train", "validation"):
        listed = [document for document in documents if document.split == split]
        assert list(iter_documents(to, split)) == listed != []


CHILD = """
import os, random, sys
sys.path[:0] = {path!r}
from mixwright.corpus.documents import iter_documents, write_part
from mixwright.corpus.text_settings import STEPS, TextSettings
from source_rows import rows_source

size = 0

def rows():
    draw = random.Random(0)
    line = "".join(draw.choices("abcdefg   ", k=3_000_000))
    size = 0
    while size < {size}:
        first = draw.randrange(2_900_000)
        text = line[first : first + 2_000] + str(size) + chr(10) + str(draw.random()) * 3
        size += len(text)
        if {die} and size > 0.8 * {size}:
            os.kill(os.getpid(), 9)
        yield {{"text": text}}

settings = TextSettings(clean=STEPS[1:])
write_part(rows_source(rows), settings, [], {to!r})
for document in iter_documents({to!r}):
    size += len(document.text)
# The most memory of this process: getrusage counts what its parent had, too.
status = open("/proc/self/status").read()
print(int(status.split("VmHWM:")[1].split()[0]) // 1024)
"""


def child(to: Path, size: int, die: bool = False) -> subprocess.CompletedProcess:
    script = CHILD.format(path=[path for path in sys.path if path], to=str(to), size=size, die=die)
    return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)


def test_memory_does_not_grow_with_the_source(tmp_path):
    done = child(tmp_path / "d.parquet", 300_000_000)
    assert done.returncode == 0, done.stderr
    # MiB, with what the imports take
    assert int(done.stdout) < 300
    assert read_counts(tmp_path / "d.parquet")["bytes_read"] >= 300_000_000
    assert [path.name for path in tmp_path.iterdir()] == ["d.parquet"]


def test_a_killed_part_leaves_nothing_that_counts(tmp_path):
    to = tmp_path / "d.parquet"
    done = child(to, 80_000_000, die=True)
    assert done.returncode == -signal.SIGKILL
    left = list(tmp_path.iterdir())
    assert left and not to.exists()
    assert all(path.name.startswith(".") for path in left)
    # The next job takes away what was left, and is not misled by it.
    write_part(rows_source([{"text": f"text {n}"} for n in range(9)]), VERBATIM, [], to)
    assert list(tmp_path.iterdir()) == [to]
    assert len(read_texts(to)) == 9


def test_a_source_that_fails_leaves_nothing(tmp_path):
    def rows():
        yield from ({"text": f"text {n}"} for n in range(9))
        raise MixwrightError("web: a line is broken")

    with pytest.raises(MixwrightError, match="broken"):
        write_part(rows_source(rows), VERBATIM, [], tmp_path / "d.parquet")
    assert not list(tmp_path.iterdir())


FULL = """
import os, random, resource, sys
sys.path[:0] = {path!r}
from mixwright.corpus import order
from mixwright.corpus.documents import write_part
from mixwright.corpus.text_settings import TextSettings
from mixwright.files import reason
from source_rows import rows_source

order.MOST_HELD = 1_000_000
resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
draw = random.Random(0)
rows = [{{"text": draw.randbytes(10_000).hex()}} for _ in range(200)]
try:
    write_part(rows_source(rows), TextSettings(), [], {to!r})
except OSError as error:
    print(reason(error))
"""


@pytest.mark.parametrize("limit", [10_000, 1_000_000], ids=["buckets", "spool"])
def test_a_disk_that_fills_up_is_one_line_and_leaves_nothing(tmp_path, limit):
    to = tmp_path / "d.parquet"
    path = [path for path in sys.path if path]
    script = FULL.format(path=path, to=str(to), limit=limit)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.startswith(f"{to}: the file is larger than"), done.stderr
    assert not list(tmp_path.iterdir())
