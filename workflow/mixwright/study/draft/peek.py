"""The first rows of a file, and how much there is of it. A few megabytes are read at most."""

import bz2
import gzip
import json
import lzma
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources.files.opening import PACKED, form_of, opened, packing_of
from mixwright.sources.tokens.megatron import read_header
from mixwright.sources.tokens.sample_folders import INDEX
from mixwright.study.draft.unit import SAVED, TOKENS, Unit

# Most rows and unpacked bytes of one file that are looked at.
ROWS = 400
BYTES = 2_000_000
# A first line that is longer is not looked into.
LONGEST_LINE = 32_000_000
# Unpacked bytes that are packed again, to learn what a packed file holds.
REPACKED = 500_000
# About how many bytes a token takes in a folder of MosaicML Streaming or litdata.
LISTED_WIDTH = 4
BOM = "\ufeff"
# Files of a unit that are looked into: more where there are few units.
LEAST_FILES, MOST_FILES, ALL_FILES = 2, 8, 64


@dataclass(frozen=True)
class Peek:
    """What the start of a file says of the whole file."""

    path: Path
    rows: list[Mapping[str, Any]]
    # bytes on disk
    disk: int
    # the file holds about so many times the text of these rows
    scale: float


@dataclass(frozen=True)
class Look:
    """What was read of a unit, and which of its files cannot be."""

    peeks: list[Peek]
    # file -> why it cannot be read
    broken: dict[Path, str]
    # bytes on disk, of files that can be read
    disk: int

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows of all files that were looked into."""
        rows: list[Mapping[str, Any]] = []
        for peek in self.peeks:
            rows += peek.rows
        return rows


def look_into(unit: Unit, units: int) -> Look:
    """Reads a few rows of some files of a unit, from the first to the last.

    Args:
        unit: files of text, or a saved data set.
        units: how many are looked into in all.
    """
    most = min(MOST_FILES, max(LEAST_FILES, ALL_FILES // units))
    step = max(1, len(unit.files) // most)
    read = peek_arrow if unit.holds == SAVED else peek
    peeks: list[Peek] = []
    broken: dict[Path, str] = {}
    disk = 0
    for number, path in enumerate(unit.files):
        size = _disk(path)
        # A broken file among those that are looked into: the next one takes its place.
        wanted = size > 0 and len(peeks) < most and number >= len(peeks) * step
        if wanted and unit.holds != TOKENS:
            try:
                peeks.append(read(path))
            except (MixwrightError, OSError, ValueError) as error:
                broken[path] = " ".join(str(error).split())
                continue
        disk += size
    return Look(peeks, broken, disk)


def _disk(path: Path) -> int:
    """Bytes of a file on disk; of an index of token files, of those that it lists."""
    if path.name == INDEX:
        return sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file())
    return path.stat().st_size


def peek(path: Path) -> Peek:
    """Reads the first rows of a file of text, JSON or parquet.

    Raises:
        MixwrightError: the file cannot be read.
    """
    form = form_of(path)
    disk = path.stat().st_size
    if form == "parquet":
        return _parquet(path, disk)
    with opened(path) as file:
        start = file.read(BYTES)
        whole = len(start) < BYTES
        if form == "json" and not whole and b"\n" not in start:
            start += file.readline(LONGEST_LINE)
    size = _unpacked_size(path, disk, start, whole)
    text = start.decode(errors="replace").removeprefix(BOM)
    if form == "text":
        return Peek(path, [{"text": text}] if text.strip() else [], disk, size / len(start or "1"))
    rows, used = _json(path, text, whole)
    return Peek(path, rows, disk, size / max(1, used))


def peek_arrow(path: Path) -> Peek:
    """Reads the first rows of a file of a data set that `save_to_disk` wrote."""
    import pyarrow as pa

    disk = path.stat().st_size
    with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as stream:
        batch = stream.read_next_batch().slice(0, ROWS)
        return Peek(path, batch.to_pylist(), disk, disk / max(1, batch.nbytes))


def token_bytes(path: Path) -> int | None:
    """Returns the bytes of a token of a file; None where no index says it."""
    if path.name == INDEX:
        return LISTED_WIDTH
    try:
        return read_header(path.with_suffix(".idx"))[0].itemsize
    except MixwrightError:
        # There is none, or it is broken: the study's first job says so.
        return None


def _unpacked_size(path: Path, disk: int, start: bytes, whole: bool) -> int:
    """About how many bytes a file holds, unpacked."""
    if whole:
        return len(start)
    with path.open("rb") as file:
        packing = packing_of(path, file)
    if not packing:
        return disk
    sample = start[:REPACKED]
    return disk * len(sample) // max(1, len(_packed(sample, packing)))


def _packed(sample: bytes, packing: str) -> bytes:
    """Some bytes, packed as a file is by default."""
    if packing == ".gz":
        return gzip.compress(sample, 6)
    if packing == ".bz2":
        return bz2.compress(sample)
    if packing == ".xz":
        return lzma.compress(sample)
    import zstandard

    return zstandard.compress(sample)


def _json(path: Path, text: str, whole: bool) -> tuple[list[Mapping[str, Any]], int]:
    """The first objects, of lines or of one list, and the bytes that they take."""
    first = text.lstrip()[:1]
    line = text.lstrip().partition("\n")[0].strip()
    if first == "[" or line == "{":
        return _listed(path, text, whole)
    rows: list[Mapping[str, Any]] = []
    used = 0
    lines = text.split("\n")
    if not whole and len(lines) > 1:
        # the last one is cut off
        lines.pop()
    for number, line in enumerate(lines, 1):
        if len(rows) == ROWS:
            break
        used += len(line.encode()) + 1
        if line.strip():
            rows.append(_object(path, line, number))
    return rows, used


def _object(path: Path, line: str, number: int) -> Mapping[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise MixwrightError(f"{path}: not readable as json (line {number}, {reason})") from None
    if not isinstance(value, Mapping):
        raise MixwrightError(f"{path}: line {number} is no object of columns")
    return value


def _listed(path: Path, text: str, whole: bool) -> tuple[list[Mapping[str, Any]], int]:
    """The first objects of a file that holds one list, or objects over several lines."""
    decoder = json.JSONDecoder()
    rows: list[Mapping[str, Any]] = []
    start = 0
    while len(rows) < ROWS:
        start += len(text[start:]) - len(text[start:].lstrip(" \t\r\n,["))
        if start >= len(text) or text[start] == "]":
            break
        try:
            value, start = decoder.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            if rows and not whole:
                break
            raise MixwrightError(f"{path}: not readable as json ({error})") from None
        if not isinstance(value, Mapping):
            raise MixwrightError(f"{path}: row {len(rows) + 1} is no object of columns")
        rows.append(value)
    return rows, len(text[:start].encode())


def _parquet(path: Path, disk: int) -> Peek:
    """The first rows of a parquet file; its own listing says how many it has."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    source: Any = path
    if path.suffix.lower() in PACKED:
        with opened(path) as file:
            source = pa.BufferReader(file.read())
    try:
        table = pq.ParquetFile(source)
        for batch in table.iter_batches(ROWS):
            rows = batch.to_pylist()
            return Peek(path, rows, disk, table.metadata.num_rows / max(1, len(rows)))
    except (pa.ArrowException, ValueError, TypeError, KeyError, OSError) as error:
        reason = (str(error).splitlines() or [error.__class__.__name__])[0]
        raise MixwrightError(f"{path}: not readable as parquet ({reason})") from None
    return Peek(path, [], disk, 1.0)
