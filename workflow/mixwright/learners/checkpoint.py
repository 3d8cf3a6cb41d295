"""A wave on disk: written beside and renamed, so that a kill at any moment leaves the last whole one; and what SIGTERM asks for."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mixwright.files import written

TERMINATED = 128 + signal.SIGTERM


class Checkpoint:
    """The file of one wave; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, name: str) -> None:
        self._path = folder / f"{name}.pt" if folder else None

    def save(self, state: dict[str, Any]) -> None:
        if self._path:
            with written(self._path) as beside:
                torch.save(state, beside)

    def load(self) -> dict[str, Any] | None:
        return torch.load(self._path, map_location="cpu", weights_only=True) if self._path and self._path.exists() else None

    def remove(self) -> None:
        if self._path:
            self._path.unlink(missing_ok=True)


@contextmanager
def terminable() -> Iterator[threading.Event]:
    """An event that SIGTERM sets, so that the step ends and what was trained is kept before the process does; main thread only."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda *_: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)
