"""Tables that come as pandas DataFrames in place of files."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa

from mixwright.measured.wide import IDENTITIES, Cells
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
        """Returns the cells of a wide table, its ids first.

        The ids are the first column where its name says so (`run`, `name`, `index`, `id`, or none),
        or where it holds words. Else they are the index.
        """
        frame = self.content
        heading = []
        texts = []
        if not _holds_ids(frame):
            heading.append(str(frame.index.name or "run"))
            texts.append(_texts(frame.index))
        for k, name in enumerate(frame.columns):
            heading.append(_heading(name))
            texts.append(_texts(frame.iloc[:, k]))
        rows = [list(row) for row in zip(*texts, strict=True)]
        return Cells(self.name, heading, rows, list(range(1, len(rows) + 1)), "row")


def _holds_ids(frame: pd.DataFrame) -> bool:
    """Whether the first column says which run a row is."""
    if not frame.shape[1]:
        return False
    first = frame.iloc[:, 0]
    if _heading(first.name).lower() in ("", *IDENTITIES):
        return True
    return not pd.api.types.is_numeric_dtype(first)


def _heading(name: object) -> str:
    """Returns a column's name as text; pandas calls a CSV column without one `Unnamed: 0`."""
    text = str(name).strip()
    return "" if text.startswith("Unnamed: ") else text


def _texts(column: pd.Series | pd.Index) -> list[str]:
    """Returns the cells as text, numbers to the last bit; what is missing is empty."""
    texts = []
    for value in column.tolist():
        missing = pd.isna(value) is True
        texts.append("" if missing else str(value).strip())
    return texts
