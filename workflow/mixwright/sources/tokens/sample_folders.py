"""Folders of tokens that litdata and MosaicML Streaming wrote, read with what those packages say.

Each is an `index.json` with files beside it. litdata's hold a document an item. MosaicML's samples
are documents too, unless all have one length: then they are pieces of a stream with end tokens.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.files import read_json
from mixwright.sources.tokens.token_streams import (
    Endless,
    Ids,
    Indexed,
    TokenDocument,
    TokenFile,
    mapped,
    starts_of,
    without_end,
)

INDEX = "index.json"
# Columns of a sample that may hold its ids, in this order.
COLUMNS = ("tokens", "input_ids")
# Samples that show whether all have one length.
PEEK = 16
# The type of ids that are bytes, where the study names none: what llm-foundry writes.
BYTES = np.dtype("<i8")


def form_of_index(path: Path) -> str:
    """Returns whose `index.json` it is: mds or litdata.

    Raises:
        MixwrightError: it is neither's.
    """
    index = _read(path)
    if isinstance(index.get("shards"), list):
        return "mds"
    if isinstance(index.get("chunks"), list):
        return "litdata"
    raise MixwrightError(
        f"{path}: an index of neither MosaicML Streaming (shards) nor litdata (chunks);"
        " name the files of ids themselves"
    )


def files_of(path: Path) -> list[Path]:
    """Returns the files that an `index.json` names, in its order; of a packed one, the unpacked.

    Raises:
        MixwrightError: one of them is missing.
    """
    index = _read(path)
    names = [chunk["filename"] for chunk in index.get("chunks", [])]
    names += [shard["raw_data"]["basename"] for shard in index.get("shards", [])]
    files = [path.with_name(name) for name in names]
    for file in files:
        if not file.is_file():
            raise MixwrightError(
                f"{file}: {path.name} lists it, and it is missing; fetch it, or unpack it if it is"
                " packed"
            )
    return files


def open_chunk(path: Path, number: int, end: int) -> TokenFile:
    """Opens one file of a folder of litdata.

    Args:
        path: the `index.json`.
        number: of the file, in the index's order.
        end: id of the token that ends a document.

    Raises:
        MixwrightError: litdata is not installed, or the folder holds no plain tokens.
    """
    try:
        from litdata.constants import _NUMPY_DTYPES_MAPPING, _TORCH_DTYPES_MAPPING
    except ImportError:
        raise _missing(path, "litdata") from None
    index = _read(path)
    config = index["config"]
    kind, _, code = str(config["data_format"][0]).partition(":")
    plain = len(config["data_format"]) == 1 and kind in ("no_header_tensor", "no_header_numpy")
    if not plain or config.get("compression") or config.get("encryption"):
        raise MixwrightError(
            f"{path}: its items are no plain tokens; write them with litdata's TokensLoader,"
            " without compression"
        )
    if kind == "no_header_numpy":
        dtype = np.dtype(_NUMPY_DTYPES_MAPPING[int(code)])
    else:
        dtype = np.dtype(str(_TORCH_DTYPES_MAPPING[int(code)]).removeprefix("torch."))
    file = files_of(path)[number]
    # The number of items, then where each begins and the last ends, in bytes.
    items = int(index["chunks"][number]["chunk_size"])
    header = 4 * (items + 2)
    offsets = np.fromfile(file, "<u4", items + 2)
    tokens = mapped(file, dtype, header, remedy="fetch it again")
    if len(offsets) < items + 2 or offsets[0] != items:
        raise MixwrightError(f"{file}: not the file that {path} lists; fetch the folder again")
    positions = offsets[2:].astype(np.int64)
    ends = (positions - int(offsets[1])) // dtype.itemsize
    return Indexed(file, tokens, end, starts_of(ends))


def open_shard(path: Path, number: int, dtype: np.dtype[Any] | None, end: int) -> TokenFile:
    """Opens one shard of a folder of MosaicML Streaming.

    Args:
        path: the `index.json`.
        number: of the shard, in the index's order.
        dtype: type of ids that are bytes; None: int64.
        end: id of the token that ends a document.

    Raises:
        MixwrightError: the package is not installed, or the shard holds no tokens or is packed.
    """
    try:
        from streaming.base.format import reader_from_json
    except ImportError:
        raise _missing(path, "mosaicml-streaming") from None
    entry = _read(path)["shards"][number]
    file = files_of(path)[number]
    try:
        shard = reader_from_json(str(path.parent), "", entry)
        shard.validate(False)
    except (ValueError, KeyError, TypeError) as error:
        detail = (str(error).splitlines() or [type(error).__name__])[0]
        raise MixwrightError(f"{path}: {detail}; write the folder again") from None
    names = [name for name in COLUMNS if name in entry["column_names"]]
    if not names:
        raise MixwrightError(
            f"{path}: its columns are {', '.join(entry['column_names'])}, none of"
            f" {', '.join(COLUMNS)}; read text as files"
        )
    samples = Samples(file, shard, names[0], dtype or BYTES, end)
    lengths = {len(samples.ids(place)) for place in range(min(PEEK, samples.units))}
    if samples.units > 1 and len(lengths) == 1:
        return Endless(file, Joined(samples, lengths.pop(), samples.ids(0).dtype), end)
    return samples


@dataclass(frozen=True)
class Samples(TokenFile):
    """The samples of a shard of MosaicML Streaming, a document each."""

    path: Path
    # what the package reads it with
    shard: Any
    # column of the ids
    column: str
    # their type where they are bytes
    dtype: np.dtype[Any]
    # id of the token that ends a document
    end: int

    @property
    def units(self) -> int:
        return int(self.shard.samples)

    def documents(self, low: int, high: int) -> Iterator[TokenDocument]:
        for number in range(low, high):
            ids = without_end(self.ids(number), self.end)
            yield TokenDocument(f"sample {number}", ids, self.size(number, number + 1))

    def size(self, low: int, high: int) -> int:
        # How long samples are is not known before they are read: all count the same.
        size = self.path.stat().st_size
        units = max(self.units, 1)
        start = size * low // units
        stop = size * high // units
        return stop - start

    def count(self, low: int, high: int) -> None:
        return None

    def ids(self, number: int) -> Ids:
        """Returns (tokens,) the ids of one sample."""
        value: Any = self.shard[number][self.column]
        if isinstance(value, bytes):
            return np.frombuffer(value, self.dtype)
        return np.asarray(value).reshape(-1)


@dataclass(frozen=True)
class Joined:
    """The ids of samples of one length, as one array."""

    samples: Samples
    # tokens of a sample
    length: int
    dtype: np.dtype[Any]

    def __len__(self) -> int:
        return self.samples.units * self.length

    def __getitem__(self, where: slice) -> Ids:
        start, stop, _ = where.indices(len(self))
        if stop <= start:
            return np.empty(0, self.dtype)
        first = start // self.length
        last = -(-stop // self.length)
        ids = np.concatenate([self.samples.ids(number) for number in range(first, last)])
        return ids[start - first * self.length : stop - first * self.length]


def _read(path: Path) -> Mapping[str, Any]:
    index = read_json(path)
    if not isinstance(index, dict):
        raise MixwrightError(f"{path}: no object; name an index.json of litdata or MosaicML")
    return index


def _missing(path: Path, package: str) -> MixwrightError:
    return MixwrightError(
        f"{path}: it is read with the package {package}, which is not installed;"
        f" run `pip install {package}`"
    )
