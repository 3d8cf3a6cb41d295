"""Collects the embedded corpus: text that every installation has, from its pinned packages.

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
# Domains to train on, and texts to hold out.
DOMAINS = ("cpp", "doctest", "prose", "pycode", "reference", "stubs", "tables")
HELD_OUT = ("comments", "cython", "pytests")

# What differs between platforms and builds of one version.
BUILD_SPECIFIC = (
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
# A long table gives several short documents: one of 24 kB would be a tenth of a validation split.
TABLE_BYTES = 4_000
TABLE_SLICES = 24
# Bytes: a shorter document is left out.
SMALLEST = 400
# Characters of a file that are read: megabytes of generated text say nothing new.
LONGEST = 200_000

# The end of a file's name -> the domain it fills. Python source fills others besides.
SUFFIXES = {
    ".py": "pycode",
    ".pyi": "stubs",
    **dict.fromkeys((".pyx", ".pxd", ".pxi"), "cython"),
    **dict.fromkeys((".h", ".hpp", ".cuh"), "cpp"),
    **dict.fromkeys((".arff", ".csv", ".dat", ".tsv", ".txt"), "tables"),
}
PYTHON_DOMAINS = ("comments", "doctest", "prose", "pycode", "reference")

# Domain -> its documents.
Texts = dict[str, list[str]]
# (source text, most bytes of a document) -> (domain, document) pairs.
Splitter = Callable[[str, int], Iterator[tuple[str, str]]]


def harvest(max_bytes: int, max_document_bytes: int) -> Texts:
    """Returns the texts of the ten domains.

    Files come in the order of the SHA-256 of their path inside the installation, so that no
    clock, file system or install path has a say.

    Args:
        max_bytes: a domain is full when it has as many bytes.
        max_document_bytes: the longest document; a file gives a domain one, a table several.
    """
    texts: Texts = {name: [] for name in sorted(DOMAINS + HELD_OUT)}
    room = dict.fromkeys(texts, max_bytes)
    for path, place in _files():
        domains, split = _reader(path)
        if all(room[name] <= 0 for name in domains):
            continue
        for name, text in split(_read(place), max_document_bytes):
            size = len(text.encode())
            if room[name] > 0 and size >= SMALLEST:
                texts[name].append(text)
                room[name] -= size
        if max(room.values()) <= 0:
            break
    return texts


def harvest_installed(to: str | Path, max_bytes: int, max_document_bytes: int) -> dict[str, int]:
    """Writes `<to>/<domain>.parquet` (one column, text) and `<to>/fingerprint.json`.

    Returns:
        Domain -> its bytes.
    """
    texts = harvest(max_bytes, max_document_bytes)
    with written(to) as temporary:
        temporary.mkdir()
        for name, documents in texts.items():
            table = pa.table({"text": pa.array(documents, pa.string())})
            pq.write_table(table, temporary / f"{name}.parquet", compression="zstd")
        write_json(temporary / "fingerprint.json", describe(texts))
    return {name: _bytes(documents) for name, documents in texts.items()}


def describe(texts: Mapping[str, list[str]]) -> dict[str, object]:
    """Returns what fingerprint.json holds: hashes, sizes and the packages' versions."""
    domains = {}
    for name, documents in texts.items():
        domains[name] = {
            "documents": len(documents),
            "bytes": _bytes(documents),
            "sha256": _sha256("\0".join(documents)),
        }
    lines = [f"{name} {domains[name]['sha256']}\n" for name in sorted(domains)]
    return {
        "fingerprint": _sha256("".join(lines)),
        "distributions": {name: _distribution(name).version for name in DISTRIBUTIONS},
        "domains": domains,
    }


def _bytes(documents: list[str]) -> int:
    return sum(len(text.encode()) for text in documents)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _files() -> list[tuple[PurePosixPath, Path]]:
    """Files that a domain may use, in hash order: (path in the installation, path on disk)."""
    hashed = []
    for name in DISTRIBUTIONS:
        files = _distribution(name).files
        if files is None:
            raise MixwrightError(
                f"the package {name} has no list of its files;"
                " install it with pip: run `make install`"
            )
        for file in files:
            path = PurePosixPath(file.as_posix())
            domains, _ = _reader(path)
            if domains:
                key = hashlib.sha256(str(path).encode()).digest()
                hashed.append((key, path, Path(str(file.locate()))))
    return [(path, place) for _, path, place in sorted(hashed)]


def _distribution(name: str) -> metadata.Distribution:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise MixwrightError(
            f"the embedded corpus reads the package {name}, which is not installed;"
            " run `make install`"
        ) from None


def _reader(path: PurePosixPath) -> tuple[tuple[str, ...], Splitter]:
    """The domains that a file fills, and how it is split among them; none: it is not used."""
    unused = (), _nothing
    if path.suffix not in SUFFIXES or str(path).startswith(GENERATED):
        return unused
    if any(path.match(pattern) for pattern in BUILD_SPECIFIC):
        return unused
    name = SUFFIXES[path.suffix]
    if path.suffix == ".py":
        if _is_test(path):
            return ("pytests",), _whole("pytests")
        return PYTHON_DOMAINS, _python
    if name == "tables":
        # Outside tests a .txt file is rarely a table.
        if path.suffix == ".txt" and not _is_test(path):
            return unused
        return (name,), _table
    if name == "cpp" and _is_test(path):
        return unused
    return (name,), _whole(name)


def _is_test(path: PurePosixPath) -> bool:
    if "tests" in path.parts:
        return True
    return path.name.startswith(("test_", "conftest")) or path.stem.endswith("_test")


def _read(path: Path) -> str:
    """The file's text with Unix line ends; "" for what is not text."""
    try:
        text = path.read_text(encoding="utf-8")[:LONGEST]
    except (OSError, UnicodeDecodeError):
        return ""
    if "\0" in text:
        return ""
    return text


def _nothing(source: str, limit: int) -> Iterator[tuple[str, str]]:
    yield from ()


def _whole(name: str) -> Splitter:
    def split(source: str, limit: int) -> Iterator[tuple[str, str]]:
        yield name, _head(without_licence(source), limit)

    return split


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
    if len(head) == len(text) or "\n" not in head:
        return head
    return head[: head.rindex("\n") + 1]
