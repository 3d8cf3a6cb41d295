"""What a user may write shorter than the schema says it.

Variants of a mixer, labels of a table, several sources, addresses of files, formats of trainers.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.sources import SEVERAL
from mixwright.sources.public import PREFIX, basename

# Keys of a file that is named where it is used, with its address.
INLINE = ("address", "sha256", "mirror", "mirror_sha256")
UNSAID = {"address": None, "mirror": None}
HASH = re.compile("[0-9a-f]{64}")
# Most characters of a name, to which a hash may be added.
MOST = 90


def variants(mixers: Any, methods: dict[str, Any]) -> dict[str, str]:
    """Takes `like` out of mixers that are written `name: {like: method, ...}`.

    Each name joins `methods`, which holds the schema of every method, with its method's schema.

    Returns:
        name -> method of these mixers.
    """
    written = mixers if isinstance(mixers, dict) else {}
    known = dict(methods)
    method_of: dict[str, str] = {}
    for name, settings in written.items():
        if not isinstance(settings, dict) or "like" not in settings:
            continue
        method = settings.pop("like")
        where = f"config: mixers.{name}"
        if name in known:
            raise MixwrightError(
                f"{where}.like: {name} is a mixer of its own; give the variant another name"
            )
        if not re.fullmatch("[a-z0-9][a-z0-9-]{0,99}", str(name)):
            raise MixwrightError(
                f"{where}: a variant's name has small letters, digits and dashes; rename it"
            )
        if not isinstance(method, str) or method not in known:
            hint = nearest(str(method), known)
            raise MixwrightError(f"{where}.like: {method} is unknown; {hint}")
        methods[name] = known[method]
        method_of[name] = method
    return method_of


def add_labels(study: dict[str, Any]) -> None:
    """Makes a domain of every label of the section `tables`.

    A domain that is written out keeps what it says. Values of a wrong type are left for the
    schema to refuse.
    """
    tables = study.get("tables")
    if not isinstance(tables, dict):
        return
    for name, table in tables.items():
        labels = table.get("labels") if isinstance(table, dict) else None
        if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels):
            continue
        # A section that is written and left empty is an empty section.
        domains = study["domains"] = study.get("domains") or {}
        if not isinstance(domains, dict):
            return
        for label in labels:
            settings = {"source": "table", "table": name, "label": label}
            domain = domains.setdefault(label, settings)
            if isinstance(domain, dict) and domain.get("table") != name:
                raise MixwrightError(
                    f"config: tables.{name}.labels: {label} is a domain already;"
                    " write it under domains by another name"
                )


def add_several(study: Mapping[str, Any]) -> None:
    """Writes `source: several` where a domain or target lists its sources.

    Values of a wrong type are left for the schema to refuse.

    Raises:
        MixwrightError: one has both, sources and a source.
    """
    for where, entry in _entries(study):
        if "sources" not in entry:
            continue
        if entry.setdefault("source", SEVERAL) != SEVERAL:
            raise MixwrightError(
                f"config: {where} has both source and sources; give one of the two"
            )


def add_formats(study: dict[str, Any]) -> None:
    """Writes the section `export` out where it is a list, or lists its formats.

    Values of a wrong type are left for the schema to refuse.
    """
    section = study.get("export")
    if isinstance(section, list):
        section = study["export"] = {"formats": section}
    if not isinstance(section, dict):
        return
    formats = section.get("formats")
    if isinstance(formats, list) and all(isinstance(name, str) for name in formats):
        section["formats"] = {name: {} for name in formats}
    elif isinstance(formats, dict):
        # A format that is named and left empty has no settings.
        section["formats"] = {name: settings or {} for name, settings in formats.items()}


def add_addresses(study: dict[str, Any]) -> None:
    """Moves files that are named by address and SHA-256 where they are read to `public`.

    Raises:
        MixwrightError: an address has no SHA-256, or a file has keys that say nothing.
    """
    public = study.get("public") or {}
    if not isinstance(public, dict):
        return
    for where, entry in _with_files(study):
        files = entry.get("files")
        listed = files if isinstance(files, list) else [files]
        names = []
        for file in listed:
            _check_address(where, file)
            name = file
            if isinstance(file, Mapping) and "address" in file:
                name = PREFIX + _public_name(where, file, public)
            names.append(name)
        if names != listed:
            entry["files"] = names
            study["public"] = public


def _entries(study: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every domain and target that is a section, with its dotted name."""
    for section in ("domains", "targets"):
        entries = study.get(section)
        if not isinstance(entries, dict):
            continue
        for name, entry in entries.items():
            if isinstance(entry, dict):
                yield f"{section}.{name}", entry


