"""The source `files`: text, JSON and parquet files, read through Hugging Face datasets."""

import lzma
import tempfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError
from mixwright.sources import public
from mixwright.sources.base import Row, Source
from mixwright.sources.places import patterns

# The end of a file's name -> the builder of datasets.load_dataset that reads it.
BUILDERS = {".txt": "text", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
PACKED = (".gz", ".zst", ".bz2", ".xz")
# The column of text where a study names none.
TEXT = "text"
# Keys that together make a question: no column of text is needed beside them.
QUESTION = ("query", "choices", "gold")
# What broken files raise, packed or not.
UNREADABLE = (ValueError, TypeError, OSError, EOFError, zlib.error, lzma.LZMAError)


class LocalFiles(Source):
    """Local, mirrored or fetched files of any of four formats, in the order they are listed."""

    @property
    def files(self) -> list[str]:
        """Returns the paths and globs to read, `public:<name>` as the fetched file's path."""
        return self.places.located(self._patterns)

    def check(self, where: str) -> None:
        if not self._patterns:
            raise MixwrightError(f"{where}.files is missing; give a path, a glob or a list of them")
        for pattern in self._patterns:
            public.named(pattern, self.places.public, f"{where}.files")

    def inputs(self) -> list[Path]:
        return self.places.inputs(self.name, self._patterns)

    def check_inputs(self, where: str, files: Sequence[Path]) -> None:
        for path in files:
            try:
                load_arguments(path)
            except MixwrightError as error:
                raise MixwrightError(f"{where}.files: {error}") from None

    def pinned(self) -> dict[str, str]:
        return self.places.pinned(self._patterns)

    def documents(self, prepared: Path | None = None) -> Iterator[Row]:
        columns = {"text": self.settings.get("text", TEXT)}
        for key in QUESTION:
            if self.settings.get(key):
                columns[key] = self.settings[key]
        for path in self.places.files(self.name, self._patterns):
            yield from _read_file(self.name, path, columns)

    @classmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        for number in range(3):
            (folder / f"{number}.txt").write_text(f"text {number}\n")
        return {"source": "files", "files": str(folder / "*.txt")}

    @property
    def _patterns(self) -> list[str]:
        return patterns(self.settings.get("files"))


def load_arguments(path: Path) -> tuple[str, dict[str, Any]]:
    """Returns the name and keyword arguments with which datasets.load_dataset reads `path`."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    builder = BUILDERS.get(suffixes[-1]) if suffixes else None
    if builder is None:
        raise MixwrightError(
            f"{path}: this kind of file is not read;"
            f" give {', '.join(BUILDERS)} (or {', '.join(PACKED)} of them)"
        )
    arguments: dict[str, Any] = {
        "data_files": {"train": [str(path)]},
        "split": "train",
        "streaming": True,
    }
    if builder == "text":
        arguments["sample_by"] = "document"
    return builder, arguments


def _read_file(name: str, path: Path, columns: Mapping[str, str]) -> Iterator[Row]:
    """One file's rows; a call of load_dataset a file (3 ms), so that every error names its file."""
    # 0.7 CPU-seconds: only where files are read.
    import datasets
    from zstandard import ZstdError

    # It prints what the error below says again.
    datasets.logging.set_verbosity(datasets.logging.CRITICAL)
    # It counts each load on the hub: a request to the network for every local file, and where there
    # is no network a wait of up to 3 seconds.
    datasets.config.HF_UPDATE_DOWNLOAD_COUNTS = False
    builder, arguments = load_arguments(path)
    with tempfile.TemporaryDirectory() as cache:
        try:
            for row in datasets.load_dataset(builder, cache_dir=cache, **arguments):
                yield _chosen(name, path, row, columns)
        except UnicodeDecodeError as error:
            raise MixwrightError(
                f"{path}: not UTF-8 (byte {error.start}: {error.reason});"
                " convert it, e.g. with iconv -t utf-8"
            ) from None
        except (*UNREADABLE, ZstdError, datasets.exceptions.DatasetsError) as error:
            reason = (str(error).splitlines() or [error.__class__.__name__])[0]
            raise MixwrightError(
                f"{path}: not readable as {builder} ({reason}); repair the file or leave it out"
            ) from None


def _chosen(name: str, path: Path, row: Mapping[str, Any], columns: Mapping[str, str]) -> Row:
    """The row's columns that the source names, by their key; a wrong column is refused."""
    if columns["text"] == TEXT and TEXT not in row and columns.keys() >= set(QUESTION):
        columns = {key: columns[key] for key in QUESTION}
    for key, column in columns.items():
        if column not in row:
            raise MixwrightError(
                f"{name}: {path} has no column {column};"
                f" set `{key}` to one of {', '.join(map(str, row))}"
            )
        if key in ("text", "query") and not isinstance(row[column], str | None):
            kind = type(row[column]).__name__
            raise MixwrightError(
                f"{name}: {path}: column {column} holds {kind}, not text;"
                f" set `{key}` to a column of text"
            )
    return {key: row[column] for key, column in columns.items()}
