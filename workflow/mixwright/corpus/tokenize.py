"""From documents to token shards: the stages that write what shards.py reads."""

import hashlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.cleaning import Document
from mixwright.corpus.documents import read_counts, read_texts
from mixwright.corpus.shards import Examples
from mixwright.corpus.tokenizer import lost_characters, mask_id, unknown_id
from mixwright.errors import MixwrightError
from mixwright.files import sha256, write_json, written
from mixwright.sources.tokenizer_folder import open_tokenizer, vocabulary_size

if TYPE_CHECKING:
    from tokenizers import Tokenizer

log = logging.getLogger(__name__)

# Over these shares of tokens that stand for text that the tokenizer does not know, a report warns
# and tokenizing ends.
UNKNOWN = 0.01
MOST_UNKNOWN = 0.5
# Documents encoded at a time.
BATCH = 256
# Tokens of a validation example: a document gives several examples, so that a few thousand tokens
# come from every part of the split.
PIECE = 512


def tokenize_domain(
    name: str,
    documents: str | Path,
    tokenizer: str | Path,
    to: str | Path,
    context: int | None = None,
) -> dict[str, Any]:
    """Writes the folder `shards/<domain>` and returns its manifest.

    Args:
        name: the domain.
        documents: its file of documents.
        tokenizer: folder of the tokenizer.
        to: the folder to write.
        context: training tokens that the domain must exceed, one sequence; None for no limit.

    Raises:
        MixwrightError: the domain has too few training tokens, or no validation token, or the
            tokenizer does not know its text.
    """
    encoder, end = open_tokenizer(tokenizer)
    vocabulary = vocabulary_size(encoder)
    rows = read_texts(documents)
    texts: dict[str, list[str]] = {"train": [], "validation": []}
    for row in rows:
        if row.split in texts:
            texts[row.split].append(row.text)
    dtype = np.dtype("uint16" if vocabulary <= 65_535 else "uint32")
    stream = _stream(encoder, texts["train"], end, dtype)
    validation = _pieces(encoder, texts["validation"], end)
    _check_size(name, stream, validation, context)
    unknown = unknown_share(encoder, stream, texts["train"], end, len(texts["train"]))
    check_unknown(name, unknown, tokenizer)
    with written(to) as temporary:
        temporary.mkdir()
        stream.tofile(temporary / "train.bin")
        validation.save(temporary / "validation.npz")
        unigram = np.bincount(stream, minlength=vocabulary)
        np.save(temporary / "unigram.npy", unigram.astype(np.int64))
        scored_tokens = int(validation.scored_tokens.sum())
        manifest: dict[str, Any] = {
            "domain": name,
            "dtype": stream.dtype.name,
            "vocabulary": vocabulary,
            "end_token": end,
            "mask_token": mask_id(tokenizer, encoder),
            "tokenizer_sha256": sha256(Path(tokenizer) / "tokenizer.json"),
            "source_fingerprint": fingerprint(rows),
            "unknown": unknown,
            "cleaning": read_counts(documents),
            "splits": {
                "train": _counts(len(stream), texts["train"], temporary / "train.bin"),
                "validation": _counts(
                    scored_tokens, texts["validation"], temporary / "validation.npz"
                ),
            },
        }
        write_json(temporary / "manifest.json", manifest)
    return manifest


