"""Lines of progress with the time to go, and the one way in which they are written."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Standing:
    """Where work stands and how fast it goes; reads as a line of the log."""

    where: str
    # in `unit` a second
    speed: float
    seconds_left: float
    unit: str = "tokens"

    def __str__(self) -> str:
        speed = f"{speed_text(self.speed)} {self.unit}/s"
        return f"{self.where}, {speed}, {self.seconds_left:,.0f} s to go"


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
# lines that this process says no second time
_once: set[str] = set()


def say(news: News) -> None:
    """Writes one line to stderr in one write; nothing where there is nothing to say.

    So jobs that share a terminal do not cut into each other's lines.
    """
    words = str(news)
    if words:
        sys.stderr.write(f"{words}\n")
        sys.stderr.flush()


def say_once(line: str) -> None:
    """Prints a line that this process has not said before."""
    if line not in _once:
        _once.add(line)
        say(line)


def speed_text(speed: float) -> str:
    """Returns `45,210`, or two digits of a small speed."""
    if speed >= 10:
        return f"{speed:,.0f}"
    return f"{speed:.2g}"


class Pace:
    """Logs where work stands, how fast it went since the start and how long the rest takes."""

    def __init__(
        self,
        log: Log,
        step_tokens: int,
        every: float = 15.0,
        unit: str = "tokens",
    ) -> None:
        """Starts the clock.

        Args:
            step_tokens: units that a step takes.
            every: least seconds between two lines.
            unit: what the speed is counted in.
        """
        self._log = log
        self._step_tokens = step_tokens
        self._every = every
        self._unit = unit
        self._began = time.monotonic()
        self._logged = self._began

    def tell(self, where: str, done: int, left: int, at_once: bool = False) -> None:
        """Logs a line if one is due, or `at_once`.

        Args:
            done: steps since the start.
            left: steps to go.
        """
        now = time.monotonic()
        if not at_once and now - self._logged <= self._every:
            return
        self._logged = now
        steps_a_second = max(done, 1) / max(now - self._began, 1e-9)
        standing = Standing(
            where=where,
            speed=steps_a_second * self._step_tokens,
            seconds_left=left / steps_a_second,
            unit=self._unit,
        )
        self._log(standing)


class TextPace:
    """Logs how much text is done, and of about how much, where work takes long."""

    def __init__(self, log: Log, what: str, total: float | None, every: float = 15.0) -> None:
        """Starts the clock.

        Args:
            log: takes the lines.
            what: the work, such as `web: read`.
            total: UTF-8 bytes in all, about; None where nobody knows.
            every: least seconds between two lines.
        """
        self._log = log
        self._what = what
        self._total = total
        self._every = every
        self._began = time.monotonic()
        self._logged = self._began
        self._done = 0

    def add(self, size: int) -> None:
        """Counts so many bytes as done, and logs a line if one is due."""
        self._done += size
        now = time.monotonic()
        if now - self._logged <= self._every:
            return
        self._logged = now
        speed = self._done / max(now - self._began, 1e-9)
        where = f"{self._what} {self._done / 1e6:,.0f} MB"
        if self._total is None:
            self._log(f"{where}, {speed_text(speed / 1e6)} MB/s")
            return
        where += f" of about {self._total / 1e6:,.0f}"
        left = max(self._total - self._done, 0)
        self._log(Standing(where, speed / 1e6, left / max(speed, 1e-9), "MB"))


class PackPace:
    """Counts the steps of a pack's members, who may take unequal numbers of them.

    Its last line is always logged.
    """

    def __init__(
        self,
        log: Log,
        members: int,
        steps: int,
        step_tokens: int,
        every: float = 15.0,
    ) -> None:
        """Starts the clock.

        Args:
            members: members that are to be trained.
            steps: steps of all members.
            step_tokens: tokens that a member's step takes.
            every: least seconds between two lines.
        """
        self._log = log
        self._pace = Pace(log, step_tokens, every)
        self._members = members
        self._steps = steps
        self._finished = 0
        self._taken = 0
        self._resumed = 0
        self._where = ""

    def resumed(self, width: int, step: int) -> None:
        """Counts a wave of `width` members that starts at `step`."""
        if step:
            self._log(f"{width} members go on from step {step}")
        self._resumed += width * step
        self._taken += width * step

    def stepped(self, width: int, step: int, steps: int) -> None:
        """Counts a step of a wave of `width` members: the `step`-th of `steps`, the longest's."""
        self._taken += width
        self._where = f"step {step}/{steps}"
        self._tell()

    def finished(self, members: int) -> None:
        """Counts so many members more as done."""
        self._finished += members
        if self._finished == self._members:
            self._tell()

    def _tell(self) -> None:
        self._pace.tell(
            where=f"{self._finished}/{self._members} members trained, {self._where}",
            done=self._taken - self._resumed,
            left=self._steps - self._taken,
            at_once=self._finished == self._members,
        )
