"""What happens to a row or a file that cannot be read: the job stops, or goes on and counts it."""

import logging

from mixwright.errors import MixwrightError
from mixwright.sources.base import Tally

log = logging.getLogger(__name__)

SKIP = "skip"
# Faults that the log names, of a job; the others are counted.
NAMED = 3


class Faults:
    """The rows and files of one reading that could not be read."""

    def __init__(self, name: str, on_error: str, tally: Tally, quiet: bool = False) -> None:
        """Begins without a fault.

        Args:
            name: the domain or target, for the log.
            on_error: `stop` or `skip`.
            tally: where what is skipped is counted.
            quiet: no fault is named.
        """
        self._name = name
        self._skips = on_error == SKIP
        self.tally = tally
        self._quiet = quiet
        self._faults = 0

    @property
    def names_next(self) -> bool:
        """Whether anybody reads the message of the next fault."""
        return not self._skips or (not self._quiet and self._faults < NAMED)

    def row(self, error: MixwrightError) -> None:
        """Counts a row that cannot be read; raises its error where the job is to stop."""
        self._met(error)
        self.tally.broken += 1

    def file(self, error: MixwrightError) -> None:
        """Counts a file of which the rest cannot be read; raises as `row` does."""
        self._met(error)
        self.tally.broken_files += 1

    def close(self) -> None:
        """Says in the log how many more there were."""
        more = self._faults - NAMED
        if more > 0 and not self._quiet:
            log.warning("%s: skipped: %d more rows or files like these", self._name, more)

    def _met(self, error: MixwrightError) -> None:
        if not self._skips:
            raise error
        if self.names_next:
            message = str(error).removeprefix(f"{self._name}: ")
            log.warning("%s: skipped: %s", self._name, message)
        self._faults += 1
