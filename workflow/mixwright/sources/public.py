"""Files that others published: named in the study with address and SHA-256, and fetched once.

A file is taken from the folder $MIXWRIGHT_MIRROR where that has it.
"""

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from mixwright.errors import MixwrightError, nearest
from mixwright.files import sha256, written
from mixwright.progress import Log, say
from mixwright.sources.notebooks import read_table

PREFIX = "public:"
# Seconds between two lines on a download.
EVERY = 5.0
# An entry of the section `public`: address, sha256, mirror, mirror_sha256, notebook.
PublicFile = Mapping[str, Any]


def mirror_folder() -> Path | None:
    """Returns the folder that $MIXWRIGHT_MIRROR names."""
    folder = os.environ.get("MIXWRIGHT_MIRROR")
    if not folder:
        return None
    return Path(folder).expanduser()


def basename(entry: PublicFile) -> str:
    """Returns the name of the fetched file: that of the place it comes from on this machine.

    That is the mirror where there is one. Of a notebook the file is its table.
    """
    if entry.get("file"):
        return str(entry["file"])
    address, mirror = entry["address"], entry["mirror"]
    if entry.get("notebook"):
        return PurePosixPath(mirror or PurePosixPath(address).with_suffix(".csv")).name
    if mirror and (mirror_folder() or not address):
        return PurePosixPath(mirror).name
    # Of `train.jsonl.gz?download=true` the end of the name tells what the file is.
    return unquote(PurePosixPath(urlsplit(address or "").path).name)


def fetch(name: str, entry: PublicFile, to: Path, log: Log = say) -> None:
    """Writes a public file whole, or not at all.

    Args:
        name: its name in the section `public`.
        entry: what that section says of it.
        to: the file to write.
        log: takes lines on the progress.

    Raises:
        MixwrightError: the file is out of reach, or its SHA-256 is not the expected one.
    """
    with written(to) as temporary:
        mirrored = _mirrored(entry)
        if mirrored:
            shutil.copyfile(mirrored, temporary)
            place = str(mirrored)
            expected = entry["mirror_sha256"] or entry["sha256"]
        else:
            _download(name, entry, temporary, log)
            if entry.get("notebook"):
                _replace_by_table(entry, temporary)
            place = entry["address"]
            expected = entry["sha256"]
        actual = sha256(temporary)
        if actual != expected:
            raise MixwrightError(
                f"public.{name}: {place} has SHA-256 {actual}, not {expected};"
                " correct sha256 if you trust the file"
            )
        log(f"public.{name}: {temporary.stat().st_size:,} bytes from {place}, SHA-256 as expected")


def check(entries: Mapping[str, PublicFile]) -> None:
    """Refuses a file that is nowhere to be had, and two files that are fetched to one place."""
    # Place -> the first file that is fetched to it, and its SHA-256.
    places: dict[str, tuple[str, str]] = {}
    for name, entry in entries.items():
        if not entry["address"] and not entry["mirror"]:
            raise MixwrightError(f"config: public.{name} has neither address nor mirror; give one")
        content = entry["sha256"]
        if mirror_folder() and entry["mirror_sha256"]:
            content = entry["mirror_sha256"]
        first, first_content = places.setdefault(basename(entry), (name, content))
        if first_content != content:
            raise MixwrightError(
                f"config: public.{name} and public.{first} are both fetched to {basename(entry)};"
                " leave one of them out"
            )


def named(pattern: str, entries: Mapping[str, PublicFile], where: str) -> str | None:
    """Returns the public file that a pattern `public:<name>` names; None for other patterns."""
    if not pattern.startswith(PREFIX):
        return None
    name = pattern.removeprefix(PREFIX)
    if name not in entries:
        remedy = nearest(name, entries) or f"add public.{name}"
        raise MixwrightError(f"{where}: {pattern} is not among the study's public files; {remedy}")
    return name


def _mirrored(entry: PublicFile) -> Path | None:
    """The file in the mirror folder, where there is one."""
    mirror = mirror_folder()
    if mirror is None or not entry["mirror"]:
        return None
    path = mirror / entry["mirror"]
    if not path.is_file():
        return None
    return path


def _replace_by_table(entry: PublicFile, path: Path) -> None:
    """Writes a notebook's table in the notebook's place."""
    notebook = path.read_text(encoding="utf-8", errors="replace")
    table = read_table(notebook, entry["address"], **entry["notebook"])
    path.write_text(table, encoding="utf-8", newline="")


def _download(name: str, entry: PublicFile, to: Path, log: Log) -> None:
    import pooch
    from requests.exceptions import RequestException

    address = entry["address"]
    remedy = "give it a mirror"
    if entry["mirror"]:
        remedy = f"set MIXWRIGHT_MIRROR to a folder that holds {entry['mirror']}"
    if not address:
        raise MixwrightError(f"public.{name}: it has no address; {remedy}")
    download = pooch.HTTPDownloader(progressbar=_Progress(name, log), timeout=30)
    try:
        download(address, str(to), None)
    except (RequestException, OSError) as error:
        response = getattr(error, "response", None)
        reason = type(error).__name__
        if response is not None:
            reason = f"HTTP {response.status_code}"
        raise MixwrightError(
            f"public.{name}: {address} is out of reach ({reason}); connect, or {remedy}"
        ) from None


class _Progress:
    """What pooch needs of a progress bar: a line every few seconds."""

    # Bytes, set by pooch.
    total = 0

    def __init__(self, name: str, log: Log) -> None:
        self._name = name
        self._log = log
        self._bytes = 0
        self._last_line = time.monotonic()

    def update(self, size: int) -> None:
        self._bytes += size
        if time.monotonic() - self._last_line > EVERY:
            self._last_line = time.monotonic()
            self._log(f"public.{self._name}: {self._bytes:,} of {self.total:,} bytes")

    def reset(self) -> None:
        self._bytes = 0

    def close(self) -> None:
        pass
