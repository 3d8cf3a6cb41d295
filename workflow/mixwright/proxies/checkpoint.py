"""Saves a wave to disk and loads it again, and turns SIGTERM into a clean stop.

A checkpoint is written beside its place and then renamed: a kill at any moment leaves the last
whole one.
"""

import pickle
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch.utils.serialization import config

from mixwright.files import remove_leftovers, written
from mixwright.mixture import digest
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
        try:
            yield
        finally:
            self._last_end = time.monotonic()
            self._last_took = self._last_end - began


class Checkpoint:
    """The file of one wave, saved by the clock of its pack; without a folder nothing is saved.

    Where memory does not hold the wave, each part of it has a file of its own beside the wave's.

    Args:
        folder: Where the file lies.
        name: Of the wave.
        clock: Says when to save.
        part: Of the wave's members; empty for all of them.
    """

    def __init__(self, folder: Path | None, name: str, clock: Clock, part: str = "") -> None:
        self._folder = folder
        self._name = name
        self._clock = clock
        self._path: Path | None = None
        if folder is not None:
            self._path = folder / f"{name}{part}.pt"

    def of(self, keys: Sequence[str]) -> "Checkpoint":
        """Returns the checkpoint of some of the wave's members, by their keys."""
        return Checkpoint(self._folder, self._name, self._clock, f"-{digest(list(keys))}")

    def due(self, soon: bool = False) -> bool:
        """Returns whether to save now; a kill loses the steps since the last save, no more."""
        return self._path is not None and self._clock.due(soon)

    def save(self, state: dict[str, Any]) -> None:
        """Replaces the file by `state`, atomically.

        Tensors on a GPU go to the host one after the other as they are written, each through
        pinned memory. So the host holds one of them, and each is copied and written once. A step
        that is still computed ends first.

        Where it cannot be written, as on a full disk, a warning says so, and the last one stays.
        """
        if self._path is None:
            return
        try:
            pinned = _through_pinned_memory(_on_device(state))
            with self._clock.saving(), written(self._path) as partial, pinned:
                torch.save(state, partial)
        except (OSError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            say(f"{self._path}: no checkpoint could be saved ({reason}); the training goes on")

    def load(self, keys: Sequence[str] = ()) -> dict[str, Any] | None:
        """Returns the furthest state of the wave's files that holds these members, on the CPU.

        None where there is none. A full disk or a power cut can leave a file that cannot be read.
        It is removed with a message, and counts for nothing.

        Args:
            keys: Of the members.
        """
        furthest = None
        for path in self._files():
            state = _read(path)
            if state is None or not set(keys) <= set(state.get("keys", keys)):
                continue
            if furthest is None or state["step"] > furthest["step"]:
                furthest = state
        return furthest

    def remove(self) -> None:
        """Removes the file and the partial files that killed jobs left of it."""
        # a training that ended before its first checkpoint has no folder of them
        if self._path is not None and self._path.parent.exists():
            _remove(self._path)

    def remove_all(self) -> None:
        """Removes the wave's file and those of its parts."""
        for path in self._files():
            _remove(path)

    def _files(self) -> list[Path]:
        """The wave's files: its own, and those of its parts."""
        if self._folder is None:
            return []
        return sorted(self._folder.glob(f"{self._name}*.pt"))


@contextmanager
def _through_pinned_memory(pinned: bool) -> Iterator[None]:
    """Lets torch.save copy tensors of a GPU so, where `pinned`."""
    before = config.save.use_pinned_memory_for_d2h
    config.save.use_pinned_memory_for_d2h = pinned
    try:
        yield
    finally:
        config.save.use_pinned_memory_for_d2h = before


def _on_device(state: Mapping[str, Any]) -> bool:
    """Whether weights of a state lie on a GPU."""
    weights = state.get("parameters", {})
    return any(tensor.is_cuda for tensor in weights.values())


def _read(path: Path) -> dict[str, Any] | None:
    """The state of a file; one that cannot be read is removed."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        reason = error.__class__.__name__
        say(f"{path}: checkpoint not readable ({reason}); its members start again")
        _remove(path)
        return None
    return state


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    remove_leftovers(path)


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
