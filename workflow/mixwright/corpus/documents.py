"""The files of cleaned documents, and the two stages that write them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.corpus.cleaning import Document, Report, clean_domain, clean_target
from mixwright.corpus.ngrams import Hashes, ngram_set
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


def write_domain(
    source: Source,
    settings: Mapping[str, Any],
    targets: Sequence[str | Path],
    to: str | Path,
    prepared: Path | None = None,
) -> Report:
    """Reads, cleans and writes one domain, and returns counts.

    Args:
        source: where its text comes from.
        settings: the config's section `corpus`.
        targets: document files; the domain may share no n-gram with them.
        to: the file to write.
        prepared: what a rule made for the source (see Source.prepared).
    """
    known = target_ngrams(targets, int(settings["ngram"]))
    documents, report = clean_domain(source.name, source.documents(prepared), known, settings)
    write_documents(documents, to, report)
    return report


def write_target(
    source: Source,
    settings: Mapping[str, Any],
    to: str | Path,
    prepared: Path | None = None,
) -> Report:
    """Reads, cleans and writes one target, and returns counts; arguments as for `write_domain`."""
    gold_is = source.settings.get("gold_is")
    rows = source.documents(prepared)
    documents, report = clean_target(source.name, rows, settings, gold_is)
    write_documents(documents, to, report)
    return report


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
