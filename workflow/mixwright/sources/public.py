"""Files that others published: named in the study with address and SHA-256, fetched once, or taken from a mirror folder."""

import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mixwright.errors import MixwrightError, nearest
from mixwright.files import written
from mixwright.progress import Log, say
from mixwright.sources.notebooks import read_table

PREFIX = "public:"
# An entry of the section `public`: address, sha256, mirror, mirror_sha256, notebook.
PublicFile = Mapping[str, Any]


def mirror_folder() -> Path | None:
    """The folder that $MIXWRIGHT_MIRROR names."""
    named = os.environ.get("MIXWRIGHT_MIRROR")
    return Path(named) if named else None


def basename(entry: PublicFile) -> str:
    """Name of the fetched file: that of the place it comes from here, the mirror where there is one; of a notebook its table."""
    if entry.get("notebook"):
        return PurePosixPath(
            entry["mirror"] or PurePosixPath(entry["address"]).with_suffix(".csv")
        ).name
    place = (
        entry["mirror"]
        if entry["mirror"] and (mirror_folder() or not entry["address"])
        else entry["address"]
    )
    return PurePosixPath(place).name


def fetch(name: str, entry: PublicFile, to: Path, log: Log = say) -> None:
    """Writes the file `name` whole, or not at all: from the mirror if that has it, else from its address; checked by SHA-256."""
    mirror = mirror_folder()
    mirrored = mirror / entry["mirror"] if mirror and entry["mirror"] else None
    with written(to) as beside:
        if mirrored and mirrored.is_file():
            shutil.copyfile(mirrored, beside)
            place, expected = str(mirrored), entry["mirror_sha256"] or entry["sha256"]
        else:
            _download(name, entry, beside, log)
            if entry.get("notebook"):
                found = read_table(
                    beside.read_text(encoding="utf-8", errors="replace"),
                    entry["address"],
                    **entry["notebook"],
                )
                beside.write_text(found, encoding="utf-8", newline="")
            place, expected = entry["address"], entry["sha256"]
        found = sha256(beside)
        if found != expected:
            raise MixwrightError(
                f"public.{name}: {place} has SHA-256 {found}, not {expected}; correct sha256 if you trust the file"
            )
        log(f"public.{name}: {beside.stat().st_size:,} bytes from {place}, SHA-256 as expected")


def sha256(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check(entries: Mapping[str, PublicFile]) -> None:
    """Every file can be had from somewhere, and no two of different content would be fetched to one place."""
    places: dict[str, tuple[str, str]] = {}
    for name, entry in entries.items():
        if not entry["address"] and not entry["mirror"]:
            raise MixwrightError(f"config: public.{name} has neither address nor mirror; give one")
        content = (entry["mirror_sha256"] if mirror_folder() else None) or entry["sha256"]
        other, same = places.setdefault(basename(entry), (name, content))
        if same != content:
            raise MixwrightError(
                f"config: public.{name} and public.{other} are both fetched to {basename(entry)}; leave one of them out"
            )


def named(pattern: str, entries: Mapping[str, PublicFile], where: str) -> str | None:
    """The public file that a pattern `public:<name>` names; None for any other pattern."""
    if not pattern.startswith(PREFIX):
        return None
    name = pattern.removeprefix(PREFIX)
    if name not in entries:
        raise MixwrightError(
            f"{where}: {pattern} is not among the study's public files; {nearest(name, entries) or f'add public.{name}'}"
        )
    return name


def _download(name: str, entry: PublicFile, to: Path, log: Log) -> None:
    import pooch
    from requests.exceptions import RequestException

    where = (
        f"set MIXWRIGHT_MIRROR to a folder that holds {entry['mirror']}"
        if entry["mirror"]
        else "give it a mirror"
    )
    if not entry["address"]:
        raise MixwrightError(f"public.{name}: it has no address; {where}")
    try:
        pooch.HTTPDownloader(progressbar=_Progress(name, log), timeout=30)(
            entry["address"], str(to), None
        )
    except (RequestException, OSError) as error:
        answer = getattr(error, "response", None)
        reason = type(error).__name__ if answer is None else f"HTTP {answer.status_code}"
        raise MixwrightError(
            f"public.{name}: {entry['address']} is out of reach ({reason}); connect, or {where}"
        ) from None


class _Progress:
    """What pooch asks of a progress bar, as a line every few seconds."""

    total = 0

    def __init__(self, name: str, log: Log, every: float = 5.0) -> None:
        self._name, self._log, self._every = name, log, every
        self._done, self._told = 0, time.monotonic()

    def update(self, size: int) -> None:
        self._done += size
        if time.monotonic() - self._told > self._every:
            self._told = time.monotonic()
            self._log(f"public.{self._name}: {self._done:,} of {self.total:,} bytes")

    def reset(self) -> None:
        self._done = 0

    def close(self) -> None:
        pass
