"""From documents to tokens: the stages that write the parts of a domain, and the targets."""

import hashlib
import logging
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.choices import Choices
from mixwright.corpus.cleaning import Document
from mixwright.corpus.copies import WithoutCopies
from mixwright.corpus.documents import read_counts, read_texts
from mixwright.corpus.encoding import Ids, Unknown, encoded, ids_of
from mixwright.corpus.questions import WITHOUT_TOKEN, Answers
from mixwright.corpus.shards import Examples, Ints
from mixwright.corpus.token_bytes import sized
from mixwright.corpus.tokenizer import mask_id
from mixwright.errors import MixwrightError
from mixwright.files import sha256, write_json, written
from mixwright.progress import TextPace, say
from mixwright.sources.tokens.tokenizer_folder import open_tokenizer, vocabulary_size

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)

# Over these shares of tokens that stand for text that the tokenizer does not know, a report warns
# and the study ends.
UNKNOWN = 0.01
MOST_UNKNOWN = 0.5
# Tokens or characters of a long document that are counted at a time.
BLOCK = 1 << 20
# Tokens of a document that are written by themselves: no copy of so many is made.
LONG = 1 << 22


def tokenize_part(
    domain: str,
    documents: str | Path,
    tokenizer: str | Path,
    to: str | Path,
    earlier: Sequence[str | Path] = (),
) -> dict[str, Any]:
    """Writes the tokens of a part of a domain and returns their manifest.

    Memory does not grow with the part. A part may be empty: `join_parts` looks at the domain.

    Args:
        domain: the domain.
        documents: the part's file of documents.
        tokenizer: folder of the tokenizer.
        to: the folder to write: train.bin, validation.npz, unigram.npy, manifest.json.
        earlier: files of documents of earlier parts: what stands there too is left out, and
            counted as `duplicates`.

    Raises:
        MixwrightError: the tokenizer cannot encode the text, or lacks a token of a token file.
    """
    encoder, end = open_tokenizer(tokenizer)
    vocabulary = vocabulary_size(encoder)
    part = _Part(domain, tokenizer, end, vocabulary, Unknown(encoder, end))
    distinct = WithoutCopies(documents, earlier)
    with written(to) as temporary:
        temporary.mkdir()
        pace = TextPace(say, f"{domain}: tokenized", distinct.counts.get("bytes"))
        with (temporary / "train.bin").open("wb") as file:
            for batch, ids in encoded(encoder, distinct, without="validation"):
                part.add(batch, ids, file)
                part.hold_out(sized(encoder, _of_split("validation", batch)))
                for document in batch:
                    pace.add(len(document.text.encode()))
        validation = Examples.of(part.validation, end)
        validation.save(temporary / "validation.npz")
        np.save(temporary / "unigram.npy", part.unigram)
        train = part.counts("train") | {"sha256": part.train_hash.hexdigest()}
        validation_hash = sha256(temporary / "validation.npz")
        held_out = part.counts("validation") | {"sha256": validation_hash}
        manifest: dict[str, Any] = {
            "domain": domain,
            "dtype": part.dtype.name,
            "vocabulary": vocabulary,
            "end_token": end,
            "mask_token": mask_id(tokenizer, encoder),
            "tokenizer_sha256": sha256(Path(tokenizer) / "tokenizer.json"),
            "source_fingerprint": part.fingerprint.hexdigest(),
            "unknown": {"count": part.unknown.count, "total": part.unknown.total},
            "cleaning": distinct.counts,
            "splits": {"train": train, "validation": held_out},
        }
        write_json(temporary / "manifest.json", manifest)
    return manifest


def tokenize_target(
    name: str, documents: str | Path, tokenizer: str | Path, to: str | Path
) -> None:
    """Writes `targets/<target>.npz`: every document an example, its context before what is scored.

    Of questions all answers are written too (`corpus.choices.Choices`).

    Args:
        name: the target, for messages.
        documents: its file of documents.
        tokenizer: folder of the tokenizer.
        to: the file to write.

    Raises:
        MixwrightError: there is no token to score, or the tokenizer does not know the text.
    """
    encoder, end = open_tokenizer(tokenizer)
    rows = read_texts(documents)
    examples = _examples(encoder, rows, end)
    if not len(examples):
        raise MixwrightError(f"{name}: not one token to score; give the target more text")
    unknown = Unknown(encoder, end)
    texts = (row.context + row.text for row in rows)
    unknown.add(examples.tokens, texts, len(examples))
    check_unknown(name, unknown.share, tokenizer)
    choices, unscored = choices_of(encoder, rows, end)
    counts = read_counts(documents) | {WITHOUT_TOKEN: unscored}
    counts["questions"] = len(choices) if choices else 0
    with written(to) as temporary:
        examples.save(temporary, {"unknown": unknown.share, "cleaning": counts})
        if choices:
            choices.add_to(temporary)


