"""The documents of a part between cleaning and their file: their splits need all of them first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mixwright.corpus.steps import Candidate

TOKENS = pa.list_(pa.uint32())
SCHEMA = pa.schema(
    [
        ("hash", pa.uint64()),
        ("draw", pa.float64()),
        ("shared", pa.bool_()),
        ("characters", pa.int64()),
        ("text", pa.string()),
        ("tokens", TOKENS),
    ]
)
# UTF-8 bytes of text, and bytes of tokens, of a batch, which becomes a row group; and documents.
BATCH_BYTES = 16_000_000
BATCH_DOCUMENTS = 100_000


@dataclass(frozen=True)
class Draws:
    """What is known of the draws of all documents: numbers from 0 to 1 that choose the split."""

    lowest: float = 1.0
    # the highest of all, and of those below that
    highest: float = 0.0
    second: float = 0.0
    # how many different ones there are: 0, 1, or 2 for more
    different: int = 0


class SpoolWriter:
    """Writes documents with what chooses their split."""

    def __init__(self, path: Path) -> None:
        self._file = pa.OSFile(str(path), "wb")
        self._writer = pa.ipc.new_file(self._file, SCHEMA)
        self._held: list[tuple[bytes, bool, int, bytes, bytes | None]] = []
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._write()
            self._writer.close()
        self._file.close()

    def add(self, documents: Sequence[Candidate]) -> None:
        """Adds documents behind those that are there."""
        for document in documents:
            # Not the document: its text is there twice.
            flag, characters = document.shared, len(document.text)
            self._held.append((document.key, flag, characters, document.raw, document.tokens))
            self._size += document.size + len(document.tokens or b"")
            if self._size >= BATCH_BYTES or len(self._held) >= BATCH_DOCUMENTS:
                self._write()

    def _write(self) -> None:
        if not self._held:
            return
        keys, shared, characters, texts, tokens = zip(*self._held, strict=True)
        halves = halves_of(keys)
        columns = [
            pa.array(halves[:, 0].astype(np.uint64)),
            pa.array(halves[:, 1].astype(np.float64) / 2.0**64),
            pa.array(shared, pa.bool_()),
            pa.array(characters, pa.int64()),
            text_array(texts),
            token_array(tokens),
        ]
        self._writer.write_batch(pa.record_batch(columns, schema=SCHEMA))
        self._held = []
        self._size = 0


def halves_of(keys: Sequence[bytes]) -> NDArray[Any]:
    """Returns (keys, 2) the halves of content hashes as numbers of 64 bits.

    The first bytes of a hash order the documents, and tell copies in other parts; its last ones,
    independent of them, choose the split.
    """
    return np.frombuffer(b"".join(keys), ">u8").reshape(-1, 2)


def text_array(texts: Sequence[bytes]) -> Any:
    """Returns the arrow array of texts in UTF-8."""
    ends = np.cumsum([0, *map(len, texts)])
    offsets = pa.py_buffer(ends.astype(np.int32))
    return pa.StringArray.from_buffers(len(texts), offsets, pa.py_buffer(b"".join(texts)))


def token_array(listed: Sequence[bytes | None]) -> Any:
    """Returns the arrow array of lists of ids; null where a document has none."""
    if all(tokens is None for tokens in listed):
        return pa.nulls(len(listed), TOKENS)
    sizes = [len(tokens or b"") // 4 for tokens in listed]
    offsets = pa.array(np.cumsum([0, *sizes]), pa.int32())
    values = np.frombuffer(b"".join(tokens or b"" for tokens in listed), np.uint32)
    mask = pa.array([tokens is None for tokens in listed])
    return pa.ListArray.from_arrays(offsets, pa.array(values), mask=mask)


def read_spool(path: Path, columns: Sequence[str] = SCHEMA.names) -> Iterator[Any]:
    """Yields the batches of a spool, with some of their columns."""
    fields = [SCHEMA.names.index(name) for name in columns]
    options = pa.ipc.IpcReadOptions(included_fields=fields)
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file, options=options) as reader:
        for number in range(reader.num_record_batches):
            yield reader.get_batch(number)


def draws_in(path: Path) -> Draws:
    """Returns what is known of the draws of a spool's documents."""
    lowest = 1.0
    # The two highest, ascending.
    top = np.zeros(0)
    for batch in read_spool(path, ["draw"]):
        draws = batch.column(0).to_numpy()
        lowest = min(lowest, float(draws.min()))
        top = np.unique(np.concatenate([top, draws]))[-2:]
    if not len(top):
        return Draws()
    return Draws(lowest, float(top[-1]), float(top[0]), len(top))


def train_characters(path: Path, limit: float) -> int:
    """Returns the characters of the documents whose draw is above `limit`."""
    total = 0
    for batch in read_spool(path, ["draw", "characters"]):
        train = batch.column(0).to_numpy() > limit
        total += int(batch.column(1).to_numpy()[train].sum())
    return total
