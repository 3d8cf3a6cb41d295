"""Writes corpora of any size for benchmarks, from text that every installation has.

Prose is the long docstrings of the installed packages, and code is their source. A document is
the next stretch of one of them, of a random length (3 kB on average). No two share a place until
all of the text is used; it then comes again in other letters, so that no line stands there twice
because of it. What repeats is what its authors repeat.
"""

import json
import re
from collections.abc import Iterator
from importlib import metadata
from inspect import cleandoc
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

# Domain -> the end of its files' names, and its share of the corpus. All are prose but code.
DOMAINS = {
    "books": (".txt", 0.10),
    "code": (".parquet", 0.20),
    "forum": (".jsonl.zst", 0.10),
    "law": (".parquet", 0.10),
    "news": (".jsonl.zst", 0.10),
    "web": (".jsonl.zst", 0.30),
    "wiki": (".txt", 0.10),
}
DOCSTRING = re.compile(r'"""(.*?)"""', re.DOTALL)
SHORTEST = 300  # characters of a docstring
MOST = 50_000_000  # characters of prose, and of code
VOWELS = "aeiou"
CONSONANTS = "bcdfghjklmnpqrstvwxyz"
MEAN = 3_000  # characters of a document
FILE = 64_000_000  # bytes of text in a file


class Text:
    """Endless text: a finite one again and again, each time in other letters."""

    def __init__(self, whole: str) -> None:
        self._whole = whole
        self._letters = whole
        self._round = 0
        self._place = 0

    def documents(self, size: int, draw: np.random.Generator) -> Iterator[str]:
        """Yields the next documents, about `size` characters in all."""
        while size > 0:
            length = int(min(draw.lognormal(np.log(MEAN) - 0.5, 1.0), 40 * MEAN)) + 50
            document = self._letters[self._place : self._place + length]
            self._place += length
            if self._place > len(self._whole):
                self._again()
            if document.strip():
                yield document
            size -= len(document)

    def _again(self) -> None:
        self._round += 1
        self._place = 0
        changes: dict[int, str] = {}
        for letters, turn in ((VOWELS, self._round), (CONSONANTS, self._round // len(VOWELS))):
            for sort in (letters, letters.upper()):
                turned = sort[turn % len(sort) :] + sort[: turn % len(sort)]
                changes |= str.maketrans(sort, turned)
        self._letters = self._whole.translate(changes)


def write(folder: Path, size: int, seed: int = 0) -> dict[str, str]:
    """Writes a corpus of about `size` bytes of text, and returns domain -> pattern of its files."""
    prose, code = texts()
    patterns = {}
    for number, (name, (suffix, share)) in enumerate(DOMAINS.items()):
        draw = np.random.default_rng([seed, number])
        text = code if name == "code" else prose
        (folder / name).mkdir(parents=True)
        left = round(size * share)
        part = 0
        while left > 0:
            path = folder / name / f"{part:04d}{suffix}"
            _write_file(path, list(text.documents(min(left, FILE), draw)))
            left -= FILE
            part += 1
        patterns[name] = str(folder / name / f"*{suffix}")
    return patterns


def mixed(size: int) -> list[str]:
    """Returns documents of all domains in the domains' shares, about `size` characters."""
    prose, code = texts()
    draw = np.random.default_rng(0)
    share = DOMAINS["code"][1]
    documents = [
        *prose.documents(round(size * (1 - share)), draw),
        *code.documents(round(size * share), draw),
    ]
    return [documents[place] for place in draw.permutation(len(documents))]


def texts() -> tuple[Text, Text]:
    """Returns prose and code of the installed packages, file by file in a random order."""
    prose = []
    code = []
    taken: set[str] = set()
    installed = sorted(metadata.distributions(), key=_name)
    for file in chain.from_iterable(package.files or [] for package in installed):
        path = Path(str(file.locate()))
        if file.suffix != ".py" or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        code.append(text)
        long = [part for part in DOCSTRING.findall(text) if len(part) >= SHORTEST]
        # A docstring that packages pass on is one text.
        new = dict.fromkeys(long).keys() - taken
        taken |= new
        prose.append("\n\n".join(cleandoc(part) for part in long if part in new))
    return Text(_shuffled(list(filter(None, prose)))), Text(_shuffled(code))


def _name(package: metadata.Distribution) -> str:
    return str(package.metadata["Name"])


def _shuffled(parts: list[str]) -> str:
    """The parts in a random order, up to `MOST` characters."""
    order = np.random.default_rng(0).permutation(len(parts))
    return "\n\n".join(parts[place] for place in order)[:MOST]


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
