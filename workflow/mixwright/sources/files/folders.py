"""The files of text below a folder."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from mixwright.errors import MixwrightError
from mixwright.sources.files.opening import form_of

log = logging.getLogger(__name__)

# Files of other kinds that the log names, of a folder.
NAMED = 5


def files_below(where: str, folder: Path, *, say: bool) -> list[Path]:
    """Returns the files of known forms below a folder, those of linked folders too.

    Passed by are hidden files and folders, files of other forms, and plain `.json` files beside
    files of another form: they describe these.

    Args:
        where: what messages name, a domain or a target.
        folder: an absolute path.
        say: whether the log names what is passed by.

    Raises:
        MixwrightError: there is none, or one is a broken link.
    """
    texts: list[Path] = []
    others: list[Path] = []
    for path in _walk(folder):
        (texts if _is_text(path) else others).append(path)
    if any(path.suffix.lower() != ".json" for path in texts):
        others += [path for path in texts if path.suffix.lower() == ".json"]
        texts = [path for path in texts if path.suffix.lower() != ".json"]
    for path in texts:
        if not path.is_file():
            raise MixwrightError(
                f"{where}: {path} is no file (a broken link, a pipe or a socket); fetch it"
                " (git annex get, dvc pull), or name the folder's files by a pattern"
            )
    if not texts:
        kinds = ", ".join(sorted({path.suffix for path in others if path.suffix})) or "nothing"
        raise MixwrightError(
            f"{where}: {folder} holds no file of text (txt, jsonl, json, parquet), but {kinds};"
            " name another folder, or a pattern of files"
        )
    if others and say:
        first = sorted(others)[:NAMED]
        names = ", ".join(str(path.relative_to(folder)) for path in first)
        more = f" and {len(others) - NAMED} more" if len(others) > NAMED else ""
        log.warning("%s: in %s, passed by: %s%s", where, folder, names, more)
    return texts


def _walk(folder: Path) -> Iterator[Path]:
    """All that is no folder below a folder; hidden names are left out, and loops of links."""
    visited = set()

    def refuse(error: OSError) -> None:
        raise error

    for here, folders, names in os.walk(folder, onerror=refuse, followlinks=True):
        place = os.stat(here)  # noqa: PTH116
        if (place.st_dev, place.st_ino) in visited:
            folders.clear()
            continue
        visited.add((place.st_dev, place.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            if not name.startswith("."):
                yield Path(here, name)


def _is_text(path: Path) -> bool:
    """Whether the name of a file ends as those of known forms do."""
    try:
        form_of(path)
    except MixwrightError:
        return False
    return True
