"""Reads the rows of a Hugging Face data set. Runs in a job."""

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.progress import say
from mixwright.sources.base import Reading, Row, Tally, text_size
from mixwright.sources.columns import Columns
from mixwright.sources.faults import Faults
from mixwright.sources.files.lines import Line, pick
from mixwright.sources.hub import hub_files
from mixwright.sources.hub.addressed import (
    parquet_columns,
    rows_of_parquet,
    share_of_lines,
    sizes_of,
)
from mixwright.sources.hub.hub_errors import no_split, refusal
from mixwright.sources.spread import inner_names, order, share

log = logging.getLogger(__name__)

Settings = Mapping[str, Any]
# Rows of a parquet file in memory at a time.
BATCH = 1_000
# What `save_to_disk` wrote has rows, not files: so many stretches of a part are looked into.
STRETCHES = 64


@dataclass(frozen=True)
class Shard:
    """Some rows of a data set that are read in their order: those of a file, or a stretch."""

    # for messages: the file, or the folder
    name: str
    # what chooses it among others, by its hash
    key: str
    # on disk, in bytes; None where nobody knows
    size: int | None
    # from this row on -> the rows
    read: Callable[[int], Iterator[Mapping[str, Any]]]
    # how many of its first rows -> their share of it; None where that cannot be told
    portion: Callable[[int], float | None]


@dataclass
class _Progress:
    """What was read of one shard."""

    rows: int = 0
    complete: bool = False


@contextmanager
def shards(
    name: str, settings: Settings, folder: Path | None, reading: Reading
) -> Iterator[list[Shard]]:
    """Yields the shards of one part of a data set.

    Args:
        name: the domain or target, for messages.
        settings: what the config says of it.
        folder: where the data set lies; None where it is read from the hub.
        reading: which part.
    """
    if folder is not None:
        # Says what is missing in the words of the study.
        hub_files.files_of(name, folder, settings)
    if folder is not None and hub_files.is_saved(folder):
        yield _stretches(hub_files.saved_split(name, folder, settings), reading)
        return
    # A home that is full or may not be written is no hindrance: nothing is left there.
    with tempfile.TemporaryDirectory() as cache:
        yield _streamed(name, settings, folder, reading, cache)


def rows(columns: Columns, parts: Sequence[Shard], reading: Reading) -> Iterator[Row]:
    """Yields the rows of some shards, as many as the reading wants; its tally is added to.

    Args:
        columns: what the study's keys make of a row.
        parts: the shards.
        reading: how much of them.
    """
    chosen, others = order([shard.key for shard in parts], reading.most_bytes)
    progress = [_Progress() for _ in parts]
    start = reading.tally.text_bytes
    tally = reading.tally
    faults = Faults(columns.name, reading.on_error, tally)
    try:
        # Files may hold less than their share of what is wanted: then others are read further.
        for queue, shared in ((chosen, True), (others, False), (chosen, False)):
            for position, number in enumerate(queue):
                if progress[number].complete:
                    continue
                budget = None
                if reading.most_bytes is not None:
                    remaining = reading.most_bytes - (tally.text_bytes - start)
                    if remaining <= 0:
                        return
                    budget = remaining
                    if shared:
                        sizes = [parts[other].size for other in queue[position:]]
                        budget = share(remaining, sizes)
                shard, done = parts[number], progress[number]
                yield from _shard_rows(columns, shard, done, budget, faults)
    finally:
        faults.close()
        _sum_up(columns.name, parts, progress, tally)


def _shard_rows(
    columns: Columns,
    shard: Shard,
    progress: _Progress,
    budget: int | None,
    faults: Faults,
) -> Iterator[Row]:
    """The rows of one shard that follow those that were read, up to a number of bytes of text."""
    tally = faults.tally
    present: set[str] = set()
    start = tally.text_bytes
    line = Line()
    for content in _guarded(columns.name, shard, progress, faults):
        line = _line(shard, progress.rows, content, columns.names)
        try:
            row = columns.row(line, present)
        except MixwrightError as error:
            faults.row(error)
            continue
        if row is None:
            continue
        tally.text_bytes += text_size(row)
        yield row
        if budget is not None and tally.text_bytes - start >= budget:
            break
    if line.columns:
        columns.check_present(shard.name, line.columns, present)


def _guarded(
    name: str, shard: Shard, progress: _Progress, faults: Faults
) -> Iterator[Mapping[str, Any]]:
    """The rows of a shard as they come; what the libraries raise is told in one line."""
    iterator = shard.read(progress.rows)
    while True:
        try:
            content = next(iterator, None)
        except Exception as error:
            faults.file(refusal(name, shard.name, error, progress.rows))
            content = None
        if content is None:
            progress.complete = True
            return
        progress.rows += 1
        yield content


def _sum_up(name: str, parts: Sequence[Shard], progress: Sequence[_Progress], tally: Tally) -> None:
    """Adds to the tally what the part holds on disk, and what was read of it."""
    tally.whole = tally.whole and all(one.complete for one in progress)
    total, passed = 0, 0.0
    for shard, one in zip(parts, progress, strict=True):
        portion: float | None = 0.0
        if one.complete:
            portion = 1.0
        elif one.rows:
            portion = shard.portion(one.rows)
        if shard.size is None or portion is None:
            if not tally.whole:
                log.warning(
                    "%s: how much text the data set holds in all is not known;"
                    " say it (the key `tokens`) if natural proportions matter",
                    name,
                )
            return
        total += shard.size
        passed += portion * shard.size
    tally.part_bytes += total
    tally.passed_bytes += int(passed)


