"""Files that a killed job leaves whole or not at all, JSON, and a lock between processes."""

import errno
import fcntl
import hashlib
import json
import math
import os
import shutil
import socket
import stat
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from mixwright.errors import MixwrightError
from mixwright.progress import say_once

# What is written to a place: a file, a folder, more into a folder, a table with no other ending.
FILE, FOLDER, INTO, CSV = "file", "folder", "into", "csv"
OTHER_TABLES = (".parquet", ".xlsx", ".xls", ".ods", ".json", ".tsv")
# What the operating system refuses, and what helps. Other errors keep its own words.
REMEDIES = {
    errno.ENOENT: "no such file or folder; correct the path",
    errno.EACCES: "you may not read or write there; name a place where you may",
    errno.EPERM: "you may not read or write there; name a place where you may",
    errno.EROFS: "the file system is read-only; name a place where you may write",
    errno.EISDIR: "this is a folder; name a file in it",
    errno.ENOTDIR: "a part of this path is a file, not a folder; correct the path",
    errno.EEXIST: "something else stands there; name another place",
    errno.ENOTEMPTY: "something else stands there; name another place",
    errno.ENOSPC: "no space is left there; free some, or name another place",
    errno.EDQUOT: "your quota there is used up; free some space, or name another place",
    errno.EFBIG: "the file is larger than the file system takes; name another place",
    errno.ENAMETOOLONG: "the name is too long; give a shorter one",
    errno.ELOOP: "its links lead in a circle; correct them",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n)",
    errno.EIO: "the disk does not answer; look at it, or name another place",
    errno.ESTALE: "the network file system lost this file; run it again",
}
# What it says where another writer put something into a place that was just made free; and how
# often a place is made free.
TAKEN = (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR)
ATTEMPTS = 100
# Where /proc says when a process began, from behind its name; seconds by which clocks may disagree.
BEGAN, CLOCK = 19, 2.0
PROBE_BYTES = 4096  # a page: a full disk has none
# Errors that are of the place that is written to, also where the system names no file.
OF_PLACES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO)


@contextmanager
def written(path: str | Path, keep: bool = False) -> Iterator[Path]:
    """Yields a path beside `path`, of a file or folder to write; no other writer has it.

    It takes the place of `path` if the block ends without an error. With `keep`, a folder that
    another writer has put there first stays, and its readers never miss it.
    What writers killed on this machine left of the same path is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path)
    # the machine is in the name: process ids repeat between machines that share a disk
    unique = f"{os.getpid()}.{uuid4().hex}"
    partial = path.with_name(f"{_prefix(path)}{unique}.partial")
    try:
        yield partial
        _take_place(partial, path, keep)
    except OSError as error:
        unnamed = error.filename is None and error.errno in OF_PLACES
        if unnamed or error.filename == str(partial):
            # the user knows the place by its final name
            error.filename = str(path)
            error.filename2 = None
        raise
    finally:
        with suppress(OSError):
            _remove(partial)


def reason(error: OSError) -> str:
    """Returns what the operating system refused, in one line: the file, why, and the remedy."""
    words = error.strerror or str(error) or type(error).__name__
    if error.errno in REMEDIES:
        words = REMEDIES[error.errno]
    line = " ".join(words.split())
    if error.filename is None:
        return line
    return f"{error.filename}: {line}"


def check_place(path: Path, kind: str = FILE) -> None:
    """Checks that `path` can be written, before the work that it takes to fill it.

    Folders above it that are missing can be made. A file that stands there will be replaced.

    Args:
        path: the place.
        kind: `FILE`, `CSV`, `FOLDER` in the place of what is there, or `INTO` that is added to.

    Raises:
        MixwrightError: nothing can be written there, or not what the name promises.
    """
    if kind == CSV and path.suffix.lower() in OTHER_TABLES:
        raise MixwrightError(f"{path}: this table is written as CSV; let its name end in .csv")
    if kind in (FILE, CSV):
        _check_file(path)
    elif path.exists() and not path.is_dir():
        raise MixwrightError(f"{path}: this is a file; give a new folder")
    elif kind == FOLDER and Path.cwd().is_relative_to(path.resolve()):
        raise MixwrightError(f"{path}: you are in this folder; name a new folder")
    folder = path.absolute()
    if kind != INTO:
        folder = folder.parent
    while not os.path.lexists(folder):
        folder = folder.parent
    if not folder.is_dir():
        raise MixwrightError(f"{path}: {folder} is no folder; correct the path")
    probe = folder / f"{_prefix(path)}{os.getpid()}.{uuid4().hex}.partial"
    try:
        probe.write_bytes(bytes(PROBE_BYTES))
    except OSError as error:
        words = "nothing can be made there; name another place"
        if error.errno != errno.ENOENT:
            words = REMEDIES.get(error.errno or 0, words)
        raise MixwrightError(f"{path}: {words}") from None
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _check_file(path: Path) -> None:
    """Refuses to put a file where a folder, a device or a protected file is."""
    if path.is_dir():
        raise MixwrightError(f"{path}: this is a folder; name a file in it")
    if path.exists() and not path.is_file():
        raise MixwrightError(f"{path}: this is no ordinary file; name another file")
    if path.is_file() and not os.access(path, os.W_OK):
        raise MixwrightError(f"{path}: this file is write-protected; name another file")


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Lets in one process at a time, of all that share the file `lock`; the others wait.

    The lock ends with its process, however that ends. Where the file system has no locks, a
    warning says so and the process goes on: work may be done twice, to the same results.
    """
    with _locked(lock) as file:
        try:
            yield
            # whoever waited for this file takes a new one, and finds what was done
            lock.unlink(missing_ok=True)
        finally:
            # closing is not enough: a child process may have inherited the open file
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)


