"""The files of cleaned documents, and the two stages that write them."""

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mixwright.corpus.cleaning import Document, clean_target
from mixwright.corpus.ngrams import Hashes, Known, ngram_set
from mixwright.corpus.parts import Part, clean
from mixwright.corpus.questions import Answers
from mixwright.corpus.spool import TOKENS, Draws, draws_in, read_spool, train_characters
from mixwright.corpus.steps import Report
from mixwright.corpus.text_settings import TextSettings
from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.sources.base import Reading, Source

# The key of the file's metadata with the counts of cleaning.
COUNTS = "mixwright.counts"
# Counts that are no rows that were left out.
NOT_ROWS = ("source_bytes", "source_tokens", "whole", "train_characters")
# Rows of a file that are in memory at a time.
BATCH_ROWS = 512
# The same of a single column of numbers.
PIECE_ROWS = 100_000
# The columns that a document is read from, in the order of its fields.
READ = ("split", "text", "context", "tokens", "answers")
# Those that files of all versions have.
ALWAYS = READ[:3]
SCHEMA = pa.schema(
    [
        ("document", pa.int64()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("context", pa.string()),
        # null where the source has text alone
        ("tokens", TOKENS),
    ]
)
# Of a target: the answers of a question; null where the document is none.
ANSWERS = pa.struct(
    [
        ("lead", pa.string()),
        ("texts", pa.list_(pa.string())),
        ("characters", pa.list_(pa.int64())),
        ("right", pa.int64()),
    ]
)
TARGET_SCHEMA = pa.schema([*SCHEMA, ("answers", ANSWERS)])
# Of a domain's part: the first bytes of the content hash, by which its documents are ordered, and
# whether they share an n-gram with a target.
PART_SCHEMA = pa.schema([*SCHEMA, ("hash", pa.uint64()), ("shared", pa.bool_())])


def write_part(
    source: Source,
    settings: TextSettings,
    targets: Sequence[str | Path],
    to: str | Path,
    part: int = 0,
    parts: int = 1,
    prepared: Path | None = None,
) -> Report:
    """Reads, cleans and writes one part of a domain, and returns counts (see parts.COUNTS).

    The split follows from the hash of the text, so that one text is in one split in every domain.
    Files on the way lie beside `to`, and are removed.

    Args:
        source: where its text comes from.
        settings: how much is taken of it, and what is done to it.
        targets: document files, for documents that share an n-gram with them.
        to: the file to write.
        part: which part of the source.
        parts: how many there are; of a single one no split is empty.
        prepared: the first of what a rule made for the source (see Source.prepared).

    Raises:
        MixwrightError: the source cannot be read; a step does not fit its rows; under two
            documents are left of a single part.
    """
    known = Known(target_ngrams(targets, settings.ngram), settings.ngram)
    work = Part(source, settings, known, part, parts, prepared)
    with written(to) as temporary:
        # Its name tells whose it is, so that what a killed job leaves is removed like the file.
        folder = temporary.with_name(temporary.name.replace(".partial", ".folder.partial"))
        folder.mkdir()
        try:
            spool, counts = clean(work, folder)
            limit = _validation_limit(work, draws_in(spool), counts)
            counts["train_characters"] = train_characters(spool, limit)
            _write_spooled(spool, limit, temporary, counts)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return counts


def write_target(
    source: Source,
    settings: TextSettings,
    target_bytes: int,
    to: str | Path,
    prepared: Path | None = None,
) -> Report:
    """Reads, cleans and writes one target, and returns counts.

    Args:
        source: where its texts or questions come from.
        settings: as `clean_target` takes them.
        target_bytes: UTF-8 bytes of the documents at most, contexts included.
        to: the file to write.
        prepared: the first of what a rule made for the source (see Source.prepared).
    """
    gold_is = source.settings.get("gold_is")
    reading = Reading(prepared, on_error=settings.on_error)
    rows = source.documents(reading)
    documents, report = clean_target(source.name, rows, settings, target_bytes, gold_is)
    report |= {"broken": reading.tally.broken, "broken_files": reading.tally.broken_files}
    write_documents(documents, to, report)
    return report


def _validation_limit(part: Part, draws: Draws, counts: Report) -> float:
    """The highest draw of a document that is held out, so that about the right share is."""
    share = part.settings.validation_share
    if counts["bytes"]:
        share = min(share, part.validation_bytes / counts["bytes"])
    if part.parts > 1:
        return share
    if draws.different < 2:
        raise too_few(part.source.name, counts)
    return min(max(share, draws.lowest), draws.second)


def too_few(domain: str, counts: Mapping[str, int], parts: int = 1) -> MixwrightError:
    """Returns the error of a domain whose documents cannot be split, with what became of its rows.

    Args:
        domain: the domain.
        counts: of all its parts (see parts.COUNTS).
        parts: how many there are.
    """
    words = []
    for reason, count in counts.items():
        if count and not reason.startswith("bytes") and reason not in NOT_ROWS:
            words.append(f"{count} {reason.replace('_', ' ')}")
    number = "two" if counts["documents"] < 2 else "two different"
    whose = f" in its {parts} parts" if parts > 1 else ""
    remedy = "give it more or other text"
    if not counts["read"]:
        remedy += ", or correct its `where` if it has one"
    return MixwrightError(
        f"{domain}: under {number} documents are left of this domain{whose}"
        f" ({', '.join(words) or '0 read'}); {remedy}"
    )


def _write_spooled(spool: Path, limit: float, to: Path, counts: Report) -> None:
    """Writes the documents of a spool, a row group a batch."""
    schema = PART_SCHEMA.with_metadata({COUNTS: json.dumps(counts)})
    # Words of texts do not repeat as wholes: a dictionary of them would only cost time.
    options = {"compression": "zstd", "use_dictionary": ["split", "context"]}
    number = 0
    with pq.ParquetWriter(to, schema, write_statistics=False, **options) as writer:
        for batch in read_spool(spool):
            rows = batch.num_rows
            held_out = batch.column("draw").to_numpy() <= limit
            columns = [
                pa.array(np.arange(number, number + rows)),
                pa.array(np.where(held_out, "validation", "train").tolist(), pa.string()),
                batch.column("text"),
                pa.repeat("", rows),
                batch.column("tokens"),
                batch.column("hash"),
                batch.column("shared"),
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema), row_group_size=rows)
            number += rows


