"""Writes corpora of any size for benchmarks, from text that every installation has.

A document is a slice of the installed packages' source text, at a random place and of a random
length (3 kB on average), with its number in front, so that no two are alike.
"""

import json
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

# Domain -> the end of its files' names, and its share of the corpus.
DOMAINS = {
    "books": (".txt", 0.10),
    "code": (".parquet", 0.20),
    "forum": (".jsonl.zst", 0.10),
    "law": (".parquet", 0.10),
    "news": (".jsonl.zst", 0.10),
    "web": (".jsonl.zst", 0.30),
    "wiki": (".txt", 0.10),
}
PACKAGES = ("scipy", "sympy", "networkx", "pandas", "numpy", "snakemake")
BASE = 24_000_000  # characters
MEAN = 3_000  # characters of a document
FILE = 64_000_000  # bytes of text in a file


def write(folder: Path, size: int, seed: int = 0) -> dict[str, str]:
    """Writes a corpus of about `size` bytes of text, and returns domain -> pattern of its files."""
    base = base_text()
    patterns = {}
    for number, (name, (suffix, share)) in enumerate(DOMAINS.items()):
        draw = np.random.default_rng([seed, number])
        (folder / name).mkdir(parents=True)
        left = round(size * share)
        part = 0
        while left > 0:
            path = folder / name / f"{part:04d}{suffix}"
            _write_file(path, list(_documents(base, min(left, FILE), draw, f"{name}-{part}")))
            left -= FILE
            part += 1
        patterns[name] = str(folder / name / f"*{suffix}")
    return patterns


def base_text() -> str:
    """Returns the text of Python files of the installed packages, up to `BASE` characters."""
    texts = []
    length = 0
    for package in PACKAGES:
        for file in metadata.distribution(package).files or []:
            if file.suffix != ".py" or length > BASE:
                continue
            text = Path(str(file.locate())).read_text(encoding="utf-8", errors="ignore")
            texts.append(text)
            length += len(text)
    return "".join(texts)


def _documents(base: str, size: int, draw: np.random.Generator, name: str) -> Iterator[str]:
    """About `size` characters of documents."""
    number = 0
    while size > 0:
        length = int(min(draw.lognormal(np.log(MEAN) - 0.5, 1.0), 40 * MEAN)) + 50
        start = int(draw.integers(len(base) - length))
        text = f"{name}-{number}\n{base[start : start + length]}"
        yield text
        size -= len(text)
        number += 1


def _write_file(path: Path, documents: list[str]) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": documents}), path, row_group_size=2_000)
        return
    if path.suffix == ".txt":
        path.write_text("\n\n".join(documents), encoding="utf-8")
        return
    lines = [json.dumps({"text": text}) + "\n" for text in documents]
    content = "".join(lines).encode()
    path.write_bytes(zstandard.ZstdCompressor(level=1).compress(content))
