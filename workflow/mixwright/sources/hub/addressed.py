"""What is known of a file at a path or an address (hf://) beside its rows. Runs in a job."""

import lzma
import zlib
from collections.abc import Sequence
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.sources.files.opening import PACKED, PIECE, packing_of, unpacked

# Bytes on disk that are looked at: rows beyond them are taken to be as long as those before.
MOST = 8_000_000
# The end of a name, packing left aside, of files that have a row a line.
LINES = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")


def share_of_lines(address: str, size: int, rows: int) -> float | None:
    """Returns which share of a file its first rows are, by the bytes on disk.

    Args:
        address: a path, or an address that fsspec opens.
        size: bytes of the file.
        rows: how many of its rows, a line each.

    Returns:
        From 0 to 1; None where the file has no row a line, or cannot be read.
    """
    import fsspec

    name = address.lower()
    for suffix in PACKED:
        name = name.removesuffix(suffix)
    if not name.endswith(LINES) or not size:
        return None
    try:
        with fsspec.open(address, "rb") as file:
            content = unpacked(file, packing_of(Path(address), file))
            lines = 0
            # Bytes of text that were read, and those of them up to the last row.
            read = passed = 0
            while lines < rows and file.tell() < MOST:
                piece = content.read(PIECE)
                if not piece:
                    break
                if not read and piece.lstrip()[:1] == b"[" and ".json" in name:
                    return None
                taken, used = _first_lines(piece, rows - lines)
                lines += taken
                passed += used
                read += len(piece)
            packed = file.tell() / max(1, read)
    except (MixwrightError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError):
        return None
    if not lines:
        return None
    return min(1.0, packed * passed * max(1.0, rows / lines) / size)


def rows_of_parquet(address: str) -> int | None:
    """Returns how many rows a parquet file has; None where it cannot be read."""
    import fsspec
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with fsspec.open(address, "rb") as file:
            return int(pq.read_metadata(file).num_rows)
    except (pa.ArrowException, OSError, ValueError):
        return None


def sizes_of(files: Sequence[str]) -> list[int | None]:
    """Returns the sizes of files in bytes; None where nobody says."""
    from fsspec.core import url_to_fs

    sizes: list[int | None] = []
    for address in files:
        try:
            system, path = url_to_fs(address)
            sizes.append(system.size(path))
        except (OSError, ValueError, ImportError):
            sizes.append(None)
    return sizes


def parquet_columns(files: Sequence[str], names: Sequence[str]) -> list[str]:
    """Returns the columns to read of parquet files; none where all must be.

    Args:
        files: addresses; columns are read of parquet alone.
        names: those that are asked for, `meta.set` for the field set of meta. Where one is missing
            all are read, so that a message can list them.
    """
    import fsspec
    import pyarrow.parquet as pq

    if not files or not all(file.lower().endswith(".parquet") for file in files):
        return []
    with fsspec.open(files[0], "rb") as file:
        present = pq.read_schema(file).names
    columns = []
    for name in names:
        top = name if name in present else name.split(".")[0]
        if top not in present:
            return []
        columns.append(top)
    return list(dict.fromkeys(columns))


def _first_lines(piece: bytes, most: int) -> tuple[int, int]:
    """How many of the wanted lines end in a piece, and the bytes up to there."""
    lines = piece.count(b"\n")
    if lines < most:
        return lines, len(piece)
    end = 0
    for _ in range(most):
        end = piece.index(b"\n", end) + 1
    return most, end
