"""Write beside, then rename: a killed job leaves no half-written file that counts as done."""

import fcntl
import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

from mixwright.errors import MixwrightError
from mixwright.progress import say


@contextmanager
def written(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path` (file or folder) that takes its place if the block ends without an error; no other writer has it.

    What a writer killed on this machine left half-written of the same path is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    swept(path)
    # whose it is stands in the name; process ids alone repeat between machines that share a disk
    beside = path.with_name(f".{path.name}.{here()}.{os.getpid()}.{uuid4().hex}.partial")
    try:
        yield beside
        if beside.is_dir():
            _remove(path)
        beside.replace(path)
    finally:
        _remove(beside)


@contextmanager
def alone(lock: Path) -> Iterator[None]:
    """Lets in one process at a time, of all that share the file `lock`; the others wait.

    The lock ends with its process, however that ends. Where the file system has no locks, a
    warning says so and the process goes on: work may be done twice, to the same results.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    with _locked(lock):
        yield
        # whoever waited for this file takes a new one, and finds what was done
        lock.unlink(missing_ok=True)


def _locked(path: Path) -> IO[str]:
    """The open file `path`, locked."""
    while True:
        file = path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:
            say(f"{path}: cannot be locked ({error.strerror}); two jobs may do the same work twice")
            return file
        if _is_file_of(path, file):
            return file
        file.close()


def _is_file_of(path: Path, file: IO[str]) -> bool:
    """Whether `path` still names this open file; its last holder removes it."""
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False


def swept(path: Path) -> None:
    """Removes what stands half-written beside `path` of processes of this machine that are no more."""
    mine = f".{path.name}.{here()}."
    left = (
        other
        for other in path.parent.iterdir()
        if other.name.startswith(mine) and other.name.endswith(".partial")
    )
    for half in left:
        if not is_running(int(half.name.removeprefix(mine).split(".")[0])):
            _remove(half)


def is_running(process: int) -> bool:
    """Whether a process of this machine has this id."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    with written(path) as beside:
        beside.write_text(json.dumps(value, indent=2, sort_keys=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The JSON file's value; a file that is missing or broken is a user's mistake, named."""
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


def here() -> str:
    """This machine's name, without dots."""
    return socket.gethostname().replace(".", "-")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
