"""The rows of a parquet file: of the columns that are asked for, and of some of its row groups."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixwright.errors import MixwrightError
from mixwright.sources.files.lines import Line, Scan, pick
from mixwright.sources.files.opening import opened_on_disk
from mixwright.sources.files.spans import WINDOW

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

# Most rows, and about most bytes, that are decoded at a time.
BATCH = 1_000
BATCH_BYTES = 4_000_000
# Least row groups that a sample is taken from, where there are so many.
PLACES = 8
# Bytes of a column that are read from disk at a time.
BUFFER = 1 << 20


def parquet_rows(scan: Scan) -> Iterator[Line]:
    """Yields the rows of a parquet file; a packed one is held in memory as it is unpacked."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    with opened_on_disk(scan.path) as content:
        source: Any = scan.path
        size = scan.span.size
        if content.packing:
            unpacked = content.file.read()
            size = len(unpacked)
            source = pa.BufferReader(unpacked)
        if not size:
            return
        try:
            table = pq.ParquetFile(source, buffer_size=BUFFER, pre_buffer=False)
            for line in _rows(scan, table):
                number += 1
                yield line
        except (pa.ArrowException, ValueError, TypeError, KeyError, OSError) as error:
            reason = (str(error).splitlines() or [error.__class__.__name__])[0]
            raise MixwrightError(
                f"{scan.path}: not readable as parquet ({reason}, after row {number});"
                " write the file again or leave it out"
            ) from None


def can_split_parquet(path: Path) -> bool:
    """Returns whether some row groups of a parquet file can be read."""
    with opened_on_disk(path) as content:
        return not content.packing


def _rows(scan: Scan, table: "ParquetFile") -> Iterator[Line]:
    names = table.schema_arrow.names
    leaves = _leaves(scan, table)
    if not leaves:
        if table.metadata.num_rows:
            yield Line({}, scan.path, columns=names)
        return
    for group, before, rows, passed in _groups(scan, table):
        done = 0
        size = _batch_size(table, group)
        for batch in table.iter_batches(min(size, rows), [group], leaves, use_threads=False):
            for line in _lines(scan, batch, before + done):
                line.columns = names
                yield line
            done += batch.num_rows
            if done >= rows:
                break
        scan.passed += passed * done / rows


def _lines(scan: Scan, batch: Any, before: int) -> Iterator[Line]:
    """The rows of some that were decoded together; one that is not UTF-8 is a fault."""
    columns = {}
    for name in batch.schema.names:
        columns[name] = _values(batch.column(name))
    for number in range(batch.num_rows):
        row = {name: values[number] for name, values in columns.items()}
        bad = [value for value in row.values() if isinstance(value, UnicodeDecodeError)]
        place = before + number + 1
        if bad:
            scan.faults.row(
                MixwrightError(
                    f"{scan.path}: not readable as parquet (row {place}: not UTF-8,"
                    f" {bad[0].reason}); write the file again or leave it out"
                )
            )
            continue
        chosen = {}
        for column in scan.columns:
            has, content = pick(row, column)
            if has:
                chosen[column] = content
        yield Line(chosen, scan.path, "row", place)


def _values(column: Any) -> list[Any]:
    """The values of a column; in the place of one that is not UTF-8 stands the error."""
    try:
        values: list[Any] = column.to_pylist()
        return values
    except UnicodeDecodeError:
        return [_value(value) for value in column]


def _value(value: Any) -> Any:
    try:
        return value.as_py()
    except UnicodeDecodeError as error:
        return error


def _groups(scan: Scan, table: "ParquetFile") -> Iterator[tuple[int, int, int, float]]:
    """The row groups to read: (its number, rows before it, rows to read of it, bytes of these).

    A group is in a span where its middle lies in it, when all of them are laid over the file. A
    sample takes the first rows of groups that lie evenly in the span.
    """
    span = scan.span
    meta = table.metadata
    sizes = [
        max(1, meta.row_group(number).total_byte_size) for number in range(meta.num_row_groups)
    ]
    total = sum(sizes)
    inside = []
    offset = rows = 0
    for number, size in enumerate(sizes):
        middle = (2 * offset + size) * span.size // (2 * total)
        if span.start <= middle < span.stop:
            inside.append((number, rows, meta.row_group(number).num_rows, size))
        offset += size
        rows += meta.row_group(number).num_rows
    share = 1.0
    if span.amount is not None and inside:
        share = span.amount / span.length
        inside, share = _spread(inside, share, span.amount)
    for number, before, count, size in inside:
        if count:
            taken = max(1, round(count * share))
            passed = size * share * span.size / total
            yield number, before, taken, passed


def _spread(inside: list[Any], share: float, amount: int) -> tuple[list[Any], float]:
    """Some of the groups, and the share of each that together are a share of all of them."""
    count = len(inside)
    taken = min(count, max(PLACES, -(-count * share // 1), amount // WINDOW))
    chosen = []
    for number in range(int(taken)):
        chosen.append(inside[int((number + 0.5) * count / taken)])
    return chosen, min(1.0, share * count / taken)


def _batch_size(table: "ParquetFile", group: int) -> int:
    """Rows of a group that are decoded together."""
    meta = table.metadata.row_group(group)
    width = max(1, meta.total_byte_size // max(1, meta.num_rows))
    return int(min(BATCH, max(1, BATCH_BYTES // width)))


def _leaves(scan: Scan, table: "ParquetFile") -> list[str]:
    """The columns, or fields of columns, of the file to decode for those that are asked for."""
    names = table.schema_arrow.names
    leaves: list[str] = []
    for column in scan.columns:
        top = column if column in names else column.split(".")[0]
        times = names.count(top)
        if times > 1:
            raise MixwrightError(
                f"{scan.path}: it has the column {top} {times} times; leave one of that name"
            )
        if times:
            leaves.append(column if _has_field(table, top, column) else top)
    return list(dict.fromkeys(leaves))


def _has_field(table: "ParquetFile", top: str, column: str) -> bool:
    """Whether a dotted name is a field of a column of objects."""
    import pyarrow as pa

    kind = table.schema_arrow.field(top).type
    for field in column.removeprefix(top).split(".")[1:]:
        if not pa.types.is_struct(kind) or kind.get_field_index(field) < 0:
            return False
        kind = kind.field(field).type
    return True
