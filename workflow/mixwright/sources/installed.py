"""The source `installed`: the embedded corpus, which rule harvest_installed collects (harvest.py).

The name of the domain or target is that of the corpus's domain.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources.base import Reading, Row, Source


class Installed(Source):
    """One domain of the embedded corpus, text that every installation has."""

    def prepared(self) -> list[Path]:
        return [Path(self.places.results) / "installed"]

    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        # The harvest is a file of our own: pyarrow alone reads it.
        import pyarrow.parquet as pq

        reading = reading or Reading()
        prepared = reading.prepared
        if prepared is None or not prepared.is_dir():
            raise MixwrightError(
                f"{self.name}: no harvested corpus in {prepared};"
                " run harvest-installed and name its folder with --harvest"
            )
        path = prepared / f"{self.name}.parquet"
        if not path.is_file():
            names = sorted(file.stem for file in prepared.glob("*.parquet"))
            raise MixwrightError(
                f"{self.name}: the embedded corpus has no {self.name}; it has {', '.join(names)}"
            )
        # It is one part, and small: all of it is read.
        reading.tally.part_bytes += path.stat().st_size
        for text in pq.read_table(path, columns=["text"]).column("text").to_pylist():
            reading.tally.text_bytes += len(text.encode(errors="replace"))
            yield {"text": text}
        reading.tally.passed_bytes += path.stat().st_size

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        (folder / "installed").mkdir()
        texts = pa.table({"text": ["one text", "another text"]})
        pq.write_table(texts, folder / "installed" / "example.parquet")
        return {"source": "installed"}
