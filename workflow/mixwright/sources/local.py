"""Where text comes from: local files in any of four formats (through Hugging Face datasets), or the embedded corpus."""

import glob
import lzma
import os
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError

BUILDERS = {".txt": "text", ".jsonl": "json", ".json": "json", ".parquet": "parquet"}
PACKED = (".gz", ".zst", ".bz2", ".xz")
UNREADABLE = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    zlib.error,
    lzma.LZMAError,
)  # what broken files raise, packed or not
MIRROR = "mirror:"


def read_documents(
    name: str, source: Mapping[str, Any], harvested: Path | None = None
) -> Iterator[dict[str, Any]]:
    """Rows {text, and query, choices, gold where the source names them} of the domain or target `name`, in the files' order."""
    kind = source.get("source")
    if kind == "installed":
        yield from _read_installed(name, harvested)
    elif kind == "files":
        columns = {"text": source.get("text", "text")} | {
            key: source[key] for key in ("query", "choices", "gold") if source.get(key)
        }
        for path in files_of(name, source.get("files", [])):
            yield from _read_file(name, path, columns)
    else:
        raise MixwrightError(f"{name}: source {kind!r} is unknown; use installed or files")


def files_of(name: str, patterns: str | list[str]) -> list[Path]:
    """The files that paths, globs and `mirror:` paths name, sorted within each pattern; a pattern that matches none is an error."""
    patterns = [patterns] if isinstance(patterns, str) else list(patterns)
    if not patterns:
        raise MixwrightError(f"{name}: no files given; list paths or globs under `files`")
    return [path for pattern in patterns for path in _matches(name, pattern)]


def load_arguments(path: Path) -> tuple[str, dict[str, Any]]:
    """The name and the keyword arguments with which datasets.load_dataset reads `path`."""
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    builder = BUILDERS.get(suffixes[-1] if suffixes else "")
    if builder is None:
        raise MixwrightError(
            f"{path}: this kind of file is not read; give {', '.join(BUILDERS)} (or .gz, .zst of them)"
        )
    arguments: dict[str, Any] = {
        "data_files": {"train": [str(path)]},
        "split": "train",
        "streaming": True,
    }
    return builder, arguments | ({"sample_by": "document"} if builder == "text" else {})


def _matches(name: str, pattern: str) -> list[Path]:
    located = pattern
    if pattern.startswith(MIRROR):
        mirror = os.environ.get("MIXWRIGHT_MIRROR")
        located = str(Path(mirror or "") / pattern.removeprefix(MIRROR))
        if not mirror:
            raise MixwrightError(
                f"{name}: {pattern} needs a mirror; set MIXWRIGHT_MIRROR to the folder that holds {located}"
            )
    paths = [located]
    if not Path(located).is_file():
        # Path.glob takes no absolute pattern.
        paths = glob.glob(located, recursive=True)  # noqa: PTH207
    found = [Path(path) for path in paths]
    files = sorted(path.resolve() for path in found if path.is_file())
    if not files:
        raise MixwrightError(
            f"{name}: no file matches {located}; correct the path (relative ones start at {Path.cwd()})"
        )
    return files


def _read_file(name: str, path: Path, columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """One file's rows; one call of load_dataset a file (3 ms), so that every error can name its file."""
    import datasets  # 0.7 CPU-s: only where files are read
    from zstandard import ZstdError

    datasets.logging.set_verbosity(
        datasets.logging.CRITICAL
    )  # it prints what the error below says again
    builder, arguments = load_arguments(path)
    with tempfile.TemporaryDirectory() as cache:
        try:
            for row in datasets.load_dataset(builder, cache_dir=cache, **arguments):
                yield _chosen(name, path, row, columns)
        except UnicodeDecodeError as error:
            raise MixwrightError(
                f"{path}: not UTF-8 (byte {error.start}: {error.reason}); convert it, e.g. with iconv -t utf-8"
            ) from None
        except (*UNREADABLE, ZstdError, datasets.exceptions.DatasetsError) as error:
            reason = (str(error).splitlines() or [error.__class__.__name__])[0]
            raise MixwrightError(
                f"{path}: not readable as {builder} ({reason}); repair the file or leave it out"
            ) from None


def _chosen(
    name: str, path: Path, row: Mapping[str, Any], columns: Mapping[str, str]
) -> dict[str, Any]:
    for key, column in columns.items():
        if column not in row:
            raise MixwrightError(
                f"{name}: {path} has no column {column}; set `{key}` to one of {', '.join(map(str, row))}"
            )
        if key in ("text", "query") and not isinstance(row[column], str | None):
            kind = type(row[column]).__name__
            raise MixwrightError(
                f"{name}: {path}: column {column} holds {kind}, not text; set `{key}` to a column of text"
            )
    return {key: row[column] for key, column in columns.items()}


def _read_installed(name: str, harvested: Path | None) -> Iterator[dict[str, Any]]:
    """The embedded corpus is a file of our own: pyarrow alone reads it."""
    import pyarrow.parquet as pq

    if harvested is None:
        raise MixwrightError(
            f"{name}: source installed needs the harvested corpus; run the harvest first"
        )
    path = Path(harvested) / f"{name}.parquet"
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in Path(harvested).glob("*.parquet")))
        raise MixwrightError(f"{name}: the embedded corpus has no {name}; it has {there}")
    for text in pq.read_table(path, columns=["text"]).column("text").to_pylist():
        yield {"text": text}
