"""Token ids of documents, a batch at a time: memory does not grow with the text."""

import os
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.cleaning import Document
from mixwright.corpus.tokenizer import lost_characters, unknown_id
from mixwright.errors import MixwrightError

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

# Token ids of one text.
Ids = Sequence[int] | NDArray[Any]

# Characters and documents that each thread encodes at a time, of some threads. The library takes
# some 200 bytes a token while it encodes: what a few documents take stays near the processor.
BATCH = 1 << 17
MOST = 256
MOST_THREADS = 4
# Characters of a document that are encoded at a time, where it is longer than that.
STRETCH = 1 << 18


def encoded(
    encoder: "Tokenizer", documents: Iterable[Document], without: str = ""
) -> Iterator[tuple[list[Document], Iterator[Ids]]]:
    """Yields batches of documents with the ids of their texts, nothing put around them.

    The tokens of a document that has them are taken as they are.

    Args:
        encoder: the tokenizer.
        documents: in the order in which they come out.
        without: a split whose documents come out without ids, for `token_bytes.sized` to encode.

    Raises:
        MixwrightError: the tokenizer cannot encode a text.
    """
    encodings = ((batch, _encodings(encoder, batch, without)) for batch in batches(documents))
    for batch, of_batch in _ahead(encodings):
        yield batch, _ids(encoder, batch, of_batch, without)


def ids_of(encoder: "Tokenizer", documents: Iterable[Document]) -> Iterator[Ids]:
    """Yields the ids of each document's text; arguments and errors as for `encoded`."""
    for _, ids in encoded(encoder, documents):
        yield from ids


def batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    """Yields the documents in lists of a bounded size; one document may be a longer list."""
    threads = int(os.environ.get("RAYON_NUM_THREADS") or 1)
    threads = max(1, min(threads, MOST_THREADS))
    batch: list[Document] = []
    size = 0
    for document in documents:
        batch.append(document)
        size += len(document.text)
        if document.tokens is not None:
            size += len(document.tokens)
        if size >= threads * BATCH or len(batch) >= threads * MOST:
            yield batch
            batch = []
            size = 0
    if batch:
        yield batch


def stretches(text: str) -> Iterator[str]:
    """Yields a long text in pieces, cut before white space that follows a letter.

    There a byte-level tokenizer cuts too, so that its tokens are those of the whole text. Text
    without such a place is cut where the piece is full.
    """
    start = 0
    while len(text) - start > STRETCH:
        end = _before_space(text, start + STRETCH // 2, start + STRETCH)
        yield text[start:end]
        start = end
    yield text[start:]


class Unknown:
    """Counts what a tokenizer does not know of a text.

    That is tokens for the unknown, or, of a tokenizer that drops what it does not know, the
    characters dropped.
    """

    def __init__(self, encoder: "Tokenizer", end: int) -> None:
        self.number = unknown_id(encoder)
        self.end = end
        self.lost = None
        if self.number is None:
            self.lost = lost_characters(encoder)
        # tokens or characters: those unknown, and all
        self.count = 0
        self.total = 0

    def add(self, tokens: NDArray[Any], texts: Iterable[str], ends: int) -> None:
        """Counts some texts.

        Args:
            tokens: (tokens,) of all of them, end tokens among them.
            texts: the texts.
            ends: end tokens that were put between the texts; they are not counted.
        """
        if self.number is not None:
            unknown = int(np.count_nonzero(tokens == self.number))
            if self.number == self.end:
                unknown -= ends
            self.count += unknown
            self.total += len(tokens) - ends
        elif self.lost is not None:
            for text in texts:
                missing, characters = self.lost.count(text)
                self.count += missing
                self.total += characters

    @property
    def share(self) -> float:
        """The share that is unknown; 0 where nothing can be."""
        return self.count / max(self.total, 1)


def _ahead(items: Iterator[Any]) -> Iterator[Any]:
    """The items, the next one made in a thread while one is used.

    The library lets go of Python while it encodes, so that reading and writing go on beside it.
    """
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, items, None)
        while True:
            item = following.result()
            if item is None:
                return
            following = pool.submit(next, items, None)
            yield item


def _encodings(encoder: "Tokenizer", batch: Sequence[Document], without: str) -> "list[Encoding]":
    """Encodings of the short texts of a batch; `_ids` puts the others between them."""
    texts = []
    for document in batch:
        if document.split != without and _is_short(document):
            texts.append(document.text)
    return encode(encoder, texts)


def _ids(
    encoder: "Tokenizer",
    batch: Sequence[Document],
    encodings: "Sequence[Encoding]",
    without: str,
) -> Iterator[Ids]:
    """Ids of every document of a batch."""
    if len(encodings) == len(batch):
        for encoding in encodings:
            yield encoding.ids
        return
    short = iter(encodings)
    for document in batch:
        if document.split == without:
            yield ()
        elif document.tokens is not None:
            yield np.asarray(document.tokens)
        elif _is_short(document):
            yield next(short).ids
        else:
            yield _ids_of_long(encoder, document.text)


def _is_short(document: Document) -> bool:
    return document.tokens is None and len(document.text) <= STRETCH


def _ids_of_long(encoder: "Tokenizer", text: str) -> Ids:
    """Ids of a text that is longer than a stretch, of 16 bits where they fit: they may be many."""
    ids = array("H")
    for stretch in stretches(text):
        for encoding in encode(encoder, [stretch]):
            try:
                ids.fromlist(encoding.ids)
            except OverflowError:
                ids = array("I", ids)
                ids.fromlist(encoding.ids)
    return np.frombuffer(ids, ids.typecode)


def encode(encoder: "Tokenizer", texts: list[str], with_offsets: bool = False) -> "list[Encoding]":
    """Returns the encodings of some texts, nothing put around them.

    Where in its text a token stands is known only `with_offsets`, which takes longer.

    Raises:
        MixwrightError: the tokenizer cannot encode a text.
    """
    method = encoder.encode_batch if with_offsets else encoder.encode_batch_fast
    try:
        encodings: list[Encoding] = method(texts, add_special_tokens=False)
    except Exception as error:
        # The Rust library raises nothing narrower.
        raise MixwrightError(
            f"the tokenizer of tokenizer.folder cannot encode the text ({error}); give it an"
            " unk_token that is in its vocabulary, or leave tokenizer.folder out and one is"
            " trained"
        ) from None
    return encodings


def _before_space(text: str, first: int, last: int) -> int:
    """The last place of a space or line end after a letter, from `first` to `last`; else `last`."""
    for space in " \n":
        place = text.rfind(space, first, last)
        while place > first:
            if text[place - 1].isalpha():
                return place
            place = text.rfind(space, first, place)
    return last
