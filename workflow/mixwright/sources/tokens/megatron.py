"""Megatron's pairs of files: `.bin` holds the ids, `.idx` says where documents lie.

The index: MMIDIDX and two zero bytes, a version (8 bytes), the code of the type of ids (1 byte),
the numbers of sequences and of the index's documents (8 bytes each), then of all sequences their
lengths (int32) and first bytes in the `.bin` (int64), and of all documents their first sequence
(int64), with one entry more for the end. All little-endian. What may follow of modes is not read.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.errors import MixwrightError
from mixwright.files import reason
from mixwright.sources.files.opening import packing_of
from mixwright.sources.tokens.token_streams import Indexed, mapped

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
HEADER = struct.Struct("<9sQBQQ")
# Code of a type of ids -> numpy's name of it. Codes 6 and 7 are types of fractions.
TYPES = {1: "<u1", 2: "<i1", 3: "<i2", 4: "<i4", 5: "<i8", 8: "<u2"}
# What helps where the two files do not belong together.
REMEDY = "fetch the pair again, or name the .bin and .idx that were written together"


@dataclass(frozen=True)
class Megatron(Indexed):
    """A `.bin` with its `.idx`; `starts` are those of documents' first sequences."""

    # (sequences,) first bytes in the .bin
    pointers: NDArray[Any]

    @classmethod
    def open(cls, path: Path, end: int) -> "Megatron":
        """Opens `path`, a `.bin`, and the `.idx` beside it.

        Raises:
            MixwrightError: one of them is missing or broken, or they do not belong together.
        """
        index = path.with_suffix(".idx")
        dtype, sequences, documents = read_header(index)
        lengths = _array(index, "<i4", HEADER.size, sequences)
        pointers = _array(index, "<i8", HEADER.size + 4 * sequences, sequences)
        starts = _array(index, "<i8", HEADER.size + 12 * sequences, documents)
        tokens = mapped(path, dtype, remedy=REMEDY)
        total = 0
        if sequences:
            last = int(pointers[-1]) // dtype.itemsize
            total = last + int(lengths[-1])
        if total != len(tokens):
            raise MixwrightError(
                f"{path}: it holds {len(tokens)} tokens, and {index.name} lists {total}; {REMEDY}"
            )
        if not documents or starts[0] != 0 or starts[-1] != sequences:
            raise MixwrightError(
                f"{index}: its documents do not hold all of its {sequences} sequences; {REMEDY}"
            )
        return cls(path, tokens, end, starts, pointers)

    def start(self, unit: int) -> int:
        sequence = int(self.starts[unit])
        if sequence >= len(self.pointers):
            return len(self.tokens)
        return int(self.pointers[sequence]) // self.tokens.dtype.itemsize


def read_header(index: Path) -> tuple[np.dtype[Any], int, int]:
    """Returns the type of ids, the number of sequences and that of the entries of documents.

    Args:
        index: a `.idx`. Of it, the first bytes are read and the size is compared.

    Raises:
        MixwrightError: it is missing, cut off, or no index of Megatron's.
    """
    try:
        with index.open("rb") as file:
            packing_of(index, file)
            content = file.read(HEADER.size)
        size = index.stat().st_size
    except OSError as error:
        raise MixwrightError(reason(error)) from None
    if not content.startswith(MAGIC):
        raise MixwrightError(
            f"{index}: no index of Megatron's (it does not begin with MMIDIDX);"
            " write the pair again, or set `format: numpy` to read the .bin without it"
        )
    if len(content) < HEADER.size:
        raise MixwrightError(f"{index}: cut off after {size} bytes; fetch it again")
    _, version, code, sequences, documents = HEADER.unpack(content)
    if version != VERSION:
        raise MixwrightError(
            f"{index}: version {version} of the index, and version {VERSION} is read;"
            " write the pair again with megatron-core"
        )
    if code not in TYPES:
        raise MixwrightError(
            f"{index}: {code} is no code of a type of ids; write the pair again with megatron-core"
        )
    if size < HEADER.size + 12 * sequences + 8 * documents:
        raise MixwrightError(
            f"{index}: cut off: {size} bytes are too few for its {sequences} sequences and"
            f" {documents} documents; fetch it again"
        )
    return np.dtype(TYPES[code]), sequences, documents


def _array(index: Path, dtype: str, offset: int, length: int) -> NDArray[Any]:
    """A table of the index, as a memory map."""
    if not length:
        return np.empty(0, dtype)
    return np.memmap(index, dtype, mode="r", offset=offset, shape=(length,))
