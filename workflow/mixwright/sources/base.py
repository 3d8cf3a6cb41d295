"""What every source of text does: it lists its inputs at parse time and yields rows in a job.

Modules of sources are imported at parse time. They import what reads files (pyarrow, zstandard)
inside the functions that need it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mixwright.mixture import digest
from mixwright.sources.places import Places

# A document. `text` is always there; a target may add `query`, `choices` and `gold`, and a source
# of token files adds `tokens`, (tokens,) uint32: ids of the document without an end token.
Row = dict[str, Any]


def text_size(row: Row) -> int:
    """Returns the bytes of a row's text in UTF-8; characters that it cannot hold count as well."""
    text = row.get("text")
    if not text:
        return 0
    # Text that is plain ASCII knows it.
    return len(text) if text.isascii() else len(text.encode(errors="surrogatepass"))


@dataclass
class Tally:
    """What was met while a source was read; a source adds to it row by row.

    The text of the whole part is estimated from it: text_bytes * part_bytes / passed_bytes.
    """

    # UTF-8 bytes of text of the rows that were yielded
    text_bytes: int = 0
    # on disk: of all files of the part, and of what was read of them; both 0 where nobody knows
    part_bytes: int = 0
    passed_bytes: int = 0
    # training tokens of the whole part, end tokens among them, where the files say that without
    # being read; 0 elsewhere
    tokens: int = 0
    # whether every row of the part was yielded
    whole: bool = True
    # what `on_error: skip` left out: rows or lines, and files
    broken: int = 0
    broken_files: int = 0


@dataclass(frozen=True)
class Reading:
    """What one job reads of a source, and what it met on the way."""

    # the first of `Source.prepared()`, wherever it lies; none for most kinds
    prepared: Path | None = None
    # which of how many equal parts of the source
    part: int = 0
    parts: int = 1
    # UTF-8 bytes of text that the job wants to look at, spread over all files of the part; it may
    # get somewhat more. None: all there is.
    most_bytes: int | None = None
    # stop or skip: what to do about a row or file that cannot be read
    on_error: str = "stop"
    tally: Tally = field(default_factory=Tally)


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

    def size(self) -> int | None:
        """Returns about how many UTF-8 bytes of text the source holds, from its files' sizes.

        Parse time. None where that cannot be told before it is read; it is then read in one part.
        """
        return None

    def prepared(self) -> list[Path]:
        """Returns what rules of the workflow make for the source before it is read. Parse time."""
        return []

    def facts(self) -> dict[str, Any]:
        """Returns the settings that the documents depend on; they enter the names of runs."""
        return dict(self.settings)

    def pinned(self) -> dict[str, str]:
        """Returns name -> SHA-256 of the public files among its inputs, for the names of runs."""
        return {}

    def caveats(self) -> list[str]:
        """Returns what a report must say of results that rest on this text. No file is looked at.

        The registry's line has what is to be said of all sources of the kind.
        """
        return []

    @property
    def fingerprint(self) -> str:
        """Returns 16 hex digits: a hash of all that the source brings into the names of runs."""
        return digest([self.facts(), self.pinned()])

    @abstractmethod
    def documents(self, reading: Reading | None = None) -> Iterator[Row]:
        """Yields the rows in an order that depends on the inputs alone. Runs in a job.

        Memory does not grow with the source. The parts of a source share no row, and together
        they hold all of them.

        Args:
            reading: which part, and how much of it; None is all. Its tally is added to.

        Raises:
            MixwrightError: an input is missing or broken. One line names the file and the remedy.
        """

    @classmethod
    @abstractmethod
    def example(cls, folder: Path) -> dict[str, Any]:
        """Writes a small source under `folder` and returns its settings, for the contract tests.

        The study keeps its results in `folder`, and its domain is called `example`.
        It has two documents or more. A tokenizer that it needs is written to `folder`/tokenizer.
        """