def target_ngrams(paths: Sequence[str | Path], n: int) -> Hashes:
    """Returns the n-grams of the targets' documents, contexts included."""
    return ngram_set(_whole_texts(paths), n)


def _whole_texts(paths: Sequence[str | Path]) -> Iterator[str]:
    """Every document of the files, context and text."""
    for path in paths:
        for document in read_texts(path):
            yield document.context + document.text


def write_documents(
    documents: Sequence[Document], to: str | Path, report: Mapping[str, int] | None = None
) -> None:
    """Writes documents in their order, atomically, and the counts of what was left out."""
    columns: dict[str, list[Any]] = {name: [] for name in TARGET_SCHEMA.names}
    for number, document in enumerate(documents):
        columns["document"].append(number)
        columns["split"].append(document.split)
        columns["text"].append(document.text)
        columns["context"].append(document.context)
        columns["tokens"].append(document.tokens)
        columns["answers"].append(document.answers and document.answers.as_record())
    with written(to) as temporary:
        counts = {COUNTS: json.dumps(report or {})}
        table = pa.table(columns, schema=TARGET_SCHEMA.with_metadata(counts))
        pq.write_table(table, temporary, compression="zstd")


def read_counts(path: str | Path) -> Report:
    """Returns the counts that were written with the documents; {} for older files.

    Raises:
        MixwrightError: the file is missing or broken.
    """
    with _opened(path) as file:
        metadata = file.schema_arrow.metadata or {}
    counts: Report = json.loads(metadata.get(COUNTS.encode(), b"{}"))
    return counts


def read_texts(path: str | Path, split: str | None = None) -> list[Document]:
    """Returns the documents of one file in stored order, all at once; see `iter_documents`."""
    return list(iter_documents(path, split))


def iter_documents(path: str | Path, split: str | None = None) -> Iterator[Document]:
    """Yields the documents of one file in stored order; a batch of them is in memory at a time.

    Args:
        path: a file that `write_part`, `write_target` or `write_documents` wrote.
        split: the one split to read; None for all.

    Raises:
        MixwrightError: the file is missing or broken.
    """
    for batch in _batches(path, READ, BATCH_ROWS):
        yield from _documents(batch, split)


def iter_columns(path: str | Path, name: str) -> Iterator[NDArray[Any]]:
    """Yields a column of a part's file in pieces: `hash`, ascending, or `shared`.

    Args:
        path: a file that `write_part` wrote.
        name: of the column.

    Raises:
        MixwrightError: the file is missing or broken, or has no such column.
    """
    for batch in _batches(path, [name], PIECE_ROWS):
        if name not in batch.schema.names:
            raise MixwrightError(
                f"{path}: its documents have no column {name}; clean this source again"
            )
        if batch.num_rows:
            yield batch.column(name).to_numpy(zero_copy_only=False)


def _batches(path: str | Path, columns: Sequence[str], rows: int) -> Iterator[Any]:
    """Batches of a file of documents, with those of the columns that it has."""
    with _opened(path) as file:
        names = [name for name in columns if name in file.schema_arrow.names]
        yield from file.iter_batches(rows, columns=names)


@contextmanager
def _opened(path: str | Path) -> Iterator[pq.ParquetFile]:
    """A file of documents; what is wrong with it while it is read is one line."""
    reason = ""
    try:
        # A buffer in front of the file would hold all that was read of it.
        with pq.ParquetFile(path, pre_buffer=False) as file:
            missing = set(ALWAYS).difference(file.schema_arrow.names)
            if not missing:
                yield file
                return
            reason = f"no column {min(missing)}"
    except PermissionError:
        raise MixwrightError(
            f"{path}: it may not be read; change its permissions (chmod u+r)"
        ) from None
    except (OSError, pa.ArrowInvalid) as error:
        reason = error.__class__.__name__
    raise MixwrightError(
        f"{path}: not a readable file of documents ({reason}); clean this source again"
    )


def _documents(batch: Any, split: str | None) -> Iterator[Document]:
    """The documents of a batch of rows."""
    if split is not None:
        batch = batch.filter(pc.equal(batch.column("split"), split))
    splits, texts, contexts = (batch.column(name).to_pylist() for name in ALWAYS)
    listed: list[Any] = [None] * len(texts)
    # Files of older versions have no tokens.
    if "tokens" in batch.schema.names and batch.column("tokens").null_count < len(texts):
        listed = [_ids(tokens) for tokens in batch.column("tokens")]
    answers: list[Any] = [None] * len(texts)
    # Domains have none.
    if "answers" in batch.schema.names:
        answers = [record and Answers.of_record(record) for record in _records(batch)]
    for row in zip(splits, texts, contexts, listed, answers, strict=True):
        yield Document(*row)


def _records(batch: Any) -> list[Any]:
    """The answers of each document of a batch, as they were written."""
    records: list[Any] = batch.column("answers").to_pylist()
    return records


def _ids(tokens: Any) -> NDArray[np.uint32] | None:
    """The ids of an arrow list."""
    if not tokens.is_valid:
        return None
    ids: NDArray[np.uint32] = tokens.values.to_numpy(zero_copy_only=False)
    return ids
