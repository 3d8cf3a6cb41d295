"""What a document is, and the documents of targets; those of domains are made in parts.py."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mixwright.corpus.answers import scored_after, with_answers
from mixwright.corpus.questions import CUT, QUESTION_COUNTS, Answers, answers_of
from mixwright.corpus.steps import Report
from mixwright.corpus.text_settings import TextSettings
from mixwright.corpus.texts import content_hash, is_altered, plain
from mixwright.errors import MixwrightError
from mixwright.sources.text import cut

# What is counted of a target's rows; `bytes_` is how many bytes of UTF-8 that was.
TARGET_COUNTS = ("read", "empty", "altered", "cut", "duplicates", "bytes_read", "bytes_cut")


@dataclass(frozen=True)
class Document:
    """One cleaned text."""

    # train, validation or target
    split: str
    # what is trained on, or scored
    text: str
    # what stands before it and is not scored
    context: str = ""
    # (tokens,) ids where the source has tokens, without an end token
    tokens: NDArray[np.uint32] | None = field(default=None, compare=False)
    # of a question whose right answer is chosen among several
    answers: Answers | None = field(default=None, compare=False)


def clean_target(
    name: str,
    rows: Iterable[Mapping[str, Any]],
    settings: TextSettings,
    target_bytes: int,
    gold_is: str | None = None,
) -> tuple[list[Document], Report]:
    """Returns the documents of a target without repeats, and counts.

    Args:
        name: the target, for messages.
        rows: its raw rows (see `split_query`).
        settings: only `max_document_bytes` has a say; targets are always plain text.
        target_bytes: UTF-8 bytes of the documents at most, contexts included.
        gold_is: how the rows name the right answer (see `mixwright.corpus.answers`).

    Returns:
        Documents ordered by content hash, up to `target_bytes`, and the counts.

    Raises:
        MixwrightError: no row has text.
    """
    documents: dict[bytes, Document] = {}
    report = dict.fromkeys((*TARGET_COUNTS, *QUESTION_COUNTS), 0)
    for row in _with_answers(rows, name, gold_is):
        report["read"] += 1
        context, whole = split_query(row)
        text = whole
        if settings.max_document_bytes is not None:
            text = cut(whole, settings.max_document_bytes)
        report["altered"] += is_altered(row.get("text"))
        report["bytes_read"] += len(whole.encode())
        if len(text) < len(whole):
            report["cut"] += 1
            report["bytes_cut"] += len(whole.encode()) - len(text.encode())
        if not text.strip():
            report["empty"] += 1
            continue
        answers = answers_of(row, whole, report)
        if answers and text != whole:
            report[CUT] += 1
            answers = None
        key = content_hash(context + text)
        if key in documents:
            report["duplicates"] += 1
        documents.setdefault(key, Document("target", text, context, answers=answers))
    if not documents:
        raise MixwrightError(
            f"{name}: no text in its {report['read']} rows; give the target a source with text,"
            " and questions with answers (published test splits hide them)"
        )
    ordered = [documents[key] for key in sorted(documents)]
    first, size = _up_to(target_bytes, ordered)
    report["over_cap"] = len(ordered) - len(first)
    report["questions"] = sum(document.answers is not None for document in first)
    return first, report | {"documents": len(first), "bytes": size}


def _with_answers(
    rows: Iterable[Mapping[str, Any]], name: str, gold_is: str | None
) -> Iterator[Mapping[str, Any]]:
    """The rows of a target; those of questions come with their answers, all read at once."""
    iterator = iter(rows)
    for row in iterator:
        if "query" in row:
            yield from with_answers(chain([row], iterator), name, gold_is)
            return
        yield row


def split_query(row: Mapping[str, Any]) -> tuple[str, str]:
    """Returns (context, scored text) of a target's row.

    What follows the query's last occurrence in the text is scored. Where the text does not hold
    the query, the answer is scored, after the query (see `mixwright.corpus.answers`). A row
    without a query is all scored. A space between the two belongs to the scored text, because
    byte-level tokenizers join it to the word after it.
    """
    text = plain(row.get("text") or "")
    query = plain(row.get("query") or "")
    if not query:
        return "", text
    context, scored = scored_after(text, query)
    if not scored:
        context = query + "\n"
        scored = plain(row.get("answer") or "")
    bare = context.rstrip(" ")
    return bare, context[len(bare) :] + scored


def _up_to(limit: int, documents: Iterable[Document]) -> tuple[list[Document], int]:
    """The first documents until they have `limit` bytes, and their bytes."""
    first: list[Document] = []
    size = 0
    for document in documents:
        if size >= limit:
            break
        first.append(document)
        size += len((document.context + document.text).encode())
    return first, size
