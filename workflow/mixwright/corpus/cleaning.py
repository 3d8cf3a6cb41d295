"""From raw rows to documents: cut, without repeats, and without the targets' text.

Order and split depend on the text alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from typing import Any

from mixwright.corpus.answers import scored_after, with_answers
from mixwright.corpus.ngrams import Hashes, shares
from mixwright.errors import MixwrightError
from mixwright.sources.text import cut

# Reason -> how many rows, lines or bytes.
Report = dict[str, int]
# What is counted of a domain's rows, and of a target's. `bytes_` is how many bytes of UTF-8 that
# was; `altered` are texts with characters that no text of UTF-8 has, which were replaced.
DOMAIN_COUNTS = (
    "read",
    "empty",
    "altered",
    "cut",
    "duplicates",
    "repeated_lines",
    "contaminated",
    "over_cap",
    "documents",
    "bytes",
    "bytes_read",
    "bytes_cut",
    "bytes_duplicates",
    "bytes_repeated_lines",
    "bytes_contaminated",
    "bytes_over_cap",
)
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
    # (tokens,) its ids, of token files
    tokens: Any = None


def clean_domain(
    name: str, rows: Iterable[Mapping[str, Any]], known: Hashes, settings: Mapping[str, Any]
) -> tuple[list[Document], Report]:
    """Returns the documents of a domain, and counts of what was left out and why.

    The split follows from the hash of the text, so that one text is in one split in every domain.

    Args:
        name: the domain, for messages.
        rows: its raw rows, with the key `text`.
        known: n-grams of the targets; a document that shares one is left out.
        settings: the config's section `corpus`.

    Returns:
        Documents ordered by content hash, up to `max_bytes`, and the counts.

    Raises:
        MixwrightError: under two documents are left.
    """
    limit = int(settings["max_bytes"])
    n = int(settings["ngram"])
    min_line = int(settings["min_line"])
    texts = (row["text"] for row in rows)
    distinct, report = _distinct(texts, int(settings["max_document_bytes"]))
    documents: dict[bytes, str] = {}
    lines: set[bytes] = set()
    for key in sorted(distinct):
        whole = distinct[key]
        size = len(whole.encode())
        if report["bytes"] >= limit:
            report["over_cap"] += 1
            report["bytes_over_cap"] += size
            continue
        text, fresh, dropped = _without_repeats(whole, lines, min_line)
        left = size
        if dropped:
            left = len(text.encode())
        report["repeated_lines"] += dropped
        report["bytes_repeated_lines"] += size - left
        if not text:
            continue
        if shares(text, known, n):
            report["contaminated"] += 1
            report["bytes_contaminated"] += left
            continue
        lines |= fresh
        documents[key] = text
        report["bytes"] += left
    report["documents"] = len(documents)
    splits = _splits(name, list(documents), float(settings["validation_share"]), report)
    return [Document(splits[key], text) for key, text in documents.items()], report


def clean_target(
    name: str,
    rows: Iterable[Mapping[str, Any]],
    settings: Mapping[str, Any],
    gold_is: str | None = None,
) -> tuple[list[Document], Report]:
    """Returns the documents of a target without repeats, and counts.

    Args:
        name: the target, for messages.
        rows: its raw rows (see `split_query`).
        settings: the config's section `corpus`.
        gold_is: how the rows name the right answer (see `mixwright.corpus.answers`).

    Returns:
        Documents ordered by content hash, up to `target_bytes` (context included), and the counts.

    Raises:
        MixwrightError: no row has text.
    """
    limit = int(settings["max_document_bytes"])
    documents: dict[bytes, Document] = {}
    report = dict.fromkeys(TARGET_COUNTS, 0)
    for row in _with_answers(rows, name, gold_is):
        report["read"] += 1
        context, whole = split_query(row)
        text = cut(whole, limit)
        report["altered"] += _is_altered(row.get("text"))
        report["bytes_read"] += len(whole.encode())
        if len(text) < len(whole):
            report["cut"] += 1
            report["bytes_cut"] += len(whole.encode()) - len(text.encode())
        if not text.strip():
            report["empty"] += 1
            continue
        key = content_hash(context + text)
        if key in documents:
            report["duplicates"] += 1
        documents.setdefault(key, Document("target", text, context))
    if not documents:
        raise MixwrightError(
            f"{name}: no text in its {report['read']} rows; give the target a source with text,"
            " and questions with answers (published test splits hide them)"
        )
    ordered = [documents[key] for key in sorted(documents)]
    first, size = _up_to(int(settings["target_bytes"]), ordered)
    report["over_cap"] = len(ordered) - len(first)
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
    text = _plain(row.get("text") or "")
    query = _plain(row.get("query") or "")
    if not query:
        return "", text
    context, scored = scored_after(text, query)
    if not scored:
        context = query + "\n"
        scored = _plain(row.get("answer") or "")
    bare = context.rstrip(" ")
    return bare, context[len(bare) :] + scored


def content_hash(text: str) -> bytes:
    """Returns 16 bytes: a hash of the text with its white space normalised.

    It is the identity of a document, and its place in every order.
    """
    normalised = " ".join(text.split())
    return blake2b(normalised.encode(errors="replace"), digest_size=16).digest()


def _distinct(texts: Iterable[str | None], limit: int) -> tuple[dict[bytes, str], Report]:
    """Content hash -> the first text that has it, and counts: of the others, and still 0."""
    report = dict.fromkeys(DOMAIN_COUNTS, 0)
    distinct: dict[bytes, str] = {}
    for raw in texts:
        report["read"] += 1
        report["altered"] += _is_altered(raw)
        whole = _plain(raw or "").strip("\n").rstrip()
        text = cut(whole, limit)
        size = len(text.encode())
        read = size
        if len(text) < len(whole):
            read = len(whole.encode())
            report["cut"] += 1
            report["bytes_cut"] += read - size
        report["bytes_read"] += read
        key = content_hash(text)
        if not text:
            report["empty"] += 1
        elif key in distinct:
            report["duplicates"] += 1
            report["bytes_duplicates"] += size
        else:
            distinct[key] = text
    return distinct, report


def _is_altered(text: str | None) -> bool:
    """Whether a text has characters that `_plain` drops or replaces, line ends left aside."""
    if not text:
        return False
    if "\0" in text:
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _plain(text: str) -> str:
    """Unix line ends, nothing that UTF-8 text does not have: all texts are spelled alike."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\0", "").removeprefix("\ufeff")
    return text.encode(errors="replace").decode()


