"""What every source of text does: it lists its inputs at parse time and yields rows in a job.

Modules of sources are imported at parse time. They import what reads files (pyarrow, zstandard)
inside the functions that need it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixwright.mixture import digest
from mixwright.sources.places import Places

# A document. `text` is always there; a target may add `query`, `choices` and `gold`.
Row = dict[str, Any]


@dataclass(frozen=True)
class Source(ABC):
    """Where the documents of one domain or target come from."""

    # The domain or target that reads it, for messages.
    name: str
    # What the config says of the domain or target, defaults filled in.
    settings: Mapping[str, Any]
    # Where the study keeps its results, and its public files.
    places: Places

    def check(self, where: str) -> None:  # noqa: B027
        """Refuses settings that make no sense. Parse time; no file is looked at.

        Args:
            where: the place in the config that a message names, `config: domains.web`.
        """

    def check_inputs(self, where: str, files: Sequence[Path]) -> None:  # noqa: B027
        """Refuses files that the source cannot read, by their names alone. Parse time.

        Args:
            where: the place in the config that a message names.
            files: what `inputs` returned.
        """

    def inputs(self) -> list[Path]:
        """Returns the files that the source reads, for Snakemake. Parse time.

        Raises:
            MixwrightError: a file is missing. The study can then be looked at, not run.
        """
        return []

    def prepared(self) -> list[Path]:
        """Returns what rules of the workflow make for the source before it is read. Parse time."""
        return []

    def facts(self) -> dict[str, Any]:
        """Returns the settings that the documents depend on; they enter the names of runs."""
        return dict(self.settings)

    def pinned(self) -> dict[str, str]:
        """Returns name -> SHA-256 of the public files among its inputs, for the names of runs."""
        return {}

    @property
    def fingerprint(self) -> str:
        """Returns 16 hex digits: a hash of all that the source brings into the names of runs."""
        return digest([self.facts(), self.pinned()])

    @abstractmethod
    def documents(self, prepared: Path | None = None) -> Iterator[Row]:
        """Yields the rows in an order that depends on the inputs alone. Runs in a job.

        Args:
            prepared: the first of `prepared()`, wherever it lies; none for most kinds.

        Raises:
            MixwrightError: an input is missing or broken. One line names the file and the remedy.
        """

    @classmethod
    @abstractmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        """Writes a small source under `folder` and returns its settings, for the contract tests.

        The study keeps its results in `folder`, and its domain is called `example`.
        It has two documents or more.
        """
