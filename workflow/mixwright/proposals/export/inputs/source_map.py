"""The map of prepared sources, and sizes of the sources of somebody else's file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.proposals.export.blend import Size
from mixwright.proposals.export.order import Source
from mixwright.proposals.export.text.content import (
    amount_of,
    as_list,
    check_keys,
    is_number,
    name_of,
    read_content,
)

SIZE_KEYS = ("tokens", "documents", "rows")
SOURCE_KEYS = ("path", "files", *SIZE_KEYS)


def read_sources(
    path: Path | None, domains: Sequence[str], sizes: Mapping[str, Size]
) -> list[Source]:
    """Reads the map of prepared sources: DOMAIN -> path, or path, files and sizes, or several.

    Without a map a domain's name stands for its path.

    Args:
        path: YAML or JSON; None: no map.
        domains: of the mixture.
        sizes: domain -> size, where the map says nothing.

    Raises:
        MixwrightError: the map is faulty, or lacks a domain.
    """
    content: Any = {domain: {} for domain in domains}
    if path is not None:
        content = read_content(path)
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{path}: no map of sources; give DOMAIN: PATH")
    by_domain = {str(name): written for name, written in content.items()}
    for name in by_domain:
        if name not in domains:
            raise MixwrightError(
                f"{path}: {name} is no domain of the mixture; {nearest(name, domains)}"
            )
    sources: list[Source] = []
    for domain in domains:
        written = by_domain.get(domain)
        if written is None or written == []:
            raise MixwrightError(f"{path}: nothing is said of {domain}; give its path")
        entries = as_list(written)
        whole = Size()
        if len(entries) == 1:
            whole = sizes.get(domain, whole)
        for entry in entries:
            sources.append(_source(domain, entry, whole, f"{path}: {domain}"))
    _check_once(sources, str(path))
    return sources


def _source(domain: str, entry: Any, size: Size, where: str) -> Source:
    """Returns a source of a map; of one file without a path, the file is the path."""
    if isinstance(entry, str):
        entry = {"path": entry}
    if not isinstance(entry, Mapping):
        raise MixwrightError(f"{where}: give a path, or path, files, tokens, documents and rows")
    check_keys(entry, SOURCE_KEYS, where)
    files = []
    for file in as_list(entry.get("files") or []):
        files.append(name_of(file, f"{where}: files"))
    path = domain
    if len(files) == 1:
        (path,) = files
    if "path" in entry:
        path = name_of(entry["path"], f"{where}: path")
    numbers = {}
    for key in SIZE_KEYS:
        stated = amount_of(entry.get(key), f"{where}: {key}")
        numbers[key] = getattr(size, key) if stated is None else stated
    return Source(domain, path, tuple(files), **numbers)


def read_sizes(path: Path) -> list[Source]:
    """Reads how much there is of each source: PATH -> tokens, or a map of sources.

    A bare number is tokens. What is no domain's name is taken for a path.

    Raises:
        MixwrightError: the file is faulty.
    """
    content = read_content(path)
    if not isinstance(content, Mapping):
        raise MixwrightError(f"{path}: no sizes; give PATH: TOKENS, or a map of sources")
    sources: list[Source] = []
    for name, written in content.items():
        where = f"{path}: {name}"
        for entry in as_list(written):
            if is_number(entry):
                entry = {"tokens": entry}
            sources.append(_source(str(name), entry, Size(), where))
    _check_once(sources, str(path))
    return sources


def _check_once(sources: Sequence[Source], where: str) -> None:
    paths: set[str] = set()
    for source in sources:
        if source.path in paths:
            raise MixwrightError(
                f"{where}: {source.path} stands twice; give every source a path of its own"
            )
        paths.add(source.path)
