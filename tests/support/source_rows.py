"""A source of rows in memory, and what cleaning makes of them."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mixwright.corpus.cleaning import Document
from mixwright.corpus.documents import read_texts, write_documents, write_part
from mixwright.corpus.steps import Report
from mixwright.corpus.text_settings import TextSettings
from mixwright.sources import SOURCES
from mixwright.sources.base import Reading, Row, Source
from mixwright.sources.places import Places

# What the embedded corpus is cleaned with: a step that is added changes none of it.
ALL_STEPS = TextSettings(
    sample=10**6, max_document_bytes=24_000, clean=SOURCES["installed"].defaults["clean"]
)
# Counts of bytes that are not where the text is that was read.
ASIDE = ("bytes_read", "bytes_contaminated")


class RowsSource(Source):
    """Rows that are there, or that a function makes; every second one is in a second part."""

    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        reading = reading or Reading()
        rows: Iterable[Row] | Callable[[], Iterable[Row]] = self.settings["rows"]
        for number, row in enumerate(rows() if callable(rows) else rows):
            if number % reading.parts == reading.part:
                text = row.get("text") or ""
                reading.tally.text_bytes += len(text.encode(errors="replace"))
                yield row

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        raise NotImplementedError


def rows_source(rows: Any, name: str = "d") -> RowsSource:
    """The source of rows, or of a function that makes them."""
    return RowsSource(name, {"rows": rows}, Places())


def cleaned(
    texts: Sequence[Any],
    settings: TextSettings = ALL_STEPS,
    targets: Sequence[str] = (),
    part: int = 0,
    parts: int = 1,
) -> tuple[list[Document], Report]:
    """The documents of a domain with these texts, and the counts."""
    rows = [text if isinstance(text, dict) else {"text": text} for text in texts]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "target.parquet")
        write_documents([Document("target", text) for text in targets], target)
        to = Path(folder, "d.parquet")
        report = write_part(rows_source(rows), settings, [target], to, part, parts)
        return read_texts(to), report


def adds_up(counts: Report) -> bool:
    """Whether every byte that was read is accounted for."""
    reasons = [key for key in counts if key.startswith("bytes_") and key not in ASIDE]
    lost = sum(counts[reason] for reason in reasons)
    if counts["dropped_contaminated"]:
        lost += counts["bytes_contaminated"]
    return counts["bytes_read"] == counts["bytes"] + lost