def check_unknown(name: str, share: float, tokenizer: str | Path) -> None:
    """Refuses a text that its tokenizer does not know, and logs a share that is worth a word."""
    words = f"{name}: {share:.1%} of its text is unknown to the tokenizer in {tokenizer}"
    if share > MOST_UNKNOWN:
        raise MixwrightError(
            f"{words}; name a tokenizer.folder that knows it (byte-level ones know all text),"
            " or leave tokenizer.folder out and one is trained"
        )
    if share > UNKNOWN:
        log.warning("%s: losses and bits per byte leave that out", words)


@dataclass(eq=False)
class _Part:
    """What has been tokenized of a part so far."""

    domain: str
    tokenizer: str | Path
    end: int
    vocabulary: int
    unknown: Unknown
    # No context, ids, and the bytes of each token, of the documents that are held out: few,
    # whatever the domain's size.
    validation: list[tuple[Ids, Ids, Ints]] = field(default_factory=list)
    # of the training split
    tokens: int = 0
    text_bytes: int = 0
    documents: int = 0
    train_hash: Any = field(default_factory=hashlib.sha256)
    # of the documents' texts and splits in their order, whatever file they came in
    fingerprint: Any = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self.dtype = np.dtype("uint16" if self.vocabulary <= 65_535 else "uint32")
        self.unigram = np.zeros(self.vocabulary, np.int64)

    def add(self, batch: Sequence[Document], ids: Iterable[Ids], file: IO[bytes]) -> None:
        """Adds documents with their ids; those to train on are appended to a file."""
        stream = array(self.dtype.char)
        texts: list[str] = []
        for document, of_document in zip(batch, ids, strict=True):
            if document.tokens is not None:
                self._check_known(document.tokens)
                of_document = np.asarray(of_document, self.dtype)
            if document.split == "train" and len(of_document) > LONG:
                self._write(stream, texts, file)
                self._write(of_document, [document.text], file, ends=0)
                self._write([self.end], [], file, ends=1)
                stream, texts = array(self.dtype.char), []
            elif document.split == "train":
                _append(stream, of_document)
                stream.append(self.end)
                texts.append(document.text)
        self._hash(batch)
        self._write(stream, texts, file)

    def hold_out(self, documents: Iterable[tuple[Ids, Ints]]) -> None:
        """Adds documents to the validation split: the ids of each, and their bytes."""
        for ids, sizes in documents:
            self.validation.append(([], np.asarray(ids, self.dtype), sizes))

    def counts(self, split: str) -> dict[str, int]:
        """Returns the tokens, UTF-8 bytes and documents of a split."""
        if split == "train":
            return {"tokens": self.tokens, "bytes": self.text_bytes, "documents": self.documents}
        return {
            "tokens": sum(len(ids) for _, ids, _ in self.validation),
            "bytes": sum(int(sizes.sum()) for _, _, sizes in self.validation),
            "documents": len(self.validation),
        }

    def _write(
        self, ids: Ids, texts: Sequence[str], file: IO[bytes], ends: int | None = None
    ) -> None:
        """Counts the tokens of some texts and appends them to the file.

        Args:
            ids: of the texts.
            texts: none, or whole ones.
            file: where they go.
            ends: how many end tokens that were put between texts are among the ids; None: one a
                text.
        """
        # Without a copy of what is an array of this type, as the ids of a long text may be.
        tokens: NDArray[Any] = np.asarray(ids, self.dtype)
        self.tokens += len(tokens)
        self.text_bytes += sum(map(len, _in_bytes("".join(texts))))
        self.documents += len(texts)
        self.unknown.add(tokens, texts, len(texts) if ends is None else ends)
        # a count makes eight bytes of a token
        for start in range(0, len(tokens), BLOCK):
            block = tokens[start : start + BLOCK]
            self.unigram += np.bincount(block, minlength=self.vocabulary)
        self.train_hash.update(tokens)
        file.write(tokens.data)

    def _hash(self, batch: Sequence[Document]) -> None:
        """Adds documents to the fingerprint."""
        words: list[str] = []
        for document in batch:
            words += (document.split, document.context, document.text)
            if document.tokens is not None:
                self._hash_words(words)
                words = []
                self.fingerprint.update(np.asarray(document.tokens, np.int64))
        self._hash_words(words)

    def _hash_words(self, words: Sequence[str]) -> None:
        """Adds words to the fingerprint, all at once: a document may be a line."""
        for piece in _in_bytes("\0".join([*words, ""]) if words else ""):
            self.fingerprint.update(piece)

    def _check_known(self, tokens: NDArray[Any]) -> None:
        """Refuses ids of a token file that the tokenizer does not have."""
        if len(tokens) == 0:
            return
        greatest = int(tokens.max())
        if greatest >= self.vocabulary or int(tokens.min()) < 0:
            raise MixwrightError(
                f"{self.domain}: its token files hold the id {greatest}, and the tokenizer in"
                f" {self.tokenizer} has {self.vocabulary} tokens; name the tokenizer that wrote"
                " them as tokenizer.folder"
            )