def _with_files(study: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every section that may have a key `files`, with its dotted name."""
    for where, entry in _entries(study):
        yield where, entry
        listed = entry.get("sources")
        if not isinstance(listed, list):
            continue
        for number, source in enumerate(listed):
            if isinstance(source, dict):
                yield f"{where}.sources.{number}", source


def _check_address(where: str, file: Any) -> None:
    """Refuses an address without a SHA-256, and keys that a file does not have."""
    pinned = "{{address: {0}, sha256: <64 hex digits>}}; `curl -L {0} | sha256sum` says them"
    if isinstance(file, str) and file.startswith(("https://", "http://")):
        secure = file.replace("http://", "https://", 1)
        raise MixwrightError(
            f"config: {where}.files: {file} is an address without its SHA-256;"
            f" write {pinned.format(secure)}"
        )
    if not isinstance(file, Mapping) or "address" not in file:
        return
    for key in file:
        if key not in INLINE:
            raise MixwrightError(
                f"config: {where}.files: {key} is unknown beside address;"
                f" {nearest(str(key), INLINE)}"
            )
    address = file["address"]
    if not str(address).startswith("https://"):
        raise MixwrightError(
            f"config: {where}.files: {address} is no address of https;"
            " write one that begins with https://"
        )
    if not HASH.fullmatch(str(file.get("sha256", ""))):
        raise MixwrightError(
            f"config: {where}.files: {address} has no sha256 of 64 small hex digits;"
            f" write {pinned.format(address)}"
        )


def _public_name(where: str, file: Mapping[str, Any], public: dict[str, Any]) -> str:
    """The name of a file in the section `public`, to which it is added where it is not there."""
    # names of entries, and of the files that they are fetched to
    taken = set(public)
    for name, other in public.items():
        # What is no section, or no text in it, the schema refuses.
        if not isinstance(other, Mapping):
            continue
        if not all(isinstance(other.get(key), str | None) for key in UNSAID):
            continue
        if other.get("sha256") == file["sha256"] and not other.get("notebook"):
            return name
        taken.add(basename(UNSAID | dict(other)))
    stem = re.sub("[^A-Za-z0-9_.-]", "-", basename(UNSAID | dict(file)))
    # The end of a name tells what the file is.
    stem = stem[-MOST:].lstrip("_.-") or "file"
    # Another file of this name is told by its hash.
    hashed = f"{file['sha256'][:8]}-{stem}"
    for name in (stem, hashed):
        if name not in taken:
            public[name] = dict(file) | {"file": name}
            return name
    raise MixwrightError(
        f"config: {where}.files: the name {hashed} is taken in the section public; rename that file"
    )


def check_tables(tables: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuses tables of which nothing could be learned, and settings that molecules leave no use.

    Args:
        tables: the section `tables`, checked against the schema.
    """
    for name, table in tables.items():
        where = f"config: tables.{name}"
        if not table["smiles"] and not table["features"]:
            raise MixwrightError(
                f"{where} has nothing to learn from;"
                " give its columns of numbers as features, or its column of molecules as smiles"
            )
        for key in ("features", "key"):
            if table["smiles"] and table[key]:
                raise MixwrightError(
                    f"{where}.{key} says nothing where smiles is given: molecules give the features"
                    " and the split; leave one of the two out"
                )