def _without_repeats(text: str, known: set[bytes], min_line: int) -> tuple[str, set[bytes], int]:
    """The text without the long lines that stood in the domain before.

    Args:
        text: a document.
        known: hashes of the domain's long lines so far.
        min_line: characters of a long line; 0 leaves all lines.

    Returns:
        The text, hashes of its new long lines, and the number of lines dropped.
    """
    remaining: list[str] = []
    fresh: set[bytes] = set()
    lines = text.split("\n")
    for line in lines:
        bare = line.strip()
        if 0 < min_line <= len(bare):
            key = blake2b(bare.encode(), digest_size=8).digest()
            if key in known or key in fresh:
                continue
            fresh.add(key)
        remaining.append(line)
    dropped = len(lines) - len(remaining)
    if dropped:
        text = "\n".join(remaining).strip("\n").rstrip()
    return text, fresh, dropped


def _splits(name: str, keys: list[bytes], share: float, report: Report) -> dict[bytes, str]:
    """Content hash -> train or validation. Neither split is empty.

    A key's first bytes order the documents; its last ones, independent of them, choose the split.
    """
    if len(keys) < 2:
        counts = []
        for reason, count in report.items():
            if count and not reason.startswith("bytes"):
                counts.append(f"{count} {reason.replace('_', ' ')}")
        raise MixwrightError(
            f"{name}: under two documents are left of this domain"
            f" ({', '.join(counts) or '0 read'}); give it more or other text"
        )
    draws = {key: int.from_bytes(key[8:], "big") / 2**64 for key in keys}
    ordered = sorted(draws.values())
    limit = min(max(share, ordered[0]), ordered[-2])
    splits = {}
    for key, draw in draws.items():
        splits[key] = "validation" if draw <= limit else "train"
    return splits


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
