"""Arrays of ids: raw memory maps and `.npy` files, cut at end tokens, or as datatrove indexes them.

OLMo-core's `.npy` are raw: they have no header. The bounds in the `.csv.gz` beside them are those
of the end tokens, so it is not read. datatrove (nanotron) writes `.ds` and `.ds.index`, which
holds the number of tokens before the end of each document, its end token among them (uint64).
"""

from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.sources.tokens.token_streams import (
    Endless,
    Indexed,
    TokenFile,
    check_type,
    mapped,
    starts_of,
)

# How a .npy file with a header begins.
NPY = b"\x93NUMPY"
# Types of ids whose width `.ds.index` tells.
BY_WIDTH: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}


def open_memmap(path: Path, dtype: np.dtype[Any], end: int) -> TokenFile:
    """Opens a file of ids.

    Args:
        path: the file.
        dtype: the type of its ids, as `stated_type` or the study says.
        end: id of the token that ends a document.

    Raises:
        MixwrightError: the file cannot be read, or its content does not fit the type.
    """
    index = _index_of(path)
    if index.is_file():
        return Indexed(path, mapped(path, dtype), end, starts_of(_ends(index)))
    tokens = _with_header(path) if _has_header(path) else mapped(path, dtype)
    check_type(path, tokens)
    return Endless(path, tokens, end)


def stated_type(path: Path) -> np.dtype[Any] | None:
    """Returns the type of ids that a header or an index says; None for raw files.

    Raises:
        MixwrightError: the file is broken, or is not of its index.
    """
    index = _index_of(path)
    if not index.is_file():
        if not _has_header(path):
            return None
        dtype: np.dtype[Any] = _with_header(path).dtype
        return dtype
    # The width of ids follows from the sizes of the two.
    ends = _ends(index)
    total = int(ends[-1]) if len(ends) else 0
    size = path.stat().st_size
    width = size // total if total else 2
    if width not in BY_WIDTH or size != width * total:
        raise MixwrightError(
            f"{path}: its {size} bytes do not hold the {total} tokens that {index.name} lists;"
            " fetch the pair again"
        )
    return BY_WIDTH[width]


def _index_of(path: Path) -> Path:
    """Where datatrove writes a file's index."""
    return path.with_name(f"{path.name}.index")


def _ends(index: Path) -> Any:
    """(documents,) the tokens before the end of each."""
    return mapped(index, np.dtype("<u8"), remedy="fetch it again")


def _has_header(path: Path) -> bool:
    """Whether a file is an array with a header, which says what it holds."""
    if path.suffix != ".npy":
        return False
    with path.open("rb") as file:
        return file.read(len(NPY)) == NPY


def _with_header(path: Path) -> Any:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        detail = (str(error).splitlines() or [type(error).__name__])[0]
        raise MixwrightError(f"{path}: not readable as .npy ({detail}); fetch it again") from None
    if array.dtype.kind not in "iu":
        raise MixwrightError(
            f"{path}: it holds {array.dtype.name}, not ids; write whole numbers, such as uint32"
        )
    # Rows of a table of equal pieces are one stream.
    return array.reshape(-1)
