"""Write beside, then rename: a killed job leaves no half-written file that counts as done."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from mixwright.errors import MixwrightError


@contextmanager
def written(path: str | Path) -> Iterator[Path]:
    """Yields a path beside `path` (file or folder) that takes its place if the block ends without an error; no other writer has it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid4().hex}.partial")  # process ids repeat between machines that share a disk
    try:
        yield beside
        if beside.is_dir():
            _remove(path)
        beside.replace(path)
    finally:
        _remove(beside)


def write_json(path: str | Path, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    with written(path) as beside:
        beside.write_text(json.dumps(value, indent=2, sort_keys=False) + "\n")


def read_json(path: str | Path) -> Any:
    """The JSON file's value; a file that is missing or broken is a user's mistake, named."""
    try:
        return json.loads(Path(path).read_text())
    except FileNotFoundError:
        raise MixwrightError(f"{path}: no such file; run the rule that makes it, or correct the path") from None
    except json.JSONDecodeError as error:
        raise MixwrightError(f"{path}: not JSON ({error}); make it again") from None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
