"""Copies across the parts of a domain: documents of a part that an earlier part has, too."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.cleaning import Document
from mixwright.corpus.documents import iter_columns, iter_documents, read_counts
from mixwright.corpus.steps import Report

# Columns of a part's file: what tells a copy, and whether a target has a passage of it.
HASH, SHARED = "hash", "shared"


class WithoutCopies:
    """The documents of a part, each text once a domain: what an earlier part has is left out.

    Two texts are the same where their hashes of 64 bits are. In memory are the hashes of this
    part, and some of one earlier part at a time.
    """

    def __init__(self, documents: str | Path, earlier: Sequence[str | Path] = ()) -> None:
        """Looks for the copies.

        Args:
            documents: the part's file, which `write_part` wrote.
            earlier: those of the earlier parts of its domain; none where copies stay.

        Raises:
            MixwrightError: a file is missing or broken, or older than its column of hashes.
        """
        self._path = documents
        self._copies: NDArray[np.bool_] | None = None
        # how much what was left out changes the counts
        self._change: Report = {}
        if earlier:
            hashes = np.concatenate([np.zeros(0, np.uint64), *iter_columns(documents, HASH)])
            self._copies = np.zeros(len(hashes), bool)
            for path in earlier:
                _mark(hashes, path, self._copies)

    @property
    def counts(self) -> Report:
        """What cleaning counted, and what was left out since then, which is then no document."""
        counts = read_counts(self._path)
        for key, change in self._change.items():
            counts[key] = counts.get(key, 0) + change
        return counts

    def __iter__(self) -> Iterator[Document]:
        """Yields the documents in stored order, and counts those that are left out; once."""
        documents = iter_documents(self._path)
        if self._copies is None or not self._copies.any():
            yield from documents
            return
        shared = (flag for flags in iter_columns(self._path, SHARED) for flag in flags.tolist())
        for document, is_copy, is_shared in zip(documents, self._copies, shared, strict=True):
            if is_copy:
                self._leave_out(document, is_shared)
            else:
                yield document

    def _leave_out(self, document: Document, is_shared: bool) -> None:
        """Counts a copy."""
        size = len(document.text.encode())
        self._count("duplicates", 1, size)
        self._count("documents", -1)
        self._count("bytes", -size)
        if document.split == "train":
            self._count("train_characters", -len(document.text))
        if is_shared:
            # These are the documents that are trained on in spite of it: no step dropped them.
            self._count("contaminated", -1, -size)

    def _count(self, key: str, change: int, size: int | None = None) -> None:
        """Changes a count, and that of its bytes where they are counted."""
        self._change[key] = self._change.get(key, 0) + change
        if size is not None:
            self._count(f"bytes_{key}", size)


def _mark(hashes: NDArray[np.uint64], earlier: str | Path, copies: NDArray[np.bool_]) -> None:
    """Marks the hashes that stand in an earlier part. Both parts are in the order of their hashes.

    Args:
        hashes: (documents,) of the part, ascending.
        earlier: the file of the earlier part.
        copies: (documents,) where they are marked.
    """
    for block in iter_columns(earlier, HASH):
        low = np.searchsorted(hashes, block[0])
        high = np.searchsorted(hashes, block[-1], side="right")
        within = hashes[low:high]
        # None of them is above the last of the block.
        copies[low:high] |= block[np.searchsorted(block, within)] == within