def locked(file: IO[str] | int, path: Path, risk: str, wait: bool = True) -> bool:
    """Locks an open file for this process; returns whether it may go on.

    It may not while another process holds the lock, where it does not `wait`. Where the file system
    has no locks, a warning names the folder and the `risk`, once, and the process goes on.
    """
    waiting = 0 if wait else fcntl.LOCK_NB
    try:
        fcntl.flock(file, fcntl.LOCK_EX | waiting)
    except BlockingIOError:
        return False
    except OSError as error:
        say_once(f"{path.parent}: files there cannot be locked ({error.strerror}); {risk}")
    return True


def remove_leftovers(path: Path) -> None:
    """Removes what processes of this machine that are no more left half-written of `path`."""
    prefix = _prefix(path)
    for other in list(path.parent.iterdir()):
        if not (other.name.startswith(prefix) and other.name.endswith(".partial")):
            continue
        process = int(other.name.removeprefix(prefix).split(".")[0])
        # Another writer may remove it too.
        with suppress(FileNotFoundError):
            if not is_running(process, since=other.stat().st_mtime):
                _remove(other)


def is_running(process: int, since: float | None = None) -> bool:
    """Returns whether a process of this machine has this id, and began before `since`.

    Ids are used again: one that began later (seconds since 1970) is another process.
    """
    if since is not None and _began(process) > since + CLOCK:
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _began(process: int) -> float:
    """When a process began, in seconds since 1970; 0 where the system does not tell."""
    try:
        facts = Path(f"/proc/{process}/stat").read_text()
        uptime = float(Path("/proc/uptime").read_text().split()[0])
    except OSError:
        return 0.0
    ticks = int(facts.rpartition(")")[2].split()[BEGAN])
    return time.time() - uptime + ticks / os.sysconf("SC_CLK_TCK")


def newest(files: Iterable[Path]) -> Path:
    """Returns the file that was changed last; of several, the first by name."""
    by_name = sorted(files)
    return max(by_name, key=lambda path: path.stat().st_mtime_ns)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    with written(path) as partial:
        partial.write_text(json.dumps(value, indent=2, sort_keys=False) + "\n")


def plain(value: Any) -> Any:
    """Returns a value in Python's own types, with None for numbers that JSON does not know."""
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    # A number of numpy.
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def read_json(path: str | Path) -> Any:
    """Reads a JSON file.

    Raises:
        MixwrightError: the file is missing or broken.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MixwrightError(
            f"{path}: no such file; run the rule that makes it, or correct the path"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise MixwrightError(f"{path}: not JSON ({error}); make it again") from None


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's content, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: str | Path) -> list[int]:
    """Returns a file's size in bytes and its time in whole seconds; nothing where it is missing."""
    try:
        facts = Path(path).stat()
    except OSError:
        return []
    if not stat.S_ISREG(facts.st_mode):
        return []
    return [facts.st_size, int(facts.st_mtime)]


def machine_name() -> str:
    """Returns this machine's name, without dots."""
    return socket.gethostname().replace(".", "-")


def _prefix(path: Path) -> str:
    """How the names begin of what this machine's processes write in place of `path`."""
    return f".{path.name}.{machine_name()}."


def _locked(path: Path) -> IO[str]:
    """The open file `path`, locked."""
    while True:
        file = _opened(path)
        locked(file, path, "two jobs may do the same work twice")
        if _is_file_of(path, file):
            return file
        file.close()


def _opened(path: Path) -> IO[str]:
    """The file `path`, opened for writing."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as error:
        raise MixwrightError(
            f"{path}: cannot be written ({error.strerror});"
            " let this user write there, or make room on the disk"
        ) from None


def _is_file_of(path: Path, file: IO[str]) -> bool:
    """Whether `path` still names this open file; its last holder removes it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def _take_place(partial: Path, path: Path, keep: bool) -> None:
    """Moves what was written to its place; other writers of the same may do so too.

    A folder that is there stays, or goes as a whole, so that nobody meets a half of it.
    """
    if not partial.is_dir():
        partial.replace(path)
        return
    old = partial.with_name(partial.name.replace(".partial", ".old.partial"))
    for attempt in range(ATTEMPTS):
        if not keep:
            with suppress(FileNotFoundError):
                path.replace(old)
                _remove(old)
        try:
            partial.replace(path)
            return
        except OSError as error:
            if error.errno not in TAKEN or attempt + 1 == ATTEMPTS:
                raise
            # Another writer was quicker.
            if keep:
                return


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
