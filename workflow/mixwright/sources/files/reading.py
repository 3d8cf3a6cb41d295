"""The rows of one file: text, JSON or parquet. Only the columns that are asked for are looked at.

Other columns may hold what they like, a type that changes from row to row too.
"""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.sources.files.json_rows import can_split_json, json_rows
from mixwright.sources.files.lines import Line, Scan
from mixwright.sources.files.opening import form_of
from mixwright.sources.files.parquet_rows import can_split_parquet, parquet_rows
from mixwright.sources.files.text_rows import can_split_text, text_rows

log = logging.getLogger(__name__)

READERS: dict[str, Callable[[Scan], Iterator[Line]]] = {
    "text": text_rows,
    "json": json_rows,
    "parquet": parquet_rows,
}
SPLITS: dict[str, Callable[[Path], bool]] = {
    "text": can_split_text,
    "json": can_split_json,
    "parquet": can_split_parquet,
}


def read_rows(scan: Scan, quiet: bool = False) -> Iterator[Line]:
    """Yields the rows of a span of a file with those of the columns that they have.

    A file without a byte, or with white space only, has no row; a line of the log says so.

    Args:
        scan: the span of a file of text (documents, whose column is `text`), of JSON (an object a
            line, or one list of objects), or of a parquet file, and the columns. Bytes that were
            read are added to `scan.passed`; a packed file is read from its beginning.
        quiet: nothing is logged.

    Raises:
        MixwrightError: the file cannot be read. One line names the file, the place in it and the
            remedy.
    """
    rows = 0
    for line in READERS[form_of(scan.path)](scan):
        rows += 1
        yield line
    if not rows and scan.span.is_file and not quiet:
        log.warning("%s: empty, nothing is read of it", scan.path)


def can_split(path: Path) -> bool:
    """Returns whether rows of a file can be read from any byte on; a broken one is read whole."""
    try:
        return SPLITS[form_of(path)](path)
    except MixwrightError:
        return False
