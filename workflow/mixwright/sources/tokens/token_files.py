"""The source `tokens`: files of token ids as they are, of Megatron, numpy, MosaicML or litdata.

Their text is what the study's tokenizer decodes. It says which documents are the same, what they
have in common with a target and how many bytes a token stands for; the ids are trained on as they
are.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.files import reason, write_json
from mixwright.sources import public
from mixwright.sources.base import Reading, Row, Source
from mixwright.sources.faults import Faults
from mixwright.sources.places import MIRROR, patterns
from mixwright.sources.spread import inner_names, name_hash
from mixwright.sources.tokens import megatron, memmaps, sample_folders
from mixwright.sources.tokens.decoding import Decoder, batch_of, vocabulary_of
from mixwright.sources.tokens.token_forms import (
    AUTO,
    FOLDERS,
    Entry,
    beside,
    entries,
    mains,
    spelled,
)
from mixwright.sources.tokens.token_streams import TokenDocument, TokenFile
from mixwright.sources.tokens.tokenizer_folder import tokenizer_json

# The files of a tokenizer's folder that decoding reads.
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
# Bytes of text that a token stands for, about.
BYTES_A_TOKEN = 4
# A sample reads at least so many bytes of text of a file, and so many in a row.
SHARE, WINDOW = 1 << 16, 1 << 14
# Places of a file that are read at most.
WINDOWS = 16


@dataclass(frozen=True)
class Piece:
    """What a job reads of one file: the documents that begin in some of its units."""

    entry: Entry
    low: int
    high: int
    # bytes of its documents in the file, and training tokens of them where they are known
    size: int
    tokens: int | None


class TokenFiles(Source):
    """Files of ids, in the order they are listed, read document by document."""

    def check(self, where: str) -> None:
        if not self._patterns:
            raise MixwrightError(f"{where}.files is missing; give a path, a glob or a list of them")
        if not self.places.tokenizer:
            raise MixwrightError(
                f"{where}: token files need the tokenizer that made them;"
                " name its folder as tokenizer.folder"
            )
        for pattern in self._patterns:
            public.named(pattern, self.places.public, f"{where}.files")
        for key in ("where", "query", "choices", "gold", "gold_is"):
            if self.settings.get(key):
                raise MixwrightError(
                    f"{where}.{key}: files of tokens have no columns; leave it out,"
                    " or name files of text (source: files)"
                )
        if self.settings.get("text", "text") != "text":
            raise MixwrightError(f"{where}.text: files of tokens have no columns; leave it out")

    def inputs(self) -> list[Path]:
        paths: list[Path] = []
        for pattern in self._patterns:
            listed = self.places.inputs(self.name, self._spelled(pattern))
            for path in listed:
                paths += [path, *beside(path)]
        folder = Path(self.places.tokenizer or "")
        tokenizer_json(folder)
        for name in TOKENIZER:
            if (folder / name).is_file():
                paths.append((folder / name).resolve())
        return list(dict.fromkeys(paths))

    def check_inputs(self, where: str, files: Sequence[Path]) -> None:
        named = set(files)
        for path in files:
            if path.name in TOKENIZER:
                named.discard(path)
            elif path.name == sample_folders.INDEX:
                named -= set(sample_folders.files_of(path))
        names = [path for path in files if path in named]
        try:
            mains(names, self._format)
        except MixwrightError as error:
            raise MixwrightError(f"{where}.files: {error}") from None

    def pinned(self) -> dict[str, str]:
        return self.places.pinned(self._patterns)

    def size(self) -> int | None:
        return self._size

    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        reading = reading or Reading()
        if not self.places.tokenizer:
            raise MixwrightError(
                f"{self.name}: token files are decoded with the tokenizer that made them;"
                " name its folder as tokenizer.folder"
            )
        decoder = Decoder.open(self.places.tokenizer)
        end = int(self.settings.get("end", decoder.end))
        faults = Faults(self.name, reading.on_error, reading.tally)
        pieces = self._pieces(reading, end, faults)
        chosen = _chosen(pieces, reading.most_bytes)
        if len(chosen) < len(pieces):
            reading.tally.whole = False
        total = sum(piece.size for piece in chosen)
        for piece in chosen:
            budget = None
            if reading.most_bytes is not None:
                # Rounded up, so that no file is left out.
                budget = -(-reading.most_bytes * piece.size // max(total, 1))
            file = self._open(piece.entry, end)
            for low, high, share in _windows(piece, budget):
                yield from self._window(piece, file.documents(low, high), share, decoder, faults)
        faults.close()

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        from tokenizers import Tokenizer, models, pre_tokenizers

        tokens = {"<|end|>": 0, "one": 1, "two": 2, "three": 3}
        tokenizer = Tokenizer(models.WordLevel(tokens, unk_token="<|end|>"))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        (folder / "tokenizer").mkdir()
        tokenizer.save(str(folder / "tokenizer" / "tokenizer.json"))
        write_json(folder / "tokenizer" / "tokenizer_config.json", {"eos_token": "<|end|>"})
        np.array([1, 2, 0, 3, 0, 2, 2, 0], "<u2").tofile(folder / "ids.bin")
        return {"source": "tokens", "files": str(folder / "ids.bin"), "format": "numpy"}

    @property
    def _patterns(self) -> list[str]:
        return patterns(self.settings.get("files"))

    @property
    def _format(self) -> str:
        return str(self.settings.get("format", AUTO))

    @cached_property
    def _size(self) -> int | None:
        """About the bytes of text of all files, asked of many files once."""
        total = 0
        # What is missing or broken is told where it is read.
        with suppress(MixwrightError, OSError):
            for entry in self._entries():
                if entry.form in FOLDERS:
                    total += entry.size // BYTES_A_TOKEN
                else:
                    total += entry.size // self._type(entry).itemsize
            return total * BYTES_A_TOKEN
        return None

    def _spelled(self, pattern: str) -> list[str]:
        """The patterns of files that a pattern of the study stands for."""
        if public.named(pattern, self.places.public, "files") or pattern.startswith(MIRROR):
            return [pattern]
        return spelled(pattern)

    def _entries(self) -> list[Entry]:
        """All files of ids, in their order, with their sizes. No file of ids is opened."""
        paths: list[Path] = []
        for pattern in self._patterns:
            paths += self.places.files(self.name, self._spelled(pattern))
        try:
            return entries(list(dict.fromkeys(paths)), self._format)
        except MixwrightError as error:
            raise MixwrightError(f"{self.name}: {error}") from None

    def _type(self, entry: Entry) -> np.dtype[Any]:
        """The type of the ids of a file of Megatron or numpy; by default the vocabulary's."""
        if entry.form == "megatron":
            return megatron.read_header(entry.path.with_suffix(".idx"))[0]
        dtype = memmaps.stated_type(entry.path)
        if dtype is not None:
            return dtype
        name = self.settings.get("dtype")
        if name is None:
            narrow = vocabulary_of(self.places.tokenizer or "") <= 1 << 16
            name = "uint16" if narrow else "uint32"
        return np.dtype(name).newbyteorder("<")

    def _open(self, entry: Entry, end: int) -> TokenFile:
        try:
            if entry.form == "megatron":
                return megatron.Megatron.open(entry.path, end)
            if entry.form == "litdata":
                return sample_folders.open_chunk(entry.path, entry.number, end)
            if entry.form == "mds":
                name = self.settings.get("dtype")
                dtype = None if name is None else np.dtype(name).newbyteorder("<")
                return sample_folders.open_shard(entry.path, entry.number, dtype, end)
            return memmaps.open_memmap(entry.path, self._type(entry), end)
        except MixwrightError as error:
            raise MixwrightError(f"{self.name}: {error}") from None
        except OSError as error:
            raise MixwrightError(f"{self.name}: {reason(error)}") from None

    def _pieces(self, reading: Reading, end: int, faults: Faults) -> list[Piece]:
        """What the part has of each file; the tally learns how much that is.

        The files lie on one line of bytes, and a part is a piece of that line.
        """
        entries = self._entries()
        total = sum(entry.size for entry in entries)
        first = total * reading.part // reading.parts
        last = total * (reading.part + 1) // reading.parts
        tally = reading.tally
        pieces = []
        before = 0
        for entry in entries:
            begin = min(max(first - before, 0), entry.size)
            stop = min(max(last - before, 0), entry.size)
            before += entry.size
            if begin == stop:
                continue
            try:
                file = self._open(entry, end)
                low, high = (file.units * place // entry.size for place in (begin, stop))
                piece = Piece(entry, low, high, file.size(low, high), file.count(low, high))
            except MixwrightError as error:
                faults.file(error)
                continue
            pieces.append(piece)
        tally.part_bytes += sum(piece.size for piece in pieces)
        counts = [piece.tokens for piece in pieces]
        if None not in counts:
            tally.tokens += sum(count or 0 for count in counts)
        return pieces

    def _window(
        self,
        piece: Piece,
        documents: Iterator[TokenDocument],
        share: int | None,
        decoder: Decoder,
        faults: Faults,
    ) -> Iterator[Row]:
        """Yields documents until they have `share` bytes of text, or all of them."""
        tally = faults.tally
        left = share
        while batch := self._batch(documents, left, faults):
            readable = []
            for document in batch:
                if self._readable(piece, document, decoder, faults):
                    readable.append(document)
            texts = decoder.texts(readable)
            for number, (document, text) in enumerate(zip(readable, texts, strict=True)):
                size = len(text.encode())
                tally.text_bytes += size
                tally.passed_bytes += document.size
                yield {"text": text, "tokens": document.ids.astype(np.uint32)}
                if left is None:
                    continue
                left -= size
                if left <= 0:
                    more = number + 1 < len(readable) or next(documents, None) is not None
                    tally.whole = tally.whole and not more
                    return

    def _batch(
        self, documents: Iterator[TokenDocument], left: int | None, faults: Faults
    ) -> list[TokenDocument]:
        """The next documents; none at the end, or where a broken file is left out."""
        try:
            return batch_of(documents, _tokens_for(left))
        except MixwrightError as error:
            faults.file(MixwrightError(f"{self.name}: {error}"))
            return []

    def _readable(
        self, piece: Piece, document: TokenDocument, decoder: Decoder, faults: Faults
    ) -> bool:
        """Whether the tokenizer has a document's ids; `on_error: skip` counts the others."""
        try:
            decoder.check(piece.entry.path, document)
        except MixwrightError as error:
            faults.row(MixwrightError(f"{self.name}: {error}"))
            return False
        return True


def _chosen(pieces: list[Piece], most_bytes: int | None) -> list[Piece]:
    """The pieces that a sample reads: all, or of very many those whose names hash lowest."""
    pieces = [piece for piece in pieces if piece.high > piece.low]
    if most_bytes is None:
        return pieces
    count = max(1, most_bytes // SHARE)
    if count >= len(pieces):
        return pieces
    # Wherever the folder lies, the same files are read.
    names = inner_names([f"{piece.entry.path}/{piece.entry.number}" for piece in pieces])
    hashes = [name_hash(name) for name in names]
    most = sorted(hashes)[count - 1]
    return [piece for piece, hashed in zip(pieces, hashes, strict=True) if hashed <= most]


def _windows(piece: Piece, budget: int | None) -> Iterator[tuple[int, int, int | None]]:
    """Yields (low, high, bytes of text): evenly spread ranges of a piece's units, one if all."""
    if budget is None:
        yield piece.low, piece.high, None
        return
    count = min(max(budget // WINDOW, 1), WINDOWS)
    units = piece.high - piece.low
    for number in range(count):
        low = piece.low + units * number // count
        high = piece.low + units * (number + 1) // count
        yield low, high, -(-budget // count)


def _tokens_for(text_bytes: int | None) -> int:
    """About as many tokens as so many bytes of text need."""
    if text_bytes is None:
        return 1 << 62
    return text_bytes // BYTES_A_TOKEN + 1
