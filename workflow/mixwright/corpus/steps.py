"""The steps of cleaning: each changes or drops text, and counts what it did.

A step is one class here, one line in `STEPS` and one name in `text_settings.STEPS`, whose order is
the order in which they run. No step runs that the study does not list.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.lines import Lines, LineTable, long_lines, without_lines
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
    # the text in UTF-8
    raw: bytes
    # ids of 32 bits, where the source has tokens
    tokens: bytes | None = None
    # whether it shares an n-gram with a target
    shared: bool = False

    @property
    def size(self) -> int:
        """UTF-8 bytes of the text."""
        return len(self.raw)


class Step:
    """Changes or drops text: row by row as it is read, or by batches in the documents' order."""

    # as a study lists it
    name = ""
    # Whether a document may come out with other text, which tokens would not know of.
    changes_text = False
    # Whether a document may go, or lose text, once it has its place in the order.
    drops_text = False
    # Whether it looks at `Candidate.shared`, and whether it sets it.
    needs_shared = False
    marks_shared = False

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
    """A text once: equal hashes stand one after another, and the first to come stays.

    That is once a part. Copies of what an earlier part has go as a part is tokenized (copies.py).
    """

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
    marks_shared = True

    def __init__(self, settings: TextSettings, known: Known) -> None:
        super().__init__(settings, known)
        self._table = LineTable()
        self._drops_shared = "decontaminate" in settings.clean

    def batch(self, documents: Sequence[Candidate], counts: Report) -> Sequence[Candidate]:
        texts = [document.text for document in documents]
        lines = long_lines(texts, self.settings.min_line)
        known = self._table.has(lines.hashes)
        again = Repeats(lines, known)
        shared = np.zeros(len(documents), bool)
        gone = np.zeros(len(lines.hashes), bool)
        due = np.arange(len(documents))
        # Which lines go rests on which documents go, and that on their texts without the lines.
        # Each turn settles the first document that was not; most often the first settles all.
        while True:
            before = gone
            staying = ~(shared & self._drops_shared)
            gone = again.with_documents(staying)
            changed = gone != before
            due = np.union1d(due, lines.numbers[changed])
            for number in due.tolist():
                text = documents[number].text
                texts[number] = _without(text, number, lines, gone)
            looked_at = [texts[number] for number in due.tolist()]
            marks = shared.copy()
            marks[due] = self.known.shared(looked_at)
            if np.array_equal(marks, shared):
                break
            shared = marks
            due = np.zeros(0, np.int64)
        new = staying[lines.numbers] & ~gone
        self._table.add(lines.hashes[new])
        counts["repeated_lines"] += int(gone.sum())
        shorter = np.unique(lines.numbers[gone])
        for number in shorter.tolist():
            _change(documents[number], texts[number], counts)
        for document, is_shared in zip(documents, shared.tolist(), strict=True):
            document.shared = is_shared
        return [document for document in documents if document.text]


class Repeats:
    """Which long lines of a batch stood before, in the part or in the batch."""

    def __init__(self, lines: Lines, known: NDArray[np.bool_]) -> None:
        """Takes the lines, and for each whether it stood in an earlier batch."""
        self._numbers = lines.numbers
        distinct, which = np.unique(lines.hashes, return_inverse=True)
        self._distinct = len(distinct)
        self._which = which
        # Equal lines in a row, in their order.
        order = np.argsort(which, kind="stable")
        equal = which[order]
        numbers = lines.numbers[order]
        same = equal[1:] == equal[:-1]
        same &= numbers[1:] == numbers[:-1]
        self._sure = known.copy()
        self._sure[order[1:][same]] = True

    def with_documents(self, staying: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Returns for each line whether it goes, where of other documents these alone have a say.

        Args:
            staying: (documents,) of the batch.
        """
        places = np.arange(len(self._which))
        having = places[staying[self._numbers]]
        # Of several, the last one to be written is the first line.
        having = having[::-1]
        first = np.full(self._distinct, len(places))
        first[self._which[having]] = having
        earlier = first[self._which] < places
        return self._sure | earlier


def _without(text: str, number: int, lines: Lines, gone: NDArray[np.bool_]) -> str:
    """The text of a document without the lines that go."""
    first, last = np.searchsorted(lines.numbers, [number, number + 1])
    some = slice(first, last)
    going = gone[some]
    if not going.any():
        return text
    starts = lines.starts[some][going]
    ends = lines.ends[some][going]
    return without_lines(text, starts.tolist(), ends.tolist())


class MarkShared(Step):
    """Marks what shares an n-gram with a target, where no other step does; it is not listed."""

    marks_shared = True

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


def steps_of(settings: TextSettings, known: Known) -> list[Step]:
    """Returns the steps of one part, in the order in which they run."""
    steps = [STEPS[name](settings, known) for name in settings.clean]
    if not any(step.marks_shared for step in steps):
        place = sum(not step.needs_shared for step in steps)
        steps.insert(place, MarkShared(settings, known))
    return steps


def _change(document: Candidate, text: str, counts: Report) -> None:
    """Gives a document its text without repeated lines, and counts their bytes."""
    size = document.size
    document.text = text
    document.raw = text.encode()
    counts["bytes_repeated_lines"] += size - document.size


def count_shared(document: Candidate, counts: Report) -> None:
    """Counts a document that shares an n-gram with a target."""
    counts["contaminated"] += 1
    counts["bytes_contaminated"] += document.size
