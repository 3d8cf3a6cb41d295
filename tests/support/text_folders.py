"""Folders of text as people have them, small: what `mixwright init` is shown."""

import gzip
import json
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

WORDS = [
    "".join(random.Random(number).choices("abcdefghijklmnop", k=2 + number % 7))
    for number in range(800)
]
Row = Mapping[str, Any]
# Values of the column that tells SlimPajama's collections apart, and how often each stands there.
COLLECTIONS = {"RedPajamaCommonCrawl": 6, "RedPajamaGithub": 3, "RedPajamaArXiv": 1}


def text(draw: random.Random, words: int = 120, low: int = 0, high: int = 800) -> str:
    """So many words out of a part of the vocabulary."""
    return " ".join(draw.choices(WORDS[low:high], k=words))


def write_lines(path: Path, rows: Iterable[Row]) -> Path:
    """A file of an object a line, packed as its name says."""
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    pack: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".zst": zstandard.compress,
    }
    path.write_bytes(pack.get(path.suffix, bytes)(content))
    return path


def folders_and_targets(folder: Path) -> None:
    """A folder a domain, of jsonl and jsonl.gz, and a folder of questions."""
    draw = random.Random(1)
    for name, (low, high, rows) in {
        "web": (0, 400, 300),
        "code stuff": (300, 600, 120),
        "wiki é": (500, 800, 80),
    }.items():
        for number, ending in enumerate(("jsonl", "jsonl.gz")):
            listed = [
                {"id": row, "url": "http://a.b", "text": text(draw, 120, low, high)}
                for row in range(rows)
            ]
            write_lines(folder / name / f"{number:05d}.{ending}", listed)
    exam = [
        {
            "question": text(draw, 15),
            "choices": {"text": [text(draw, 4) for _ in range(4)], "label": list("ABCD")},
            "answerKey": "ABCD"[row % 4],
        }
        for row in range(60)
    ]
    write_lines(folder / "targets" / "exam.jsonl", exam)
    goals = [
        {"goal": text(draw, 15), "sol1": text(draw, 4), "sol2": text(draw, 4), "label": row % 2}
        for row in range(60)
    ]
    for split in ("train", "validation"):
        write_lines(folder / "targets" / "piqa" / f"{split}.jsonl", goals)


def flat_files(folder: Path) -> None:
    """One folder of parquet and txt files, whose names begin with the domain's."""
    draw = random.Random(2)
    folder.mkdir(parents=True)
    for number in range(3):
        rows = {
            "title": [text(draw, 3) for _ in range(100)],
            "raw_content": [text(draw, 120, 0, 500) for _ in range(100)],
        }
        pq.write_table(pa.table(rows), folder / f"web-{number:05d}-of-00003.parquet")
    for number in range(20):
        pages = [text(draw, 100, 200) for _ in range(10)]
        (folder / f"books-{number}.txt").write_text("\n\n".join(pages))
    for name in "abcdefghij":
        pages = [text(draw, 100, 600) for _ in range(10)]
        (folder / f"law_{name}.txt").write_text("\n\n".join(pages))
    (folder / "README.md").write_text("what this is\n")
    (folder / "scan.pdf").write_bytes(b"%PDF")


def one_data_set(folder: Path) -> None:
    """A data set in parts, as SlimPajama is: a column says which collection a row is from."""
    draw = random.Random(3)

    def rows(count: int) -> list[Row]:
        names = draw.choices(list(COLLECTIONS), weights=list(COLLECTIONS.values()), k=count)
        return [{"text": text(draw), "meta": {"redpajama_set_name": name}} for name in names]

    top = folder / "SlimPajama-627B"
    for chunk in (1, 2):
        for number in range(3):
            name = f"example_train_{number}.jsonl.zst"
            write_lines(top / "train" / f"chunk{chunk}" / name, rows(100))
    write_lines(top / "validation" / "chunk1" / "example_holdout_0.jsonl.zst", rows(100))


LAYOUTS = {
    "folders": folders_and_targets,
    "flat": flat_files,
    "column": one_data_set,
}
