"""Progress of a pack: a few lines a minute with the time to go."""

import time
from collections.abc import Callable

Log = Callable[[str], None]


class Pace:
    """Counts member-steps done since the start and says how long the rest will take."""

    def __init__(self, log: Log, members: int, steps: int, step_tokens: int, every: float = 15.0) -> None:
        self._log, self._members, self._steps, self._step_tokens, self._every = log, members, steps, step_tokens, every
        self._began = self._told = time.monotonic()
        self._finished = self._done = self._left_out = 0

    def resumed(self, width: int, step: int) -> None:
        """A wave of `width` members starts at `step`."""
        self._left_out += width * step

    def stepped(self, width: int, step: int) -> None:
        """A wave of `width` members has taken `step` steps."""
        self._done = self._finished * self._steps + width * step - self._left_out
        if time.monotonic() - self._told > self._every:
            self._tell(step)

    def finished(self, width: int) -> None:
        """A wave of `width` members is done."""
        self._finished += width
        if self._finished == self._members:
            self._tell(self._steps)

    def _tell(self, step: int) -> None:
        self._told = time.monotonic()
        speed = max(self._done, 1) / max(self._told - self._began, 1e-9)  # member-steps a second
        to_go = (self._members * self._steps - self._done - self._left_out) / speed
        where = f"{self._finished}/{self._members} members trained, step {step}/{self._steps}"
        self._log(f"{where}, {speed * self._step_tokens:,.0f} tokens/s, {to_go:,.0f} s to go")
