"""The embedded corpus: text that every installation already has, harvested from an explicit list of its pinned distributions.

It is all software text: a demonstration that needs no network, not a corpus for conclusions.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from importlib import metadata
from pathlib import Path, PurePosixPath

import pyarrow as pa
import pyarrow.parquet as pq

from mixwright.errors import MixwrightError
from mixwright.files import write_json, written
from mixwright.sources.python_text import prose, reference, sessions, take_apart, without_licence
from mixwright.sources.text import cut

DISTRIBUTIONS = (
    "accelerate",
    "datasets",
    "lightgbm",
    "matplotlib",
    "networkx",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "scipy",
    "snakemake",
    "sympy",
    "torch",
    "transformers",
)
DOMAINS = ("cpp", "doctest", "prose", "pycode", "reference", "stubs", "tables")
HELD_OUT = ("comments", "cython", "pytests")

BUILD_SPECIFIC = (  # what differs between platforms and builds of one version
    "__config__.py",
    "_version.py",
    "version.py",
    "numpy/_core/include/numpy/_numpyconfig.h",
    "scipy/linalg/cython_*.pyx",
    "scipy/linalg/_blas_subroutines.h",
    "scipy/linalg/_lapack_subroutines.h",
    "torch/include/dnnl*.h",
    "torch/include/oneapi/dnnl/*",
)
GENERATED = ("torch/include/ATen/ops/", "torch/testing/")
TABLE_BYTES, TABLE_SLICES = (
    4_000,
    24,
)  # a long table gives several short documents: one of 24 kB would be a tenth of a validation split
SMALLEST = 400  # bytes: a document under this is left out
LONGEST = 200_000  # characters of a file that are read: megabytes of generated text say nothing new

SUFFIXES = {
    ".py": "pycode",  # and what else Python source gives
    ".pyi": "stubs",
    **dict.fromkeys((".pyx", ".pxd", ".pxi"), "cython"),
    **dict.fromkeys((".h", ".hpp", ".cuh"), "cpp"),
    **dict.fromkeys((".arff", ".csv", ".dat", ".tsv", ".txt"), "tables"),
}

Texts = dict[str, list[str]]
Splitter = Callable[[str, int], Iterator[tuple[str, str]]]


def harvest(max_bytes: int, max_document_bytes: int) -> Texts:
    """The texts of the ten domains, each up to `max_bytes`; a file gives a domain one document of at most `max_document_bytes`.

    Files come in the order of the SHA-256 of their path inside the installation: no clock, file system or install path has a say.
    """
    texts: Texts = {name: [] for name in sorted(DOMAINS + HELD_OUT)}
    left = dict.fromkeys(texts, max_bytes)
    for path, located in _files():
        fills, split = _reader(path)
        if not any(left[name] > 0 for name in fills):
            continue
        for name, text in split(_read(located), max_document_bytes):
            size = len(text.encode())
            if left[name] > 0 and size >= SMALLEST:
                texts[name].append(text)
                left[name] -= size
        if max(left.values()) <= 0:
            break
    return texts


def harvest_installed(to: str | Path, max_bytes: int, max_document_bytes: int) -> dict[str, int]:
    """Writes `<to>/<domain>.parquet` (one column, text) for the ten domains, and `fingerprint.json`. Returns the bytes of each."""
    texts = harvest(max_bytes, max_document_bytes)
    with written(to) as beside:
        beside.mkdir()
        for name, documents in texts.items():
            pq.write_table(
                pa.table({"text": pa.array(documents, pa.string())}),
                beside / f"{name}.parquet",
                compression="zstd",
            )
        write_json(beside / "fingerprint.json", describe(texts))
    return {
        name: sum(len(text.encode()) for text in documents) for name, documents in texts.items()
    }


def describe(texts: Mapping[str, list[str]]) -> dict[str, object]:
    """The fingerprint of the whole harvest, the versions it came from, and size and hash of every domain."""
    domains = {
        name: {
            "documents": len(documents),
            "bytes": sum(len(text.encode()) for text in documents),
            "sha256": hashlib.sha256("\0".join(documents).encode()).hexdigest(),
        }
        for name, documents in texts.items()
    }
    whole = "".join(f"{name} {found['sha256']}\n" for name, found in sorted(domains.items()))
    versions = {name: _distribution(name).version for name in DISTRIBUTIONS}
    return {
        "fingerprint": hashlib.sha256(whole.encode()).hexdigest(),
        "distributions": versions,
        "domains": domains,
    }


def _files() -> list[tuple[PurePosixPath, Path]]:
    """(path inside the installation, path on this machine) of every file that a domain may use, in hash order."""
    found = []
    for name in DISTRIBUTIONS:
        files = _distribution(name).files
        if files is None:
            raise MixwrightError(
                f"the package {name} has no list of its files; install it with pip: run `make install`"
            )
        for file in files:
            path = PurePosixPath(file.as_posix())
            if _reader(path)[0]:
                found.append(
                    (hashlib.sha256(str(path).encode()).digest(), path, Path(str(file.locate())))
                )
    return [(path, located) for _, path, located in sorted(found)]


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise MixwrightError(
            f"the embedded corpus reads the package {name}, which is not installed; run `make install`"
        ) from None


def _reader(path: PurePosixPath) -> tuple[tuple[str, ...], Splitter]:
    """The domains that a file fills, and how it is split among them; no domains: the file is not used."""
    if (
        path.suffix not in SUFFIXES
        or str(path).startswith(GENERATED)
        or any(path.match(pattern) for pattern in BUILD_SPECIFIC)
    ):
        return (), _nothing
    tests = (
        "tests" in path.parts
        or path.name.startswith(("test_", "conftest"))
        or path.stem.endswith("_test")
    )
    if path.suffix == ".py":
        return (
            (("pytests",), _whole("pytests"))
            if tests
            else (("comments", "doctest", "prose", "pycode", "reference"), _python)
        )
    name = SUFFIXES[path.suffix]
    if name == "tables":
        return ((name,), _table) if tests or path.suffix != ".txt" else ((), _nothing)
    return ((name,), _whole(name)) if name != "cpp" or not tests else ((), _nothing)


def _read(path: Path) -> str:
    """The file's text with Unix line ends; "" for what is not text."""
    try:
        text = path.read_text(encoding="utf-8")[:LONGEST]
    except (OSError, UnicodeDecodeError):
        return ""
    return "" if "\0" in text else text


def _nothing(source: str, limit: int) -> Iterator[tuple[str, str]]:
    yield from ()


def _whole(name: str) -> Splitter:
    return lambda source, limit: iter([(name, _head(without_licence(source), limit))])


def _python(source: str, limit: int) -> Iterator[tuple[str, str]]:
    parts = take_apart(source)
    yield "pycode", _head(parts.code, limit)
    yield "comments", _head("\n\n".join(parts.comments), limit)
    yield "doctest", _head(sessions(parts.docstrings), limit)
    yield "prose", _head(prose(parts.docstrings), limit)
    yield "reference", _head(reference(parts.docstrings), limit)


def _table(source: str, limit: int) -> Iterator[tuple[str, str]]:
    """A long table gives several documents."""
    for _ in range(TABLE_SLICES):
        head = _head(source, min(limit, TABLE_BYTES))
        yield "tables", head
        source = source[len(head) :]


def _head(text: str, limit: int) -> str:
    """At most `limit` bytes, ending with a whole line where there is one."""
    head = cut(text, limit)
    return head if len(head) == len(text) or "\n" not in head else head[: head.rindex("\n") + 1]
