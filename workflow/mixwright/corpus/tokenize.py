"""From documents to token shards: the stages that write what shards.py reads."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.cleaning import Document
from mixwright.corpus.documents import read_texts
from mixwright.corpus.shards import Examples
from mixwright.corpus.tokenizer import mask_id, open_tokenizer, vocabulary_size
from mixwright.errors import MixwrightError
from mixwright.files import write_json, written

if TYPE_CHECKING:
    from tokenizers import Tokenizer

BATCH = 256  # documents encoded at a time
PIECE = 512  # tokens: a validation document gives several examples, so that a few thousand tokens come from every part of the split


def tokenize_domain(
    name: str,
    documents: str | Path,
    tokenizer: str | Path,
    to: str | Path,
    context: int | None = None,
) -> dict[str, Any]:
    """Writes `shards/<domain>` and returns its manifest; a domain with under one sequence of `context` training tokens is refused."""
    encoder, end = open_tokenizer(tokenizer)
    vocabulary = vocabulary_size(encoder)
    rows = read_texts(documents)
    texts = {
        split: [row.text for row in rows if row.split == split] for split in ("train", "validation")
    }
    stream = _stream(
        encoder, texts["train"], end, np.dtype("uint16" if vocabulary <= 65_535 else "uint32")
    )
    if context is not None and len(stream) <= context:
        raise MixwrightError(
            f"{name}: {len(stream)} training tokens, under one sequence of {context}; give the domain more text or shorten the context"
        )
    validation = _pieces(encoder, texts["validation"], end)
    if not len(validation):
        raise MixwrightError(
            f"{name}: not one validation token; give the domain more text or raise corpus.validation_share"
        )
    with written(to) as beside:
        beside.mkdir()
        stream.tofile(beside / "train.bin")
        validation.save(beside / "validation.npz")
        np.save(beside / "unigram.npy", np.bincount(stream, minlength=vocabulary).astype(np.int64))
        counted = {
            "train": (len(stream), "train.bin"),
            "validation": (int(validation.scored_tokens.sum()), "validation.npz"),
        }
        manifest: dict[str, Any] = {
            "domain": name,
            "dtype": stream.dtype.name,
            "vocabulary": vocabulary,
            "end_token": end,
            "mask_token": mask_id(tokenizer, encoder),
            "tokenizer_sha256": _sha256(Path(tokenizer) / "tokenizer.json"),
            "source_fingerprint": fingerprint(rows),
            "splits": {
                split: {
                    "tokens": tokens,
                    "bytes": sum(len(text.encode()) for text in texts[split]),
                    "documents": len(texts[split]),
                    "sha256": _sha256(beside / file),
                }
                for split, (tokens, file) in counted.items()
            },
        }
        write_json(beside / "manifest.json", manifest)
    return manifest


def tokenize_target(
    name: str, documents: str | Path, tokenizer: str | Path, to: str | Path
) -> None:
    """Writes `targets/<target>.npz`: every document an example, its context before what is scored."""
    encoder, end = open_tokenizer(tokenizer)
    examples = _examples(encoder, read_texts(documents), end)
    if not len(examples):
        raise MixwrightError(f"{name}: not one token to score; give the target more text")
    examples.save(to)


def fingerprint(documents: Sequence[Document]) -> str:
    """SHA-256 of the documents' texts and splits in their order: the same text gives it whatever file it came in."""
    found = hashlib.sha256()
    for document in documents:
        for part in (document.split, document.context, document.text):
            found.update(part.encode() + b"\0")
    return found.hexdigest()


def _encoded(encoder: "Tokenizer", texts: Sequence[str]) -> Iterator[list[int]]:
    """Token ids of each text, nothing put around it."""
    for start in range(0, len(texts), BATCH):
        for encoding in encoder.encode_batch_fast(
            list(texts[start : start + BATCH]), add_special_tokens=False
        ):
            yield encoding.ids


def _stream(
    encoder: "Tokenizer", texts: Sequence[str], end: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    pieces = [np.array([*ids, end], dtype) for ids in _encoded(encoder, texts)]
    return np.concatenate(pieces) if pieces else np.zeros(0, dtype)


def _examples(encoder: "Tokenizer", rows: Sequence[Document], end: int) -> Examples:
    """Context and text are encoded apart, so that the scored tokens are exactly the scored bytes."""
    contexts = _encoded(encoder, [row.context for row in rows])
    texts = _encoded(encoder, [row.text for row in rows])
    sizes = (len(row.text.encode()) for row in rows)
    return Examples.of(zip(contexts, texts, sizes, strict=True), end)


def _pieces(encoder: "Tokenizer", texts: Sequence[str], end: int) -> Examples:
    """The first pieces of all texts, then the second ones, and so on; bytes are in proportion to tokens."""
    rows = []
    for place, (ids, text) in enumerate(zip(_encoded(encoder, texts), texts, strict=True)):
        bytes_per_token = len(text.encode()) / max(len(ids), 1)
        for start in range(0, len(ids), PIECE):
            piece = ids[start : start + PIECE]
            rows.append((start, place, piece, round(len(piece) * bytes_per_token)))
    return Examples.of(
        (([], piece, size) for _, _, piece, size in sorted(rows, key=lambda row: row[:2])), end
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
