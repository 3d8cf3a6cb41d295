"""The files of cleaned documents, and the two stages that write them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.corpus.cleaning import Document, Report, clean_domain, clean_target
from mixwright.corpus.ngrams import Hashes, ngram_set
from mixwright.corpus.text_settings import TextSettings
from mixwright.errors import MixwrightError
from mixwright.files import written
from mixwright.sources.base import Source

# The key of the file's metadata with the counts of cleaning.
COUNTS = "mixwright.counts"
SCHEMA = pa.schema(
    [
        ("document", pa.int64()),
        ("split", pa.string()),
        ("text", pa.string()),
        ("context", pa.string()),
    ]
)


def write_part(
    source: Source,
    settings: TextSettings,
    targets: Sequence[str | Path],
    to: str | Path,
    part: int = 0,
    parts: int = 1,
    prepared: Path | None = None,
) -> Report:
    """Reads, cleans and writes one part of a domain, and returns counts."""
    known = target_ngrams(targets, settings.ngram)
    rows = []
    for number, row in enumerate(source.documents(prepared)):
        if number % parts == part:
            rows.append(row)
    documents, report = clean_domain(source.name, rows, known, _as_before(settings, parts))
    train = [document for document in documents if document.split == "train"]
    report["train_characters"] = sum(len(document.text) for document in train)
    report["source_bytes"] = report["bytes_read"]
    report["whole"] = 1
    report["beyond_sample"] = report.pop("over_cap")
    report["bytes_beyond_sample"] = report.pop("bytes_over_cap")
    write_documents(documents, to, report)
    return report


def write_target(
    source: Source,
    settings: TextSettings,
    target_bytes: int,
    to: str | Path,
    prepared: Path | None = None,
) -> Report:
    """Reads, cleans and writes one target, and returns counts; arguments as for `write_part`."""
    gold_is = source.settings.get("gold_is")
    rows = source.documents(prepared)
    mapping = _as_before(settings, 1) | {"target_bytes": target_bytes}
    documents, report = clean_target(source.name, rows, mapping, gold_is)
    write_documents(documents, to, report)
    return report


def _as_before(settings: TextSettings, parts: int) -> dict[str, Any]:
    most = 2**60
    return {
        "max_bytes": (settings.sample or most) // parts,
        "ngram": settings.ngram,
        "min_line": settings.min_line,
        "max_document_bytes": settings.max_document_bytes or most,
        "validation_share": settings.validation_share,
    }


def iter_documents(path: str | Path, split: str | None = None) -> Iterator[Document]:
    """Yields the documents of one file in stored order; arguments as for `read_texts`."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=512, columns=["split", "text", "context"]):
            columns = [column.to_pylist() for column in batch.columns]
            for which, text, context in zip(*columns, strict=True):
                if split is None or which == split:
                    yield Document(which, text, context)


def target_ngrams(paths: Sequence[str | Path], n: int) -> Hashes:
    """Returns the n-grams of the targets' documents, contexts included.

    No training document may share one.
    """
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
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
    for number, document in enumerate(documents):
        columns["document"].append(number)
        columns["split"].append(document.split)
        columns["text"].append(document.text)
        columns["context"].append(document.context)
    with written(to) as temporary:
        counts = {COUNTS: json.dumps(report or {})}
        table = pa.table(columns, schema=SCHEMA.with_metadata(counts))
        pq.write_table(table, temporary, compression="zstd")


def read_counts(path: str | Path) -> Report:
    """Returns the counts that `write_documents` wrote with the documents; {} for older files."""
    metadata = pq.read_schema(path).metadata or {}
    counts: Report = json.loads(metadata.get(COUNTS.encode(), b"{}"))
    return counts


def read_texts(path: str | Path, split: str | None = None) -> list[Document]:
    """Returns the documents of one file in stored order.

    Args:
        path: a file that `write_documents` wrote.
        split: the one split to read; None for all.

    Raises:
        MixwrightError: the file is missing or broken.
    """
    try:
        rows = pq.read_table(path, schema=SCHEMA).to_pylist()
    except (OSError, pa.ArrowInvalid) as error:
        raise MixwrightError(
            f"{path}: not a readable file of documents ({error.__class__.__name__});"
            " clean this source again"
        ) from None
    documents = []
    for row in rows:
        if split is None or row["split"] == split:
            documents.append(Document(row["split"], row["text"], row["context"]))
    return documents
