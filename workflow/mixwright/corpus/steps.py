"""The steps of cleaning: each changes or drops text, and counts what it did.

A step is one class here, one line in `STEPS` and one name in `text_settings.STEPS`, whose order is
the order in which they run. No step runs that the study does not list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mixwright.corpus.lines import LineTable, long_lines, without_lines
from mixwright.corpus.ngrams import Known
from mixwright.corpus.text_settings import TextSettings
from mixwright.corpus.texts import is_altered, plain

# Reason -> how many rows, lines or bytes.
Report = dict[str, int]


@dataclass(slots=True)
class Candidate:
    """A document while it is cleaned."""

    # content hash of the text before lines were dropped
    key: bytes
    text: str
    # UTF-8 bytes of the text
    size: int
    # ids of 32 bits, where the source has tokens
    tokens: bytes | None = None
    # whether it shares an n-gram with a target
    shared: bool = False


class Step:
    """Changes or drops text: row by row as it is read, or by batches in the documents' order."""

    # as a study lists it
    name = ""
    # Whether a document may come out with other text, which tokens would not know of.
    changes_text = False
    # Whether a document may go, or lose text, once it has its place in the order.
    drops_text = False
    # Whether it looks at `Candidate.shared`.
    needs_shared = False

    def __init__(self, settings: TextSettings, known: Known) -> None:
        """Starts a part.

        Args:
            settings: of the domain.
            known: n-grams of the targets.
        """
        self.settings = settings
        self.known = known

    def read(self, text: str, counts: Report) -> str:
        """Returns what is taken of a row's text."""
        return text

    def batch(self, documents: Sequence[Candidate], counts: Report) -> Sequence[Candidate]:
        """Returns what is taken of the next documents, which are ordered by content hash."""
        return documents


class PlainText(Step):
    """Unix line ends, no null bytes, no empty lines at the ends nor white space at the last."""

    name = "plain-text"
    changes_text = True

    def read(self, text: str, counts: Report) -> str:
        counts["altered"] += is_altered(text)
        return plain(text).strip("\n").rstrip()


class ExactDuplicates(Step):
    """A text once a part: equal hashes stand one after another, and the first to come stays."""

    name = "exact-duplicates"
    drops_text = True

    def __init__(self, settings: TextSettings, known: Known) -> None:
        super().__init__(settings, known)
        self._last = b""

    def batch(self, documents: Sequence[Candidate], counts: Report) -> Sequence[Candidate]:
        distinct = []
        for document in documents:
            if document.key == self._last:
                counts["bytes_duplicates"] += document.size
            else:
                distinct.append(document)
            self._last = document.key
        return distinct


class RepeatedLines(Step):
    """Long lines once a part, where they come first.

    Each part of a domain starts anew: a line may stand in several parts. A document that
    decontamination drops has no say. See `LineTable` for how many lines are remembered.
    """

    name = "repeated-lines"
    changes_text = True
    drops_text = True
    needs_shared = True

    def __init__(self, settings: TextSettings, known: Known) -> None:
        super().__init__(settings, known)
        self._table = LineTable()
        self._drops_shared = "decontaminate" in settings.clean

    def batch(self, documents: Sequence[Candidate], counts: Report) -> Sequence[Candidate]:
        lines: list[bytes] = []
        ends = [0]
        for document in documents:
            lines += long_lines(document.text, self.settings.min_line)
            ends.append(len(lines))
        hashes = np.frombuffer(b"".join(lines), np.uint64)
        before = self._table.has(hashes)
        _, which, times = np.unique(hashes, return_inverse=True, return_counts=True)
        # Lines for which the order of the batch matters, and how many come before each line.
        unsure = np.concatenate([[0], np.cumsum(before | (times[which] > 1))])
        remaining: list[Candidate] = []
        # Of the documents whose lines are all new, and of the others.
        fresh: list[bytes] = []
        repeating: set[bytes] = set()
        for document, first, last in zip(documents, ends, ends[1:], strict=False):
            new = lines[first:last]
            if unsure[last] > unsure[first]:
                new = self._dropped(document, new, before[first:last].tolist(), repeating, counts)
                if not document.text:
                    continue
            remaining.append(document)
            if document.shared and self._drops_shared:
                continue
            if unsure[last] > unsure[first]:
                repeating.update(new)
            else:
                fresh += new
        self._table.add(np.frombuffer(b"".join([*fresh, *repeating]), np.uint64))
        return remaining

    def _dropped(
        self,
        document: Candidate,
        lines: list[bytes],
        before: list[bool],
        repeating: set[bytes],
        counts: Report,
    ) -> list[bytes]:
        """Drops the lines of a document that came before, and returns its new ones."""
        new: dict[bytes, None] = {}
        dropped = []
        for line, is_known in zip(lines, before, strict=True):
            again = is_known or line in repeating or line in new
            dropped.append(again)
            if not again:
                new[line] = None
        if any(dropped):
            document.text = without_lines(document.text, self.settings.min_line, dropped)
            size = len(document.text.encode())
            counts["repeated_lines"] += sum(dropped)
            counts["bytes_repeated_lines"] += document.size - size
            document.size = size
            document.shared = bool(self.known.shared([document.text])[0])
        return list(new)


class MarkShared(Step):
    """Marks what shares an n-gram with a target; it runs whether or not `decontaminate` does."""

    def batch(self, documents: Sequence[Candidate], counts: Report) -> Sequence[Candidate]:
        shared = self.known.shared([document.text for document in documents])
        for document, is_shared in zip(documents, shared.tolist(), strict=True):
            document.shared = is_shared
        return documents


class Decontaminate(Step):
    """No document that shares an n-gram with a target."""

    name = "decontaminate"
    drops_text = True
    needs_shared = True

    def batch(self, documents: Sequence[Candidate], counts: Report) -> Sequence[Candidate]:
        remaining = []
        for document in documents:
            if document.shared:
                count_shared(document, counts)
                counts["dropped_contaminated"] += 1
            else:
                remaining.append(document)
        return remaining


LISTED: tuple[type[Step], ...] = (PlainText, ExactDuplicates, RepeatedLines, Decontaminate)
STEPS = {step.name: step for step in LISTED}


def chain(settings: TextSettings, known: Known) -> list[Step]:
    """Returns the steps of one part, in the order in which they run."""
    before: list[Step] = []
    after: list[Step] = []
    for name in settings.clean:
        step = STEPS[name](settings, known)
        listed = after if step.needs_shared else before
        listed.append(step)
    return [*before, MarkShared(settings, known), *after]


def count_shared(document: Candidate, counts: Report) -> None:
    """Counts a document that shares an n-gram with a target."""
    counts["contaminated"] += 1
    counts["bytes_contaminated"] += document.size
