"""Tables that come as pandas DataFrames in place of files."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from mixwright.measured.cells import Cells, checked, clean_heading
from mixwright.tables import Table


@dataclass(frozen=True, eq=False)
class Frame:
    """A DataFrame and what messages call it: `mixtures`, `losses`, ..."""

    name: str
    content: pd.DataFrame

    def __str__(self) -> str:
        return self.name

    def has(self, columns: Sequence[str]) -> bool:
        """Whether these columns are there, such as the key of one of the workflow's tables."""
        return set(columns) <= set(self.content.columns)

    def rows(self, table: Table) -> pd.DataFrame:
        """Returns the rows of a long table, its names as text: ids of runs may be numbers here."""
        frame = self.content.copy()
        for field in table.schema:
            if pa.types.is_string(field.type) and field.name in frame:
                frame[field.name] = frame[field.name].map(str, na_action="ignore")
        return frame

    def cells(self) -> Cells:
        """Returns the cells of a wide table; its index is the first column."""
        frame = self.content
        index = frame.index.name
        heading = [""]
        if index is not None and index not in frame.columns:
            heading = [str(index)]
        columns = [_texts(frame.index)]
        for k, name in enumerate(frame.columns):
            heading.append(clean_heading(name))
            column = frame.iloc[:, k]
            columns.append(_texts(column))
        rows = list(map(list, zip(*columns, strict=True)))
        lines = list(range(1, len(rows) + 1))
        cells = Cells(self.name, heading, rows, lines, "row")
        return checked(cells)


def _texts(column: pd.Series | pd.Index) -> list[str]:
    """Returns the cells as text, numbers to the last bit; NaN is nan, what is missing is empty."""
    texts = []
    for value in column.tolist():
        missing = pd.isna(value) is True
        is_nan = missing and isinstance(value, float)
        text = "" if missing else str(value).strip()
        texts.append("nan" if is_nan else text)
    return texts
