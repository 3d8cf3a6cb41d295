"""The source `table`: a label of a table is a domain, its rows are those whose label is known.

Rule make_datasets reads a table once for all its labels (rooms tabular/, study/shorthand.py), so
this source lists no inputs of its own and yields no documents.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources.base import Reading, Row, Source


class TableLabel(Source):
    """A label column of a table of the section `tables`."""

    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        raise MixwrightError(
            f"{self.name}: a table's label holds no text; make its dataset with make-datasets"
        )

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        return {"source": "table", "table": "assays", "label": "toxic"}
