"""How much is read of each file of a source, where less than all is wanted."""

import hashlib
import os.path
from collections.abc import Sequence

# Of more files than this some are chosen, by hash of their names, unless more text is wanted than
# they are likely to hold.
MANY = 100
# Bytes of text for which another file is opened.
WORTH_A_FILE = 1_000_000


def order(names: Sequence[str], most_bytes: int | None) -> tuple[list[int], list[int]]:
    """Returns the files to read, by their numbers: the chosen ones, and those to go on with.

    Where less than all is wanted they come by hash of their names: rows are longer than the share
    of a small file, and what is wanted may be reached before the last one.

    Args:
        names: of the files, in their order.
        most_bytes: of text that is wanted; None is all.
    """
    numbers = list(range(len(names)))
    if most_bytes is None:
        return numbers, []
    most = max(MANY, most_bytes // WORTH_A_FILE)
    by_hash = sorted(numbers, key=lambda number: name_hash(names[number]))
    return by_hash[:most], by_hash[most:]


def name_hash(name: str) -> bytes:
    """Returns what decides which of many files are read: a hash of a file's name."""
    return hashlib.sha256(name.encode(errors="surrogateescape")).digest()


def inner_names(paths: Sequence[str]) -> list[str]:
    """Returns paths without the folders that they share: they stay the same when data moves."""
    # Paths and addresses alike; the prefix is cut to whole folders.
    shared = os.path.commonprefix(list(paths))  # noqa: RUF071
    shared = shared[: shared.rfind("/") + 1]
    return [path.removeprefix(shared) for path in paths]


def share(remaining: int, sizes: Sequence[int | None]) -> int:
    """Returns how much to read of the first of some files.

    Args:
        remaining: bytes of text that are still wanted of them all.
        sizes: of the files that are left, in bytes; in equal parts where one is unknown.
    """
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes) or not sum(known):
        return -(-remaining // len(sizes))
    return -(-remaining * known[0] // sum(known))
