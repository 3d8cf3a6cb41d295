"""Progress lines with the time to go, and the one way in which they are written."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """Where work stands and how fast it goes; reads as a line of the log."""

    where: str
    speed: float  # in `unit` a second
    seconds_left: float
    unit: str = "tokens"

    def __str__(self) -> str:
        return (
            f"{self.where}, {quantity(self.speed)} {self.unit}/s, {self.seconds_left:,.0f} s to go"
        )


def quantity(speed: float) -> str:
    """`45,210`, or two digits of a small one."""
    return f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"


@dataclass(frozen=True)
class Done:
    """A run that has ended; reads as what there is to say of it, which may be nothing."""

    run: str
    words: str = ""
    diverged: bool = False

    def __str__(self) -> str:
        return self.words


News = str | Standing | Done
Log = Callable[[News], None]


def say(news: News) -> None:
    """One line to stderr in one write: jobs that share a terminal do not cut into each other's lines."""
    if words := str(news):
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()


class Pace:
    """Says where work stands, how fast it went since the start and how long the rest takes: one line every `every` seconds."""

    def __init__(
        self, log: Log, step_tokens: int, every: float = 15.0, unit: str = "tokens"
    ) -> None:
        self._log, self._step_tokens, self._every, self._unit = log, step_tokens, every, unit
        self._began = self._told = time.monotonic()

    def tell(self, where: str, done: int, left: int, at_once: bool = False) -> None:
        """After `done` steps since the start, with `left` to go."""
        now = time.monotonic()
        if at_once or now - self._told > self._every:
            self._told = now
            speed = max(done, 1) / max(now - self._began, 1e-9)  # steps a second
            self._log(Standing(where, speed * self._step_tokens, left / speed, self._unit))


class PackPace:
    """Counts the steps of a pack's members, who may take unequal numbers of them; its last line is always said."""

    def __init__(
        self, log: Log, members: int, steps: int, step_tokens: int, every: float = 15.0
    ) -> None:
        self._log, self._pace, self._members, self._steps = (
            log,
            Pace(log, step_tokens, every),
            members,
            steps,
        )
        self._finished = self._taken = self._resumed = 0
        self._where = ""

    def resumed(self, width: int, step: int) -> None:
        """A wave of `width` members starts at `step`."""
        if step:
            self._log(f"{width} members go on from step {step}")
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
        self._pace.tell(
            where,
            self._taken - self._resumed,
            self._steps - self._taken,
            self._finished == self._members,
        )