def _line(shard: Shard, number: int, content: Mapping[str, Any], names: Sequence[str]) -> Line:
    """The columns of a row that are asked for."""
    line = Line(None, shard.name, "row", number, content)
    for name in names:
        has, value = pick(content, name)
        if has:
            line[name] = value
    return line


def _stretches(folder: Path, reading: Reading) -> list[Shard]:
    """The stretches of one part of what `save_to_disk` wrote."""
    from datasets import Dataset, load_from_disk

    dataset = load_from_disk(str(folder))
    assert isinstance(dataset, Dataset)
    size = 0
    for path in folder.glob("*.arrow"):
        size += path.stat().st_size
    per_row = size / max(1, len(dataset))
    part = dataset.shard(reading.parts, reading.part, contiguous=True)
    count = max(1, min(len(part), STRETCHES))
    stretches = []
    for number in range(count):
        stretch = part.shard(count, number, contiguous=True)
        length = len(stretch)
        stretches.append(
            Shard(
                str(folder),
                str(number),
                int(length * per_row),
                partial(_rows_from, stretch),
                partial(_by_rows, length),
            )
        )
    return stretches


def _rows_from(dataset: Any, start: int) -> Iterator[Mapping[str, Any]]:
    """The rows of a data set from one on."""
    return iter(dataset.skip(start) if start else dataset)


def _by_rows(total: int, count: int) -> float:
    """Which share of some rows a number of them is."""
    return min(1.0, count / max(1, total))


def _streamed(
    name: str, settings: Settings, folder: Path | None, reading: Reading, cache: str
) -> list[Shard]:
    """The shards of one part of a data set, which is streamed: of most kinds, files."""
    from datasets import load_dataset, load_dataset_builder

    dataset = str(folder or settings["dataset"])
    split = hub_files.split_of(settings)
    options = _options(settings, folder, cache)
    try:
        builder = load_dataset_builder(dataset, **options)
        by_split = builder.config.data_files or {}
        if by_split and split not in by_split:
            raise no_split(name, dataset, split, [str(one) for one in by_split])
        files = [str(file) for file in by_split.get(split, [])]
        columns = parquet_columns(files, Columns(name, settings).names)
        if columns:
            options |= _in_pieces(folder) | {"columns": columns}
        stream = load_dataset(dataset, split=split, streaming=True, **options)
    except Exception as error:
        raise refusal(name, dataset, error) from None
    if folder is None:
        commit = str(builder.base_path).rstrip("/").rpartition("@")[2]
        say(f"{name}: {dataset} is read at commit {commit}; `revision: {commit}` pins it")
    total = None
    if builder.info.splits and split in builder.info.splits:
        total = builder.info.splits[split].num_examples
    shards = _shards_of(stream, files, sizes_of(files), total)
    return shards[reading.part :: reading.parts]


def _in_pieces(folder: Path | None) -> dict[str, Any]:
    """What keeps memory small: by default a whole row group of parquet is held at a time."""
    from pyarrow.dataset import ParquetFragmentScanOptions

    if folder is None:
        # Small pieces would be as many requests.
        return {"batch_size": BATCH}
    piecewise = ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)
    return {"batch_size": BATCH, "fragment_scan_options": piecewise}


def _options(settings: Settings, folder: Path | None, cache: str) -> dict[str, Any]:
    """What `load_dataset` is told."""
    options: dict[str, Any] = {"cache_dir": cache}
    if settings.get("config"):
        options["name"] = settings["config"]
    if settings.get("data_files"):
        options["data_files"] = {hub_files.split_of(settings): settings["data_files"]}
    if settings.get("revision") and folder is None:
        options["revision"] = settings["revision"]
    return options


def _shards_of(
    stream: Any, files: Sequence[str], sizes: Sequence[int | None], total: int | None
) -> list[Shard]:
    """The shards of a stream.

    Args:
        stream: the data set.
        files: those that it reads.
        sizes: theirs in bytes, None where nobody knows.
        total: its rows, where that is known.
    """
    count = stream.num_shards
    names = list(files)
    if count != len(files):
        # An archive holds several: none is a shard of its own.
        names = [f"{files[0] if files else 'data set'}: shard {n}" for n in range(count)]
        sizes = [None] * count
    keys = inner_names(names)
    known = all(size is not None for size in sizes)
    shards = []
    for number in range(count):
        size = sizes[number]
        portion: Callable[[int], float | None] = partial(_portion, names[number], size)
        if not known and total:
            # Rows in place of bytes: only the ratio of what is passed to all counts.
            size = max(1, total // count)
            portion = partial(_by_rows, size)
        read = partial(_rows_from, stream.shard(count, number))
        shards.append(Shard(names[number], keys[number], size, read, portion))
    return shards


def _portion(address: str, size: int | None, rows: int) -> float | None:
    """Which share of a file its first rows are."""
    if size is None:
        return None
    if address.lower().endswith(".parquet"):
        total = rows_of_parquet(address)
        return None if total is None else _by_rows(total, rows)
    return share_of_lines(address, size, rows)
