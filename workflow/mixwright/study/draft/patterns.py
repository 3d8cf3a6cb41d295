"""The shortest patterns that match some files and no others."""

import glob
import os
from collections.abc import Sequence
from pathlib import Path

from mixwright.study.draft.stems import ending_of

# More patterns than this are no easier to read than the list of files.
MOST = 20
# Letters that a pattern of the study's file would take for something else.
SPECIAL = ("$", "~")


def patterns_of(files: Sequence[Path]) -> list[str]:
    """Returns patterns that match exactly these files, or the files themselves.

    Args:
        files: as the user named them, relative to the working folder or from the root.
    """
    by_ending: dict[str, list[Path]] = {}
    for path in files:
        by_ending.setdefault(ending_of(path), []).append(path)
    patterns = []
    for ending, members in by_ending.items():
        patterns += _of_one_ending(members, ending)
    return patterns


def _of_one_ending(files: Sequence[Path], ending: str) -> list[str]:
    if len(files) == 1 or any(str(files[0]).count(letter) for letter in SPECIAL):
        return [str(path) for path in files]
    for pattern in _candidates(files, ending):
        if _matches(pattern) == set(files):
            return [pattern]
    folders: dict[Path, list[Path]] = {}
    for path in files:
        folders.setdefault(path.parent, []).append(path)
    if 1 < len(folders) <= MOST:
        patterns = []
        for members in folders.values():
            patterns += _of_one_ending(members, ending)
        return patterns
    return [str(path) for path in files]


def _candidates(files: Sequence[Path], ending: str) -> list[str]:
    """Patterns that may match the files alone, the shortest first."""
    folder = os.path.commonpath([path.parent for path in files])
    start = glob.escape(folder) + "/" if folder else ""
    end = glob.escape(ending)
    if len({path.parent for path in files}) > 1:
        return [f"{start}**/*{end}"]
    shared = _common_start([path.name for path in files])
    words = shared.removesuffix(ending).rstrip("0123456789")
    return [f"{start}*{end}", f"{start}{glob.escape(words)}*{end}"]


def _common_start(names: Sequence[str]) -> str:
    """The letters that all names begin with."""
    first, last = min(names), max(names)
    length = 0
    while length < min(len(first), len(last)) and first[length] == last[length]:
        length += 1
    return first[:length]


def _matches(pattern: str) -> set[Path]:
    return {Path(name) for name in glob.glob(pattern, recursive=True)}  # noqa: PTH207
