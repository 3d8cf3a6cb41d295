"""Saves a wave to disk and loads it again, and turns SIGTERM into a clean stop.

A checkpoint is written beside its place and then renamed: a kill at any moment leaves the last
whole one.
"""

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

# exit status of a process that SIGTERM stopped
TERMINATED = 128 + signal.SIGTERM
# largest share of the time that goes into saving
SHARE = 0.05


class Clock:
    """Says when to save: every `seconds`, but less often where saving would take over SHARE.

    The pause follows how long the last save took.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last_took = 0.0
        self._last_end = time.monotonic()

    def due(self, soon: bool = False) -> bool:
        """Returns whether it is time to save; `soon` waits only for SHARE, not for `seconds`."""
        pause = self._last_took / SHARE
        if not soon:
            pause = max(self._seconds, pause)
        return time.monotonic() - self._last_end >= pause

    @contextmanager
    def saving(self) -> Iterator[None]:
        """Measures the time that the block takes to save."""
        began = time.monotonic()
        yield
        self._last_end = time.monotonic()
        self._last_took = self._last_end - began


class Checkpoint:
    """The file of one wave, saved by the clock of its pack; without a folder nothing is saved."""

    def __init__(self, folder: Path | None, name: str, clock: Clock) -> None:
        self._path = folder / f"{name}.pt" if folder else None
        self._clock = clock

    def due(self, soon: bool = False) -> bool:
        """Returns whether to save now; a kill loses the steps since the last save, no more."""
        return self._path is not None and self._clock.due(soon)

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the file by `state`, atomically."""
        if self._path is None:
            return
        with self._clock.saving(), written(self._path) as partial:
            torch.save(state, partial)

    def load(self) -> dict[str, Any] | None:
        """Returns the saved state, on the CPU; None where there is none.

        A full disk or a power cut can leave a file that cannot be read. It is removed with a
        message, and None is returned.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
            reason = error.__class__.__name__
            say(f"{self._path}: checkpoint not readable ({reason}); its members start again")
            self.remove()
            return None
        return state

    def remove(self) -> None:
        """Removes the file and the partial files that killed jobs left of it."""
        if self._path is None:
            return
        self._path.unlink(missing_ok=True)
        remove_leftovers(self._path)


@contextmanager
def terminable() -> Iterator[threading.Event]:
    """Yields an event that SIGTERM sets, in place of ending the process at once.

    The caller finishes its step, saves, and exits with TERMINATED. Signals reach the main thread
    alone: in any other thread the event is never set.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    previous = signal.signal(signal.SIGTERM, lambda *_: stop.set())
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, previous)
