"""Names of files that Snakemake would take for something else, through the real workflow."""

import json
import os
import random
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from text_folders import text, write_lines
from workshop import Workshop

NAMES = (
    "a b",
    "it's",
    'say "hi"',
    "日本 é",
    "new\nline",
    "$x;y",
    "[x]",
    "{a}",
    "-x",
    "100%",
    "a\\b",
)
STUDY: dict[str, Any] = {
    "study": "names",
    "corpus": {"sample": "all"},
    "domains": {
        "web": {"source": "files", "files": "in"},
        "odd": {"source": "files", "files": "{b} c/{d}.jsonl"},
    },
    "targets": {"held": {"source": "files", "files": "held {x}.jsonl"}},
    "mixers": {"uniform": {}},
    "goal": {"tokens": 16384},
}
DOCUMENTS = [f"results/names/documents/{name}/0.parquet" for name in ("web", "odd")]


def rows(name: str, count: int = 20) -> list[dict[str, str]]:
    draw = random.Random(name)
    return [{"text": text(draw)} for _ in range(count)]


def texts_in(folder: Path) -> list[list[str]]:
    return [pq.read_table(folder / path)["text"].to_pylist() for path in DOCUMENTS]


def test_files_of_any_name_are_read_and_their_change_is_noticed(tmp_path):
    workshop = Workshop(tmp_path)
    for name in NAMES:
        write_lines(tmp_path / "in" / f"{name}.jsonl", rows(name))
    lines = "".join(json.dumps(row) + "\n" for row in rows("latin"))
    Path(os.fsdecode(os.fsencode(tmp_path / "in") + b"/caf\xe9.jsonl")).write_text(lines)
    write_lines(tmp_path / "{b} c" / "{d}.jsonl", rows("odd"))
    write_lines(tmp_path / "held {x}.jsonl", rows("held"))
    workshop.run(STUDY, *DOCUMENTS)
    web, odd = texts_in(tmp_path)
    assert len(web) == 20 * (len(NAMES) + 1)
    assert sorted(odd) == sorted(row["text"] for row in rows("odd"))
    assert workshop.jobs(STUDY, *DOCUMENTS) == {}
    write_lines(tmp_path / "{b} c" / "{d}.jsonl", rows("other", 30))
    jobs = workshop.jobs(STUDY, *DOCUMENTS)
    assert jobs == {"clean_part": 1}
