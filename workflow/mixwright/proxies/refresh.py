"""What `store: refresh` has computed again so far, for a job that is killed and goes on."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mixwright import __version__
from mixwright.errors import MixwrightError
from mixwright.files import read_json, write_json


@dataclass
class Refresh:
    """The order to compute the results of one job again.

    It lies beside the job's output until all of them are computed. A job that was killed goes on
    with it: it computes nothing a third time, and uses the checkpoints that were made under it.
    Older checkpoints have other names.
    """

    path: Path
    # part of the names of its checkpoints
    name: str
    # keys of the results that were computed under it
    done: list[str]

    @classmethod
    def of(cls, output: Path) -> "Refresh":
        """Returns the order that a killed job left beside its output, or a new one.

        One that another version of mixwright left does not count.
        """
        path = output.with_name(f".{output.name}.refresh")
        left = {}
        with suppress(MixwrightError):
            left = read_json(path)
        if left.get("version") == __version__:
            return cls(path, left["name"], left["done"])
        order = cls(path, uuid4().hex, [])
        order._write()
        return order

    def add(self, key: str) -> None:
        """Counts a result as computed."""
        if key not in self.done:
            self.done.append(key)
            self._write()

    def end(self) -> None:
        """Ends the order: all is computed."""
        self.path.unlink(missing_ok=True)

    def _write(self) -> None:
        content = {"version": __version__, "name": self.name, "done": self.done}
        write_json(self.path, content)
