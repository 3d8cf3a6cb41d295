"""What a trainer's file says, and what the trainer makes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mixwright.mixture import Array

# What a number of a file counts: shares of these units are drawn.
SEQUENCES, TOKENS, DOCUMENTS, ROWS = "sequences", "tokens", "documents", "rows"

# What can go wrong, the worst first. All but a remark make `mixwright check-mixture` exit with 1.
REFUSED = "refused"  # the trainer stops with an error before it trains
LOST = "lost"  # a source with weight is never read
ENDS = "ends"  # the training ends early, or never
CHANGED = "changed"  # other shares are read than the file seems to say
PASSES = "passes"  # a source is read more often than is likely to be meant
REMARK = "remark"
FAULTS = (REFUSED, LOST, ENDS, CHANGED, PASSES)


@dataclass(frozen=True)
class Fault:
    """Something that a user should know before the training starts."""

    # one of the words above
    kind: str
    # one sentence that names the source and the remedy
    message: str

    @property
    def sentence(self) -> str:
        """The kind and the message."""
        return f"{self.kind}: {self.message}"


@dataclass(frozen=True)
class Entry:
    """A source in a trainer's file."""

    # as the file calls it
    path: str
    # weight, share, factor, passes or count, as the format means it
    number: float
    files: tuple[str, ...] = ()
    # other keys of the entry that the trainer's arithmetic reads
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Blend:
    """What a file says of one stage of the training."""

    entries: tuple[Entry, ...]
    # keys of the file that the trainer's arithmetic reads, such as the size of a block
    settings: Mapping[str, Any] = field(default_factory=dict)
    # of the stage; empty where there is one
    name: str = ""
    # tokens of the run before the stage; 0 where the file does not say how long a sequence is
    begins: float = 0.0
    # what is wrong with the file itself, whatever is drawn by it
    faults: tuple[Fault, ...] = ()
    # sequences of the run before the stage, of trainers that count them
    sequences_before: int = 0


@dataclass(frozen=True)
class Size:
    """How much there is of a source; None where nobody knows."""

    tokens: float | None = None
    documents: float | None = None
    rows: float | None = None


@dataclass(frozen=True)
class Drawn:
    """What a trainer reads of the entries of a blend."""

    # (entries,) units of each; they may be fractions where the trainer draws at random
    units: Array
    faults: tuple[Fault, ...] = ()
    # whether the trainer draws at random: shares then scatter about these
    random: bool = False
    # units within which a trainer that does not keeps to the shares, whenever it is stopped
    resolution: float = 1.0


@dataclass(frozen=True)
class Budget:
    """How much is read in one stage, and in which pieces."""

    # training tokens; None where nobody said
    tokens: float | None = None
    # tokens of a sequence; None where nobody said
    sequence: int | None = None
    # whether rows hold one sequence each
    packed: bool = False
    # path -> how much there is
    sizes: Mapping[str, Size] = field(default_factory=dict)
