"""The steps of cleaning: each changes or drops text, and counts what it did.

A step is one class here, one line in `STEPS` and one name in `text_settings.STEPS`, whose order is
the order in which they run. No step runs that the study does not list.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

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
    marks_shared = True

    def __init__(self, settings: TextSettings, known: Known) -> None:
        super().__init__(settings, known)
        self._table = LineTable()
        self._drops_shared = "decontaminate" in settings.clean

    def batch(self, documents: Sequence[Candidate], counts: Report) -> Sequence[Candidate]:
        lines = [long_lines(document.text, self.settings.min_line) for document in documents]
        known, unsure = self._looked_up(lines)
        texts = [document.text for document in documents]
        shared = np.zeros(len(documents), bool)
        plans: dict[int, list[bool]] = {}
        due = set(range(len(documents)))
        # Which lines go rests on which documents go, and that on their texts without the lines.
        # Each turn settles the first document that was not; most often the first settles all.
        while True:
            next_plans, new = self._plan(lines, known, unsure, shared & self._drops_shared)
            for number in next_plans.keys() | plans.keys():
                plan = next_plans.get(number)
                if plan != plans.get(number):
                    texts[number] = self._without(documents[number].text, plan)
                    due.add(number)
            plans = next_plans
            numbers = sorted(due)
            marks = shared.copy()
            marks[numbers] = self.known.shared([texts[number] for number in numbers])
            if np.array_equal(marks, shared):
                break
            shared = marks
            due = set()
        self._table.add(np.frombuffer(b"".join(new), np.uint64))
        for number, plan in plans.items():
            _count_lines(documents[number], texts[number], plan, counts)
        for document, is_shared in zip(documents, shared.tolist(), strict=True):
            document.shared = is_shared
        return [document for document in documents if document.text]

    def _looked_up(self, lines: list[list[bytes]]) -> tuple[list[list[bool]], list[bool]]:
        """Returns for each line whether it stood in an earlier batch, and which documents have such
        lines, or lines that stand in this batch twice.
        """
        ends = np.cumsum([0, *map(len, lines)])
        hashes = np.frombuffer(b"".join(chain.from_iterable(lines)), np.uint64)
        before = self._table.has(hashes)
        _, which, times = np.unique(hashes, return_inverse=True, return_counts=True)
        repeats = np.concatenate([[0], np.cumsum(before | (times[which] > 1))])
        unsure = repeats[ends[1:]] > repeats[ends[:-1]]
        known = [part.tolist() for part in np.split(before, ends[1:-1])]
        return known, unsure.tolist()

    def _plan(
        self,
        lines: list[list[bytes]],
        known: list[list[bool]],
        unsure: list[bool],
        gone: NDArray[np.bool_],
    ) -> tuple[dict[int, list[bool]], list[bytes]]:
        """Returns for each document that loses lines which of them go, and all new lines.

        Args:
            lines: the hashes of each document's long lines.
            known: which of them stood in an earlier batch.
            unsure: for each document, whether there can be repeats among its lines.
            gone: for each document, whether a later step drops it, and its lines have no say.
        """
        plans = {}
        fresh: list[bytes] = []
        repeating: dict[bytes, None] = {}
        for number, listed in enumerate(lines):
            if not unsure[number]:
                if not gone[number]:
                    fresh += listed
                continue
            here: dict[bytes, None] = {}
            dropped = []
            for line, is_known in zip(listed, known[number], strict=True):
                again = is_known or line in repeating or line in here
                dropped.append(again)
                if not again:
                    here[line] = None
            if any(dropped):
                plans[number] = dropped
            if not gone[number]:
                repeating.update(here)
        return plans, [*fresh, *repeating]

    def _without(self, text: str, plan: list[bool] | None) -> str:
        """A text without the lines of a plan; None leaves it as it is."""
        if plan is None:
            return text
        return without_lines(text, self.settings.min_line, plan)


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


def _count_lines(document: Candidate, text: str, dropped: list[bool], counts: Report) -> None:
    """Gives a document its text without repeated lines, and counts these."""
    size = document.size
    document.text = text
    document.raw = text.encode()
    counts["repeated_lines"] += sum(dropped)
    counts["bytes_repeated_lines"] += size - document.size


def count_shared(document: Candidate, counts: Report) -> None:
    """Counts a document that shares an n-gram with a target."""
    counts["contaminated"] += 1
    counts["bytes_contaminated"] += document.size
