"""From the rows of one part of a source to its documents, in memory that does not grow with them.

Rows are counted, hashed and put in the order of their hashes (order.py). In that order they go
through the steps of cleaning by batches (steps.py), until the part has its share of the sample.
Order and split depend on the text alone.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mixwright.corpus.ngrams import Known
from mixwright.corpus.order import Entry, Lowest
from mixwright.corpus.spool import SpoolWriter
from mixwright.corpus.steps import Candidate, Report, Step, count_shared, steps_of
from mixwright.corpus.text_settings import LOOK, TextSettings
from mixwright.corpus.texts import content_hash, encoded
from mixwright.errors import MixwrightError
from mixwright.progress import TextPace, say
from mixwright.sources.base import Reading, Source, Tally

# What is counted of a part. `bytes_` is how many bytes of UTF-8 that was. `altered` are texts with
# characters that were replaced. Every byte that was read is in `bytes`, or in one of bytes_cut,
# bytes_duplicates, bytes_repeated_lines and bytes_beyond_sample, or in bytes_contaminated where
# `dropped_contaminated` says that such documents went.
COUNTS = (
    "read",
    "empty",
    "altered",
    "cut",
    "duplicates",
    "repeated_lines",
    "contaminated",
    "dropped_contaminated",
    "beyond_sample",
    "broken",
    "broken_files",
    "documents",
    "bytes",
    "bytes_read",
    "bytes_cut",
    "bytes_duplicates",
    "bytes_repeated_lines",
    "bytes_contaminated",
    "bytes_beyond_sample",
    "source_bytes",
    "source_tokens",
    "whole",
    "train_characters",
)
SPOOL = "documents.arrow"
# UTF-8 bytes of text, and documents, that go through the steps at a time.
BATCH_BYTES = 1_000_000
BATCH_DOCUMENTS = 5_000
# Times the sample of which the documents of lowest hash are stored, where steps can drop text.
# Where that was too little, the source is read again, for the next one; the last stores all.
ROOM: tuple[float | None, ...] = (1.5, 6.0, None)


@dataclass(frozen=True)
class Part:
    """One part of a source, and what is done to its text."""

    source: Source
    settings: TextSettings
    # n-grams of the targets
    known: Known
    part: int = 0
    parts: int = 1
    # the first of what a rule made for the source
    prepared: Path | None = None

    @property
    def quota(self) -> int | None:
        """UTF-8 bytes of text that the part gives to the sample; None: all."""
        if self.settings.sample is None:
            return None
        return -(-self.settings.sample // self.parts)

    @property
    def validation_bytes(self) -> float:
        """UTF-8 bytes of text that are held out of the part at most, about."""
        return self.settings.validation_bytes / self.parts

    @property
    def about(self) -> float | None:
        """UTF-8 bytes of text that are read, about; None where nobody knows."""
        size = self.source.size()
        if size is None:
            return None
        quota = self.quota
        if quota is None:
            return size / self.parts
        return min(size / self.parts, LOOK * quota)

    def reading(self) -> Reading:
        """Returns what is read of the source, with a new tally."""
        quota = self.quota
        most = None if quota is None else LOOK * quota
        return Reading(self.prepared, self.part, self.parts, most, self.settings.on_error)


def clean(part: Part, folder: Path) -> tuple[Path, Report]:
    """Reads and cleans a part, and returns a file of its documents (see spool.py), and counts.

    The documents stand in the order of their content hash, up to the part's quota.

    Args:
        part: what is read, and what is done to it.
        folder: for this file and others on the way; nothing else is there.

    Raises:
        MixwrightError: the source cannot be read, or its rows have tokens and their text is to be
            changed.
    """
    rooms = ROOM
    if part.quota is None or not any(
        step.drops_text for step in steps_of(part.settings, part.known)
    ):
        rooms = (1.0,)
    for number, room in enumerate(rooms):
        place = folder / str(number)
        counts, enough = _attempt(part, place, room)
        if enough:
            break
        shutil.rmtree(place)
    return place / SPOOL, counts


def _attempt(part: Part, folder: Path, room: float | None) -> tuple[Report, bool]:
    """Writes the documents, and returns counts and whether no document is missing.

    Args:
        part: what is read, and what is done to it.
        folder: a new one.
        room: times the quota that is stored of the lowest hashes; None: all that is read.
    """
    most = None
    if part.quota is not None and room is not None:
        most = room * part.quota
    steps = steps_of(part.settings, part.known)
    documents = Lowest(folder / "buckets", most)
    counts = _gather(part, steps, documents)
    folder.mkdir(parents=True, exist_ok=True)
    with SpoolWriter(folder / SPOOL) as spool:
        name = part.source.name
        for batch in _in_order(name, documents, steps, part.quota, counts):
            spool.add(batch)
    enough = documents.is_all or counts["bytes"] >= (part.quota or 0)
    return counts, enough


def _in_order(
    name: str, documents: Lowest, steps: Sequence[Step], quota: int | None, counts: Report
) -> Iterator[Sequence[Candidate]]:
    """Yields what the steps leave of the documents, by batches, and counts it."""
    entries = documents.ordered()
    counts["beyond_sample"] = documents.rows
    counts["bytes_beyond_sample"] = documents.bytes
    last = b""
    pace = TextPace(say, f"{name}: cleaned", min(documents.bytes, quota or documents.bytes))
    while quota is None or counts["bytes"] < quota:
        # So that the quota cannot be reached before the last document of the batch.
        most = BATCH_BYTES if quota is None else min(BATCH_BYTES, quota - counts["bytes"])
        read = _next(entries, most)
        if not read:
            break
        batch: Sequence[Candidate] = read
        for document in batch:
            counts["duplicates"] += document.key == last
            counts["beyond_sample"] -= 1
            counts["bytes_beyond_sample"] -= document.size
            last = document.key
        for step in steps:
            batch = step.batch(batch, counts)
        for document in batch:
            counts["documents"] += 1
            counts["bytes"] += document.size
            pace.add(document.size)
            if document.shared:
                count_shared(document, counts)
        yield batch


def _next(entries: Iterator[Entry], most: int) -> list[Candidate]:
    """The next documents, until they have this many bytes, or are many."""
    batch = []
    size = 0
    for entry in entries:
        batch.append(Candidate(entry.key, entry.text.decode(), entry.text, entry.tokens))
        size += len(entry.text)
        if size >= most or len(batch) >= BATCH_DOCUMENTS:
            break
    return batch


def _gather(part: Part, steps: Sequence[Step], documents: Lowest) -> Report:
    """Reads the rows of a part, hands them to `documents`, and returns counts of the rows."""
    counts = dict.fromkeys(COUNTS, 0)
    reading = part.reading()
    limit = part.settings.max_document_bytes
    pace = TextPace(say, f"{part.source.name}: read", part.about)
    for row in part.source.documents(reading):
        counts["read"] += 1
        text = row["text"] or ""
        tokens = row.get("tokens")
        if tokens is not None:
            _check_tokens(part, steps)
            tokens = np.asarray(tokens, np.uint32).tobytes()
        for step in steps:
            text = step.read(text, counts)
        if not text or text.isspace():
            counts["empty"] += 1
            continue
        raw, altered = encoded(text)
        counts["altered"] += altered
        counts["bytes_read"] += len(raw)
        pace.add(len(raw))
        if altered:
            text = raw.decode()
        if limit is not None and len(raw) > limit:
            text = raw[:limit].decode(errors="ignore")
            counts["cut"] += 1
            counts["bytes_cut"] += len(raw)
            if text.isspace():
                counts["empty"] += 1
                continue
            raw = text.encode()
            counts["bytes_cut"] -= len(raw)
        documents.add(Entry(content_hash(text), raw, tokens))
    return counts | _of_source(reading.tally)


def _check_tokens(part: Part, steps: Sequence[Step]) -> None:
    """Refuses what would change text beside which its tokens stand."""
    changing = [step.name for step in steps if step.changes_text]
    if changing:
        raise MixwrightError(
            f"{part.source.name}: its source has tokens, whose text {' and '.join(changing)} would"
            " change; leave that out of domains.<name>.clean"
        )
    if part.settings.max_document_bytes is not None:
        raise MixwrightError(
            f"{part.source.name}: its source has tokens, whose text cannot be cut;"
            " leave corpus.max_document_bytes out"
        )


def _of_source(tally: Tally) -> Report:
    """What the source met: how much text it has, and what of it is broken.

    Where nobody knows how much text lies beyond what was read, `source_bytes` is 0.
    """
    size = tally.text_bytes
    if not tally.whole:
        size = round(size * tally.part_bytes / max(tally.passed_bytes, 1))
    return {
        "source_bytes": size,
        "source_tokens": tally.tokens,
        "whole": int(tally.whole),
        "broken": tally.broken,
        "broken_files": tally.broken_files,
    }
