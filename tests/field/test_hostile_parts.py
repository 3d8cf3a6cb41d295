"""Domains of odd text, and parts that were cut off on disk: a line that says what to do."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mixwright.__main__ import main
from mixwright.corpus.shards import open_shard
from mixwright.errors import MixwrightError
from mixwright.study.config import resolve
from mixwright.study.study import Study
from text_folders import text, write_lines

HOUSE = Path(__file__).parents[2]
SHAPE = {"model": "micro", "batch": 4}


class Bench:
    """A study with the domain `web`, whose rules are called one by one."""

    run = staticmethod(main)

    def __init__(self, folder: Path, rows: list[dict[str, Any]], **domain: Any) -> None:
        self.folder = folder
        write_lines(folder / "web.jsonl", rows)
        config = {
            "study": "odd",
            "domains": {
                "web": {"source": "files", "files": str(folder / "web.jsonl"), **domain},
                "other": {"source": "installed"},
            },
            "targets": {"held": {"source": "installed"}},
            "tokenizer": {"vocabulary": 300},
            "proxy": SHAPE,
            "final": SHAPE,
            "mixers": {"uniform": {}},
        }
        Study(resolve(config, HOUSE / "config")).write(folder / "study.json")

    def call(self, command: str, to: str, *words: object) -> Any:
        """Runs a command on the study; returns what `run` does, its code."""
        options = [command, *words, "--to", self.folder / to]
        if command != "tokenize-part":
            options += ["--study", self.folder / "study.json"]
        return self.run([str(option) for option in options])

    def clean(self, part: int = 0, parts: int = 1) -> int:
        words = ("--domain", "web", "--part", part, "--parts", parts, "--harvest", "--questions")
        return self.call("clean-part", f"documents/web/{part}.parquet", *words)

    def train(self, documents: list[Path] | None = None) -> int:
        documents = documents or self.documents
        return self.call("train-tokenizer", "tokenizer", "--documents", *documents)

    def tokenize(self, part: int = 0) -> int:
        documents = self.folder / f"documents/web/{part}.parquet"
        words = ("--domain", "web", "--documents", documents, "--earlier")
        return self.call(
            "tokenize-part", f"tokens/web/{part}", *words, "--tokenizer", self.folder / "tokenizer"
        )

    def join(self) -> int:
        return self.call("join-parts", "shards/web", "--domain", "web", "--tokens", *self.tokens)

    def until_join(self, parts: int) -> int:
        """Runs the rules of a domain of so many parts; returns the code of the last."""
        for part in range(parts):
            assert self.clean(part, parts) == 0
        assert self.train() == 0
        for part in range(parts):
            assert self.tokenize(part) == 0
        return self.join()

    @property
    def documents(self) -> list[Path]:
        return sorted(self.folder.glob("documents/web/*.parquet"))

    @property
    def tokens(self) -> list[Path]:
        return sorted(self.folder.glob("tokens/web/*"))


def rows_of(count: int) -> list[dict[str, Any]]:
    draw = random.Random(count)
    return [{"text": text(draw), "kind": "a"} for _ in range(count)]


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    """The line that a command that failed said, with nothing behind it."""
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("mixwright: ") and "; " in said
    return said


LEFT = "mixwright: web: under two documents are left of this domain"
ODD = [
    ([{"text": ""}] * 30, 1, {}, f"{LEFT} (30 read, 30 empty); give it more or other text"),
    ([{"text": ""}] * 30, 3, {}, f"{LEFT} in its 3 parts (30 read, 30 empty); give it more"),
    ([{"text": " \n\t"}] * 9, 2, {}, f"{LEFT} in its 2 parts (9 read, 9 empty); give it more"),
    (rows_of(1), 1, {}, f"{LEFT} (1 read, 1 documents); give it more or other text"),
    (rows_of(1), 3, {}, f"{LEFT} in its 3 parts (1 read, 1 documents); give it more"),
    (rows_of(1) * 40, 1, {}, "under two different documents are left of this domain (40 read, 39"),
    (rows_of(1) * 40, 2, {}, "web: not one validation token; give the domain more text or raise"),
    (rows_of(40), 1, {"where": {"kind": "b"}}, "web: no row has kind b; set `where` to some of a"),
    (rows_of(40), 2, {"where": {"kind": "b"}}, "(0 read); give it more or other text, or correct"),
    (
        rows_of(900),
        2,
        {"where": {"kind": "b"}, "sample": 1_000},
        "in its 2 parts (0 read); give it more or other text, or correct its `where` if it has one",
    ),
    (
        [{"text": f"{number * 7919:0150}"} for number in range(900)],
        2,
        {"sample": 1_000},
        "under one sequence of 64; raise corpus.sample, give the domain more text or shorten",
    ),
]


@pytest.mark.parametrize(("rows", "parts", "domain", "words"), ODD, ids=range(len(ODD)))
def test_a_domain_of_too_little_text_is_refused(tmp_path, capsys, rows, parts, domain, words):
    bench = Bench(tmp_path, rows, **domain)
    if parts == 1:
        assert bench.clean() == 1
        assert not (tmp_path / "documents").exists() or not list(tmp_path.glob("documents/web/*"))
    else:
        assert bench.until_join(parts) == 1
        assert not list(tmp_path.glob("shards/*"))
    assert words in last_line(capsys)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Bench:
    """A domain of two parts, joined."""
    bench = Bench(tmp_path_factory.mktemp("whole"), rows_of(300))
    assert bench.until_join(2) == 0
    return bench


@pytest.fixture
def copied(whole, tmp_path) -> Bench:
    shutil.copytree(whole.folder, tmp_path, dirs_exist_ok=True)
    bench = object.__new__(Bench)
    bench.folder = tmp_path
    return bench


def damage(path: Path, how: str) -> None:
    content = path.read_bytes()
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "cut": content[: len(content) // 2]}[how])


@pytest.mark.parametrize("how", ["gone", "empty", "cut"])
@pytest.mark.parametrize("name", ["manifest.json", "train.bin", "validation.npz", "unigram.npy"])
def test_a_part_that_is_cut_off_is_no_part_of_a_shard(copied, capsys, name, how):
    damage(copied.tokens[1] / name, how)
    shutil.rmtree(copied.folder / "shards")
    assert copied.join() == 1
    assert "tokens/web/1" in last_line(capsys)
    assert not list(copied.folder.glob("shards/*"))
    assert copied.tokenize(1) == copied.join() == 0


@pytest.mark.parametrize("content", ["{}", "[]", "5", '{"domain": "web"}'])
def test_another_manifest_is_refused(copied, capsys, content):
    (copied.tokens[0] / "manifest.json").write_text(content)
    assert copied.join() == 1
    assert "tokens/web/0: its manifest.json is none of a part; tokenize" in last_line(capsys)


@pytest.mark.parametrize("how", ["gone", "empty", "cut"])
@pytest.mark.parametrize("name", ["manifest.json", "validation.npz", "unigram.npy"])
def test_a_shard_that_is_cut_off_is_refused(copied, name, how):
    damage(copied.folder / "shards/web" / name, how)
    with pytest.raises(MixwrightError, match=r"shards/web.*tokenize") as caught:
        open_shard(copied.folder / "shards/web")
    assert "\n" not in str(caught.value)


def test_a_shard_whose_part_was_cut_off_later_is_refused(copied):
    damage(copied.tokens[1] / "train.bin", "cut")
    with pytest.raises(MixwrightError, match=r"web/1: train.bin has \d+ tokens, its manifest"):
        open_shard(copied.folder / "shards/web")


@pytest.mark.parametrize("how", ["gone", "empty", "cut", "other"])
def test_a_file_of_documents_that_is_none_is_refused(copied, capsys, how):
    path = copied.documents[0]
    if how == "other":
        pq.write_table(pa.table({"x": [1]}), path)
    else:
        damage(path, how)
    before = (copied.folder / "tokenizer/tokenizer.json").read_bytes()
    for step in (copied.tokenize, lambda: copied.train([path])):
        assert step() == 1
        said = last_line(capsys)
        assert "documents/web/0.parquet: not a readable file of documents (" in said
        assert said.endswith("; clean this source again")
    # What was there stays.
    assert (copied.folder / "tokenizer/tokenizer.json").read_bytes() == before
    assert copied.join() == 0


def test_parts_of_a_tokenizer_that_was_swapped_are_refused(copied, capsys):
    file = copied.folder / "tokenizer/tokenizer.json"
    # The same tokenizer, spelled otherwise: whether it is the same cannot be told.
    file.write_text(json.dumps(json.loads(file.read_text())))
    assert copied.tokenize(1) == 0
    assert copied.join() == 1
    assert "its parts differ in tokenizer_sha256" in last_line(capsys)
    assert copied.tokenize(0) == copied.join() == 0
    assert np.load(copied.folder / "shards/web/unigram.npy").sum() > 0


PROGRAM = """
import resource, sys
from mixwright.__main__ import main
limit = int(sys.argv.pop(1))
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
sys.exit(main())
"""
# A file may not have so many bytes: more than what is tried first, less than what is written.
LIMITS = {"clean": 20_000, "train": 5_000, "tokenize": 20_000, "join": 4_500}


OUTPUTS = {"clean": "documents", "train": "tokenizer", "tokenize": "tokens", "join": "shards"}


def run_with(limit: int) -> Callable[[list[str]], tuple[int, str]]:
    """Runs commands in a child whose files may have so many bytes; returns code and stderr."""

    def run(words: list[str]) -> tuple[int, str]:
        command = [sys.executable, "-c", PROGRAM, str(limit), *words]
        environment = os.environ | {"PYTHONPATH": str(HOUSE / "workflow")}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        return done.returncode, done.stderr

    return run


@pytest.mark.parametrize("step", LIMITS)
def test_a_disk_that_fills_up_is_one_line_and_a_rerun_works(copied, step):
    folder = copied.folder / OUTPUTS[step]
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for path in before:
        # Of the part that is made again.
        if "1" not in path.relative_to(folder).parts[1:]:
            path.unlink()
    if step == "tokenize":
        (folder / "web/0").rmdir()
    left = [path for path in folder.rglob("*") if path.is_file()]
    copied.run = run_with(LIMITS[step])
    code, said = getattr(copied, step)()
    assert code == 1 and len(said.splitlines()) == 1, said
    assert "the file is larger than the file system takes; name another place" in said
    assert [path for path in folder.rglob("*") if path.is_file()] == left
    copied.run = run_with(10**9)
    code, said = getattr(copied, step)()
    assert code == 0, said
    if step != "clean":
        # The study reads documents in two parts; here it was one.
        assert {path: path.read_bytes() for path in before} == before
