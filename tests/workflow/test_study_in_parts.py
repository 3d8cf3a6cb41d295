"""Domains that are read in parts, each a job of its own, through the real workflow."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from workshop import HOUSE, Workshop, changed

STUDY: dict[str, Any] = {
    "study": "parts",
    "corpus": {"part_bytes": 35_000, "sample": "all"},
    "domains": {
        "web": {"source": "files", "files": "web.jsonl"},
        "code": {"source": "files", "files": ["code-*.parquet"]},
        "notes": {"source": "files", "files": "notes/*.txt"},
        "little": {"source": "files", "files": "little.jsonl"},
    },
    "targets": {"held": {"source": "files", "files": "held.jsonl"}},
    "tokenizer": {"vocabulary": 300, "sample_bytes": 40_000},
    "proxy": {"model": "micro", "tokens": 8192, "batch": 4},
    "final": {"model": "micro", "batch": 4, "seeds": [1]},
    "mixers": {"natural": {}, "uniform": {}},
    "goal": {"tokens": 16384},
}
TEXTS = "results/parts/texts.json"
CORPUS = {"clean_part", "train_tokenizer", "tokenize_part", "tokenize_target", "join_parts"}
IN_PARTS = ("web", "code", "notes")


def texts(name: str, count: int) -> list[str]:
    """Documents of words that no other name has."""
    source = random.Random(name)
    words = [f"{name}{''.join(source.choices('aeioulnrst', k=4))}" for _ in range(500)]
    return [" ".join(source.choices(words, k=source.randint(20, 120))) for _ in range(count)]


def write_sources(folder: Path) -> None:
    for name, count in {"web": 220, "little": 25, "held": 20}.items():
        lines = [json.dumps({"text": text}) for text in texts(name, count)]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "notes").mkdir()
    for number, text in enumerate(texts("notes", 220)):
        (folder / "notes" / f"{number:03}.txt").write_text(text)
    for number in range(3):
        table = pa.table({"text": texts(f"code{number}", 60)})
        path = folder / f"code-{number}.parquet"
        pq.write_table(table, path, row_group_size=10, compression=None)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Workshop:
    """The study's corpus, up to the list of texts."""
    workshop = Workshop(tmp_path_factory.mktemp("parts"))
    write_sources(workshop.folder)
    workshop.run(STUDY, TEXTS)
    return workshop


def content(workshop: Workshop) -> dict[str, bytes]:
    """Path -> bytes of all that the corpus rules wrote, documents aside (their parquet is read)."""
    results = workshop.folder / "results" / "parts"
    files = {}
    for folder in ("documents", "tokens", "shards", "targets", "tokenizer"):
        for path in (results / folder).rglob("*"):
            if path.is_file() and not path.name.startswith("."):
                files[str(path.relative_to(results))] = path.read_bytes()
    return files


def parts_of(workshop: Workshop, name: str) -> int:
    return len([*(workshop.folder / "results" / "parts" / "tokens" / name).iterdir()])


def test_a_dry_run_shows_a_job_for_every_part_before_anything_is_read(tmp_path):
    workshop = Workshop(tmp_path)
    write_sources(tmp_path)
    jobs = workshop.jobs(STUDY, TEXTS)
    assert jobs["join_parts"] == 4
    assert jobs["clean_part"] == jobs["tokenize_part"] >= 3 * len(IN_PARTS) + 1
    whole = workshop.jobs(changed(STUDY, "corpus.part_bytes", 10**9), TEXTS)
    assert whole["clean_part"] == whole["tokenize_part"] == 4
    assert not (tmp_path / "results").exists()


def inputs(workshop: Workshop, study: dict[str, Any]) -> dict[str, list[str]]:
    """Tokens of a part -> the documents that the job reads, in a dry run."""
    dry = workshop.snakemake(study, "--dry-run", TEXTS).stdout
    jobs = re.findall(
        r"^    input: (.*)\n    output: results/parts/tokens/(\S+)$", dry, re.MULTILINE
    )
    documents = re.compile(r"results/parts/documents/(\S+)\.parquet")
    return {part: documents.findall(line) for line, part in jobs}


