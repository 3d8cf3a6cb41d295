"""How many UTF-8 bytes of a text each of its tokens stands for.

The bytes of all tokens of a text are those of the text. Of tokens that share a character the first
counts all its bytes. What stands in no token, as white space may, counts with the token after it,
and at the end of the text with the last one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mixwright.corpus.cleaning import Document
from mixwright.corpus.encoding import Ids, batches, encode, stretches
from mixwright.corpus.shards import Ints

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer


def sized(encoder: "Tokenizer", documents: Iterable[Document]) -> Iterator[tuple[Ids, Ints]]:
    """Yields the ids of each document's text and the UTF-8 bytes of each.

    The tokens of a document that has them are taken as they are.

    Args:
        encoder: the tokenizer.
        documents: in the order in which they come out.

    Raises:
        MixwrightError: the tokenizer cannot encode a text.
    """
    for batch in batches(documents):
        pieces: list[str] = []
        for document in batch:
            if document.tokens is None:
                pieces += stretches(document.text)
        encodings = iter(encode(encoder, pieces, with_offsets=True))
        for document in batch:
            if document.tokens is None:
                yield _of_text(document.text, encodings)
            else:
                yield document.tokens, _of_tokens(encoder, document)


def _of_text(text: str, encodings: "Iterator[Encoding]") -> tuple[Ids, Ints]:
    """Ids of a text and their bytes, from the encodings of its stretches, which come first."""
    ids = [np.zeros(0, np.int64)]
    ends = [np.zeros(0, np.int64)]
    start = 0
    for stretch, encoding in zip(stretches(text), encodings, strict=False):
        places = _byte_places(stretch)
        last = [end for _, end in encoding.offsets]
        ids.append(np.asarray(encoding.ids, np.int64))
        ends.append(start + places[np.asarray(last, np.int64)])
        start += int(places[-1])
    return np.concatenate(ids), _between(np.concatenate(ends), start)


def _byte_places(text: str) -> Ints:
    """(characters + 1,) bytes before each character, and all of them."""
    if text.isascii():
        return np.arange(len(text) + 1)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    sizes = np.ones(len(codes), np.int64)
    # The first code points of two, three and four bytes.
    for longer in (0x80, 0x800, 0x10000):
        sizes += codes >= longer
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def _of_tokens(encoder: "Tokenizer", document: Document) -> Ints:
    """Bytes of the tokens that a document's text was decoded from.

    They are decoded again one by one; a token that ends within a character has the text that
    comes out with the next.
    """
    from tokenizers.decoders import DecodeStream

    ids: Sequence[int] = np.asarray(document.tokens).tolist()
    stream = DecodeStream(skip_special_tokens=False)
    sizes = np.zeros(len(ids), np.int64)
    first = 0
    for place, number in enumerate(ids):
        text = stream.step(encoder, number)
        if text is not None:
            sizes[first] = len(text.encode())
            first = place + 1
    return _between(np.cumsum(sizes), len(document.text.encode()))


def _between(ends: Ints, total: int) -> Ints:
    """(tokens,) bytes of tokens that end at these bytes of a text; the last one has the rest."""
    if not len(ends):
        return ends
    reached = np.maximum.accumulate(np.minimum(ends, total))
    reached[-1] = total
    return np.diff(reached, prepend=0)
