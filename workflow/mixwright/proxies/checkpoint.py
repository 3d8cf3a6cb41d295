"""A wave on disk: written beside and renamed, so that a kill at any moment leaves the last whole one; and what SIGTERM asks for."""

import pickle
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from mixwright.files import remove_leftovers, written
from mixwright.progress import say

TERMINATED = 128 + signal.SIGTERM
SHARE = 0.05  # of the time, at most, goes into saving


class Clock:
    """When to save: every `seconds`, and never so often that saving takes over SHARE of the time, by how long the last one took."""

    def __init__(self, seconds: float) -> None:
        self._seconds, self._took, self._last = seconds, 0.0, time.monotonic()

    def due(self, soon: bool = False) -> bool:
        """Whether it is time; `soon`: as early as can be afforded."""
        return time.monotonic() - self._last >= max(
            0.0 if soon else self._seconds, self._took / SHARE
        )

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Counts what the block takes."""
        began = time.monotonic()
        yield
        self._last = time.monotonic()
        self._took = self._last - began


class Checkpoint:
    """The file of one wave, saved by the clock of its pack; without a folder nothing is kept."""

    def __init__(self, folder: Path | None, name: str, clock: Clock) -> None:
        self._path, self._clock = folder / f"{name}.pt" if folder else None, clock

    def due(self, soon: bool = False) -> bool:
        """Whether to save now; a kill costs no more than what was trained since the last time."""
        return self._path is not None and self._clock.due(soon)

    def save(self, state: dict[str, Any]) -> None:
        if self._path:
            with self._clock.saving(), written(self._path) as beside:
                torch.save(state, beside)

    def load(self) -> dict[str, Any] | None:
        """What was saved; a file that cannot be read, after a full disk or a power cut, is told and removed."""
        if not self._path or not self._path.exists():
            return None
        try:
            found: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
            say(
                f"{self._path}: checkpoint not readable ({error.__class__.__name__}); its members start again"
            )
            self.remove()
            return None
        return found

    def remove(self) -> None:
        """The file, and what killed jobs left half-written of it."""
        if self._path:
            self._path.unlink(missing_ok=True)
            remove_leftovers(self._path)


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