def test_a_part_reads_earlier_parts_only_where_a_text_is_taken_once(tmp_path):
    """And there the domain holds a text once, whatever its parts."""
    workshop = Workshop(tmp_path)
    write_sources(tmp_path)
    once = changed(STUDY, "domains.web.clean", ["exact-duplicates"])
    once = changed(once, "domains.little.clean", ["exact-duplicates"])
    once = changed(once, "domains.notes.clean", ["repeated-lines"])
    read = inputs(workshop, once)
    assert {"web/2", "code/2", "notes/2", "little/0"} < set(read)
    for place, documents in read.items():
        name, part = place.split("/")
        earlier = [f"web/{number}" for number in range(int(part))] if name == "web" else []
        assert documents == [place, *earlier]
    lines = [json.dumps({"text": text}) for text in texts("web", 220)]
    (tmp_path / "web.jsonl").write_text("\n".join([*lines, *lines[:90]]) + "\n")
    shard = tmp_path / "results/parts/shards/web"
    workshop.run(once, str(shard.relative_to(tmp_path)))
    manifest = json.loads((shard / "manifest.json").read_text())
    assert parts_of(workshop, "web") >= 3
    counts = sum(split["documents"] for split in manifest["splits"].values())
    cleaning = manifest["cleaning"]
    assert (cleaning["read"], counts, cleaning["duplicates"]) == (310, 220, 90)
    assert cleaning["bytes"] + cleaning["bytes_duplicates"] == cleaning["bytes_read"]


def test_parts_are_disjoint_and_hold_every_document(finished):
    results = finished.folder / "results" / "parts"
    for name in IN_PARTS:
        assert parts_of(finished, name) >= 3
        manifest = json.loads((results / "shards" / name / "manifest.json").read_text())
        # Of a file of few row groups a part may get none.
        assert 3 <= len(manifest["parts"]) <= parts_of(finished, name)
        documents = []
        for path in (results / "documents" / name).iterdir():
            documents += pq.read_table(path, columns=["text"]).column("text").to_pylist()
        wanted = texts(name, 220)
        if name == "code":
            wanted = [text for number in range(3) for text in texts(f"code{number}", 60)]
        assert sorted(documents) == sorted(wanted)
        counts = sum(split["documents"] for split in manifest["splits"].values())
        assert counts == len(wanted) == manifest["cleaning"]["documents"]
    assert parts_of(finished, "little") == 1
    assert not list((results / "shards").rglob("train.bin"))


def test_a_finished_corpus_has_nothing_to_do_and_stated_tokens_change_no_text(finished):
    assert finished.jobs(STUDY, TEXTS) == {}
    stated = changed(STUDY, "domains.web.tokens", 10**9)
    assert not {"clean_part", "tokenize_part", "join_parts"} & set(finished.jobs(stated, TEXTS))
    larger = changed(STUDY, "corpus.part_bytes", 35_001)
    assert finished.jobs(larger, TEXTS) == {}, "as many parts"


def test_a_part_whose_tokens_are_gone_is_made_again_alone(finished):
    """All of the shard is the same bytes afterwards, and no training job would run again."""
    before = content(finished)
    shutil.rmtree(finished.folder / "results/parts/tokens/web/1")
    jobs = finished.jobs(STUDY)
    assert jobs["tokenize_part"] == jobs["join_parts"] == jobs["count_domains"] == 1
    assert not {"clean_part", "train_tokenizer", "tokenize_target"} & set(jobs)
    listed = (finished.folder / TEXTS).read_bytes()
    finished.run(STUDY, "--until", "list_texts")
    assert content(finished) == before
    assert (finished.folder / TEXTS).read_bytes() == listed
    assert not CORPUS & set(finished.jobs(STUDY))


def killed(workshop: Workshop, parts: int) -> None:
    """Runs the study until so many parts are tokenized, and kills all of it."""
    (workshop.folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(HOUSE / "Snakefile")]
    command += ["--configfile", "study.yaml", "--cores", "2", "--", TEXTS]
    process = subprocess.Popen(
        command,
        cwd=workshop.folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    tokens = workshop.folder / "results" / "parts" / "tokens"
    end = time.monotonic() + 120
    while len([*tokens.glob("*/*/manifest.json")]) < parts and time.monotonic() < end:
        assert process.poll() is None, "it ended before it was killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_run_repeats_the_parts_that_were_running(finished, tmp_path):
    workshop = Workshop(tmp_path)
    write_sources(tmp_path)
    killed(workshop, 4)
    results = tmp_path / "results" / "parts"
    before = {}
    for pattern in ("documents/*/*.parquet", "tokens/*/*/train.bin"):
        for path in results.glob(pattern):
            before[path] = path.stat().st_mtime_ns
    assert 8 < len(before) < len(content(finished)) // 3
    assert workshop.snakemake(STUDY, "--unlock").returncode == 0
    workshop.run(STUDY, TEXTS)
    repeated = [path for path in before if path.stat().st_mtime_ns != before[path]]
    # At most what the two cores were at.
    assert len(repeated) <= 2
    assert content(workshop) == content(finished)
    assert not list(results.rglob("*.partial"))