def _in_bytes(text: str) -> Iterator[bytes]:
    """A text in UTF-8, a piece at a time."""
    for start in range(0, len(text), BLOCK):
        yield text[start : start + BLOCK].encode()


def _append(stream: "array[int]", ids: Ids) -> None:
    """Appends the ids of a text to a stream of the same type."""
    if isinstance(ids, list):
        stream.fromlist(ids)
    else:
        stream.frombytes(np.ascontiguousarray(ids, stream.typecode).view(np.uint8).data)


def _examples(encoder: "Tokenizer", rows: Sequence[Document], end: int) -> Examples:
    """Context and text are encoded apart, so that the scored tokens are the scored bytes."""
    contexts = sized(encoder, _contexts(rows))
    pairs = zip(contexts, sized(encoder, rows), strict=True)
    return Examples.of(map(_example, pairs), end)


def _example(pair: tuple[tuple[Ids, Ints], tuple[Ids, Ints]]) -> tuple[Ids, Ids, Ints]:
    """A row of Examples: a context and a text, each with the bytes of its tokens."""
    (context, context_bytes), (text, text_bytes) = pair
    return context, text, np.concatenate([context_bytes, text_bytes])


def choices_of(
    encoder: "Tokenizer", rows: Sequence[Document], end: int
) -> tuple[Choices | None, int]:
    """Returns the answers of the documents that are questions, and how many questions are lost.

    A question is lost where the tokenizer has no token for one of its answers. Without questions
    there are no choices.
    """
    examples = _numbers(encoder, rows)
    questions: list[tuple[Answers, int]] = []
    documents: list[Document] = []
    lost = 0
    for row, example in zip(rows, examples, strict=True):
        if row.answers is None:
            continue
        context = row.context + row.answers.lead
        of_question = [Document("target", text, context) for text in row.answers.texts]
        if example is None or None in _numbers(encoder, of_question):
            lost += 1
            continue
        questions.append((row.answers, example))
        documents += of_question
    if not questions:
        return None, lost
    choices = Choices.of(
        _examples(encoder, documents, end),
        [answers.characters for answers, _ in questions],
        [answers.right for answers, _ in questions],
        [example for _, example in questions],
    )
    return choices, lost


def _numbers(encoder: "Tokenizer", rows: Sequence[Document]) -> list[int | None]:
    """The number of each row among the examples; None where it has no token to score."""
    numbers: list[int | None] = []
    count = 0
    for ids in ids_of(encoder, rows):
        numbers.append(count if len(ids) else None)
        count += len(ids) > 0
    return numbers


def _contexts(rows: Iterable[Document]) -> Iterator[Document]:
    """The contexts of documents, as documents."""
    for row in rows:
        yield Document(row.split, row.context)


def _of_split(split: str, documents: Iterable[Document]) -> list[Document]:
    return [document for document in documents if document.split == split]