def tokenize_target(
    name: str, documents: str | Path, tokenizer: str | Path, to: str | Path
) -> None:
    """Writes `targets/<target>.npz`: every document an example, its context before what is scored.

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
    texts = [row.context + row.text for row in rows]
    unknown = unknown_share(encoder, examples.tokens, texts, end, len(examples))
    check_unknown(name, unknown, tokenizer)
    examples.save(to, {"unknown": unknown, "cleaning": read_counts(documents)})


def unknown_share(
    encoder: "Tokenizer", tokens: NDArray[Any], texts: Sequence[str], end: int, ends: int
) -> float:
    """Returns the share of a text that its tokenizer does not know.

    It is that of the tokens for the unknown, or, of a tokenizer that drops what it does not know,
    of the characters dropped.

    Args:
        encoder: the tokenizer.
        tokens: (tokens,) of all texts, end tokens among them.
        texts: the texts.
        end: id of the end token.
        ends: end tokens that were put between the texts; they are not counted.
    """
    number = unknown_id(encoder)
    if number is not None:
        unknown = int(np.count_nonzero(tokens == number))
        if number == end:
            unknown -= ends
        return unknown / max(len(tokens) - ends, 1)
    lost = lost_characters(encoder)
    if lost is None:
        return 0.0
    missing = 0
    total = 0
    for text in texts:
        of_text, characters = lost.count(text)
        missing += of_text
        total += characters
    return missing / max(total, 1)


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


def fingerprint(documents: Sequence[Document]) -> str:
    """Returns the SHA-256 of the documents' texts and splits in their order.

    The same text gives it whatever file it came in.
    """
    total = hashlib.sha256()
    for document in documents:
        for part in (document.split, document.context, document.text):
            total.update(part.encode() + b"\0")
    return total.hexdigest()


def _check_size(name: str, stream: NDArray[Any], validation: Examples, context: int | None) -> None:
    """Refuses a domain with too few tokens."""
    if context is not None and len(stream) <= context:
        raise MixwrightError(
            f"{name}: {len(stream)} training tokens, under one sequence of {context};"
            " give the domain more text or shorten the context"
        )
    if not len(validation):
        raise MixwrightError(
            f"{name}: not one validation token;"
            " give the domain more text or raise corpus.validation_share"
        )


def _counts(tokens: int, texts: Sequence[str], file: Path) -> Mapping[str, Any]:
    """What the manifest says of a split."""
    return {
        "tokens": tokens,
        "bytes": sum(len(text.encode()) for text in texts),
        "documents": len(texts),
        "sha256": sha256(file),
    }


def _encoded(encoder: "Tokenizer", texts: Sequence[str]) -> Iterator[list[int]]:
    """Token ids of each text, nothing put around it."""
    for start in range(0, len(texts), BATCH):
        batch = list(texts[start : start + BATCH])
        try:
            encodings = encoder.encode_batch_fast(batch, add_special_tokens=False)
        except Exception as error:
            # The Rust library raises nothing narrower.
            raise MixwrightError(
                f"the tokenizer of tokenizer.folder cannot encode the text ({error}); give it an"
                " unk_token that is in its vocabulary, or leave tokenizer.folder out and one is"
                " trained"
            ) from None
        for encoding in encodings:
            yield encoding.ids


def _stream(
    encoder: "Tokenizer", texts: Sequence[str], end: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """(tokens,) all texts, the end token after each."""
    pieces = [np.zeros(0, dtype)]
    for ids in _encoded(encoder, texts):
        pieces.append(np.array([*ids, end], dtype))
    return np.concatenate(pieces)


def _examples(encoder: "Tokenizer", rows: Sequence[Document], end: int) -> Examples:
    """Context and text are encoded apart, so that the scored tokens are the scored bytes."""
    contexts = _encoded(encoder, [row.context for row in rows])
    texts = _encoded(encoder, [row.text for row in rows])
    sizes = (len(row.text.encode()) for row in rows)
    return Examples.of(zip(contexts, texts, sizes, strict=True), end)


def _pieces(encoder: "Tokenizer", texts: Sequence[str], end: int) -> Examples:
    """The first pieces of all texts, then the second ones, and so on.

    Bytes are in proportion to tokens.
    """
    # (place in the text, number of the text) -> (context, token ids, bytes)
    pieces: dict[tuple[int, int], tuple[list[int], list[int], int]] = {}
    encoded = _encoded(encoder, texts)
    for number, (ids, text) in enumerate(zip(encoded, texts, strict=True)):
        bytes_per_token = len(text.encode()) / max(len(ids), 1)
        for start in range(0, len(ids), PIECE):
            piece = ids[start : start + PIECE]
            size = round(len(piece) * bytes_per_token)
            pieces[start, number] = ([], piece, size)
    ordered = [pieces[key] for key in sorted(pieces)]
    return Examples.of(ordered, end)
