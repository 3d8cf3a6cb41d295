"""Files that a killed job leaves whole or not at all, JSON, and a lock between processes."""

import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from mixwright.errors import MixwrightError
from mixwright.progress import say


@contextmanager
def written(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path`, of a file or folder to write.

    It takes the place of `path` if the block ends without an error. No other writer has it.
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
        if partial.is_dir():
            _remove(path)
        partial.replace(path)
    finally:
        _remove(partial)


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
    """Locks an open file for this process.

    Where the file system has no locks, a warning says so, and the process goes on without.

    Args:
        file: the open file, or its number.
        path: its path, for the warning.
        risk: what may happen without a lock, for the warning.
        wait: whether to wait while another process holds the lock.

    Returns:
        Whether this process may go on: False while another holds the lock.
    """
    operation = fcntl.LOCK_EX
    if not wait:
        operation |= fcntl.LOCK_NB
    try:
        fcntl.flock(file, operation)
    except BlockingIOError:
        return False
    except OSError as error:
        say(f"{path}: cannot be locked ({error.strerror}); {risk}")
    return True


def remove_leftovers(path: Path) -> None:
    """Removes what processes of this machine that are no more left half-written of `path`."""
    prefix = _prefix(path)
    for other in list(path.parent.iterdir()):
        if not (other.name.startswith(prefix) and other.name.endswith(".partial")):
            continue
        process = other.name.removeprefix(prefix).split(".")[0]
        if not is_running(int(process)):
            _remove(other)


def is_running(process: int) -> bool:
    """Returns whether a process of this machine has this id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def newest(files: Iterable[Path]) -> Path:
    """Returns the file that was changed last; of several, the first by name."""
    by_name = sorted(files)
    return max(by_name, key=lambda path: path.stat().st_mtime_ns)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    with written(path) as partial:
        partial.write_text(json.dumps(value, indent=2, sort_keys=False) + "\n")


def read_json(path: str | Path) -> Any:
    """Reads a JSON file.

    Raises:
        MixwrightError: the file is missing or broken.
    """
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise MixwrightError(
            f"{path}: no such file; run the rule that makes it, or correct the path"
        ) from None
    except json.JSONDecodeError as error:
        raise MixwrightError(f"{path}: not JSON ({error}); make it again") from None


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file's content, in hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: str | Path) -> list[int]:
    """Returns a file's size in bytes and its time in whole seconds; nothing where it is missing."""
    path = Path(path)
    if not path.is_file():
        return []
    facts = path.stat()
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


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
