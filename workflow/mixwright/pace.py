"""Progress lines with the time to go, and the one way in which they are written."""

import sys
import time
from collections.abc import Callable

Log = Callable[[str], None]


def say(line: str) -> None:
    """One line to stderr in one write: jobs that share a terminal do not cut into each other's lines."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class Pace:
    """Says where work stands, how fast it went since the start and how long the rest takes: one line every `every` seconds."""

    def __init__(self, log: Log, step_tokens: int, every: float = 15.0) -> None:
        self._log, self._step_tokens, self._every = log, step_tokens, every
        self._began = self._told = time.monotonic()

    def tell(self, where: str, done: int, left: int, at_once: bool = False) -> None:
        """After `done` steps since the start, with `left` to go."""
        now = time.monotonic()
        if at_once or now - self._told > self._every:
            self._told = now
            speed = max(done, 1) / max(now - self._began, 1e-9)  # steps a second
            self._log(f"{where}, {speed * self._step_tokens:,.0f} tokens/s, {left / speed:,.0f} s to go")


class PackPace:
    """Counts the steps of a pack's members, who may take unequal numbers of them; its last line is always said."""

    def __init__(self, log: Log, members: int, steps: int, step_tokens: int, every: float = 15.0) -> None:
        self._pace, self._members, self._steps = Pace(log, step_tokens, every), members, steps
        self._finished = self._taken = self._resumed = 0
        self._where = ""

    def resumed(self, width: int, step: int) -> None:
        """A wave of `width` members starts at `step`."""
        self._resumed += width * step
        self._taken += width * step

    def stepped(self, width: int, step: int, steps: int) -> None:
        """A wave of `width` members has taken one more, the `step`-th of `steps` of its longest member."""
        self._taken += width
        self._where = f"step {step}/{steps}"
        self._tell()

    def finished(self, members: int) -> None:
        """So many members more are done."""
        self._finished += members
        if self._finished == self._members:
            self._tell()

    def _tell(self) -> None:
        where = f"{self._finished}/{self._members} members trained, {self._where}"
        self._pace.tell(where, self._taken - self._resumed, self._steps - self._taken, self._finished == self._members)
