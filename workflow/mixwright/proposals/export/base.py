"""What every format promises: it writes a trainer's file, reads it, and knows what is drawn by it.

A format is one class in `trainers/`, and one line in `FORMATS`. docs/how-to/add-an-export-format.md
says what each method must do; contract tests run on every format that is listed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from mixwright.errors import MixwrightError
from mixwright.mixture import Array
from mixwright.proposals.export.blend import ROWS, SEQUENCES, Blend, Budget, Drawn, Entry
from mixwright.proposals.export.inputs.settings import Words, with_defaults
from mixwright.proposals.export.order import Order, Source
from mixwright.proposals.export.units import tokens_a_unit

# Sums of shares that are off by less are 1 but for rounding.
SUM_TO_ONE = 1e-12


@dataclass(frozen=True)
class Document:
    """What a format writes into its file."""

    # one a stage, in their order
    blends: tuple[Blend, ...]
    order: Order
    # lines that explain the numbers, for formats that have comments
    header: tuple[str, ...] = ()

    @property
    def sources(self) -> dict[str, Source]:
        """Path -> its source."""
        return {source.path: source for source in self.order.sources}


@dataclass(frozen=True)
class Format:
    """The mixture file of a trainer."""

    # its name in the registry
    name: ClassVar[str] = ""
    # the trainer, and where its rule was read: version and file
    trainer: ClassVar[str] = ""
    # what is drawn in proportion to the numbers
    unit: ClassVar[str] = SEQUENCES
    # what the numbers are, in one sentence, for the head of the file and for messages
    meaning: ClassVar[str] = ""
    # how a line of comment begins; empty: the file has none
    comment: ClassVar[str] = "# "
    # of the file that is written
    suffix: ClassVar[str] = ".yaml"
    # setting -> its value where the user names none: forms of the file, keys of the trainer
    defaults: ClassVar[Mapping[str, Any]] = {}
    # setting -> the values that it takes, where they are few
    words: ClassVar[Words] = {}
    # whether the trainer knows mixtures by stage
    staged: ClassVar[bool] = False
    # whether the format needs the rows of every source and the tokens of the run
    counts_rows: ClassVar[bool] = False

    # every key of `defaults`, with the user's values
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, settings: Mapping[str, Any], where: str = "--settings") -> "Format":
        """Returns the format with the user's settings over the defaults.

        Args:
            settings: of the user.
            where: what messages begin with.

        Raises:
            MixwrightError: a setting is unknown, or its value is none that it takes.
        """
        return cls(with_defaults(cls.name, cls.defaults, cls.words, settings, where))

    def numbers(self, order: Order, shares: Array, tokens: float | None) -> Array:
        """Returns (sources,) numbers for the file: shares of the unit, unless the trainer's differ.

        Args:
            order: the sources, with their sizes.
            shares: (sources,) of the tokens of a stage.
            tokens: of the stage; None where nobody said.

        Raises:
            MixwrightError: a size that the conversion needs is unknown.
        """
        held = self.tokens_a_unit(order)
        if (held == held[0]).all() and abs(shares.sum() - 1) < SUM_TO_ONE:
            # the digits that were asked
            return shares
        units = shares / held
        return units / units.sum()

    def unit_of(self, settings: Mapping[str, Any]) -> str:
        """Returns what is drawn: `unit`, unless a form of the file draws something else.

        Args:
            settings: of a blend, or of the format where a file is to be written.
        """
        return self.unit

    def blend_settings(self, order: Order, numbers: Array) -> Mapping[str, Any]:
        """Returns the keys of the file that the arithmetic reads, such as the size of a block."""
        return {}

    def write(self, document: Document) -> str:
        """Returns the text of the file, its header included.

        Raises:
            MixwrightError: a name or path cannot be written in this format.
        """
        raise NotImplementedError

    def read(self, text: str, where: str) -> tuple[Blend, ...]:
        """Returns what a file says, one blend a stage; also of files that others wrote.

        Args:
            text: of the file.
            where: what messages call it.

        Raises:
            MixwrightError: the text is no such file.
        """
        raise NotImplementedError

    def draw(self, blend: Blend, budget: Budget) -> Drawn:
        """Returns what the trainer reads of each entry, and what goes wrong.

        Args:
            blend: a stage of a file.
            budget: tokens of the stage, and what there is of each source.
        """
        raise NotImplementedError

    def remedy(self, blend: Blend, lost: Sequence[str], budget: Budget) -> str:
        """Returns what keeps the sources that are `lost`: the smallest block, or how many samples.

        It is empty where nothing does.
        """
        return ""

    def tokens_a_unit(self, order: Order) -> Array:
        """Returns (sources,) tokens that a unit of each source holds, up to a common factor.

        Raises:
            MixwrightError: nobody knows them.
        """
        unit = self.unit_of(self.settings)
        values = np.ones(len(order.sources))
        for place, source in enumerate(order.sources):
            tokens = tokens_a_unit(unit, source.size, order.sequence, order.packed)
            if tokens is None:
                message = (
                    f"{self.name}: it draws {unit}, and nobody said how many tokens one of"
                    f" {source.path} holds; add `tokens:` and `{unit}:` of every source to"
                    " --sources"
                )
                if unit == ROWS:
                    message = f"{message}, or say --packed where rows are packed to one length"
                raise MixwrightError(message)
            values[place] = tokens
        return values

    def entries(self, order: Order, numbers: Array) -> tuple[Entry, ...]:
        """Returns the entries of sources whose number is above 0."""
        entries = []
        for source, number in zip(order.sources, numbers.tolist(), strict=True):
            if number > 0:
                entries.append(Entry(source.path, number, source.files))
        return tuple(entries)
