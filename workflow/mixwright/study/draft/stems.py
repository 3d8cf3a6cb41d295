"""How files and folders that are parts of one thing are told by their names."""

import re
from collections.abc import Sequence
from pathlib import Path

from mixwright.sources.files.opening import FORMS, PACKED

# `-00001`, `_part3`, `.00001-of-00100`, and what Spark appends to a number.
NUMBER = r"(?:part|shard|chunk|file|split)?[-_.]?\d+(?:[-_.]?of[-_.]?\d+)?"
UNIQUE = r"(?:[-_.][0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?"
SPARK = rf"{UNIQUE}(?:[-_.]c\d{{3}})?(?:\.(?:snappy|zstd|gz))?"
TAIL = re.compile(rf"(?:(?:^|[-_.]){NUMBER}{SPARK})+$", re.IGNORECASE)
# A number of one file that stands alone: it is one of several all the same.
CLEAR = re.compile(r"(?:^|[-_.])(?:part[-_.]?|shard[-_.]?)?0\d+|\d[-_.]of[-_.]\d", re.IGNORECASE)
# What Megatron's preprocessing appends to the name of its input.
MEGATRON = ("_text_document", "_content_document")
# The first word of a name.
WORD = re.compile(r"[^-_. ]+")
# More starts of names than this are the documents of one domain.
MOST = 50
# So many texts with names of their own are documents and no domains.
MANY_TEXTS = 10


def stem_of(path: Path) -> str:
    """Returns a file's name without the endings of its packing and its form."""
    name = path.name
    for endings in (PACKED, (*FORMS, ".npy", ".bin", ".ds", ".arrow")):
        for ending in endings:
            if name.lower().endswith(ending):
                name = name[: -len(ending)]
                break
    return name


def label_of(stem: str) -> str:
    """Returns a stem without what a program of others appends to every name."""
    for ending in MEGATRON:
        stem = stem.removesuffix(ending)
    return stem


def ending_of(path: Path) -> str:
    """Returns the endings of a file's packing and form, such as `.jsonl.zst`."""
    return path.name[len(stem_of(path)) :]


def without_number(stem: str) -> str:
    """Returns the start of a name, before the number of a part; "" where it is a number alone."""
    return TAIL.sub("", stem)


def shared_stem(names: Sequence[str]) -> str | None:
    """Returns the start that names share before their numbers; None where they differ."""
    starts = {without_number(name) for name in names}
    if len(starts) != 1 or len(set(names)) < 2:
        return None
    return starts.pop()


def groups_of(files: Sequence[Path]) -> dict[str, list[Path]]:
    """Returns start of the name -> the files of a folder that share it, sorted.

    The start is "" for files that are called by numbers, and for all files where they are too many
    different ones to be a domain each.
    """
    groups: dict[str, list[Path]] = {}
    for path in sorted(files):
        groups.setdefault(without_number(stem_of(path)), []).append(path)
    single = [members[0] for members in groups.values() if len(members) == 1]
    are_texts = bool(single) and all(FORMS.get(_form(path)) == "text" for path in single)
    if len(groups) > MOST or (are_texts and len(single) > 1):
        return _by_word(groups, len(single))
    named: dict[str, list[Path]] = {}
    for start, members in groups.items():
        stem = stem_of(members[0])
        if len(members) == 1 and not CLEAR.search(stem):
            start = stem
        named.setdefault(start, []).extend(members)
    return named


def _by_word(groups: dict[str, list[Path]], single: int) -> dict[str, list[Path]]:
    """Groups by the first word of their names, where that makes domains of several files each."""
    by_word: dict[str, list[Path]] = {}
    for start, members in groups.items():
        word = WORD.match(start)
        by_word.setdefault(word[0] if word else "", []).extend(members)
    sizes = [len(members) for members in by_word.values()]
    if 1 < len(by_word) <= MOST and min(sizes) > 1:
        return by_word
    if single > MANY_TEXTS or len(groups) > MOST:
        merged: list[Path] = []
        for members in groups.values():
            merged += members
        return {"": sorted(merged)}
    return groups


def _form(path: Path) -> str:
    """The ending of a file's form, packing left aside."""
    for packing in PACKED:
        if path.name.lower().endswith(packing):
            return path.with_suffix("").suffix.lower()
    return path.suffix.lower()
