"""From raw rows to documents: cut, without repeats, and without the targets' text.

Order and split depend on the text alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from mixwright.corpus.ngrams import Hashes, shares
from mixwright.errors import MixwrightError
from mixwright.sources.text import cut

# Reason -> how many rows, lines or bytes.
Report = dict[str, int]


@dataclass(frozen=True)
class Document:
    """One cleaned text."""

    # train, validation or target
    split: str
    # what is trained on, or scored
    text: str
    # what stands before it and is not scored
    context: str = ""


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
    report |= {"repeated_lines": 0, "contaminated": 0, "over_cap": 0, "documents": 0, "bytes": 0}
    documents: dict[bytes, str] = {}
    lines: set[bytes] = set()
    for place, key in enumerate(sorted(distinct)):
        if report["bytes"] >= limit:
            report["over_cap"] = len(distinct) - place
            break
        text, fresh, dropped = _without_repeats(distinct[key], lines, min_line)
        report["repeated_lines"] += dropped
        if not text:
            continue
        if shares(text, known, n):
            report["contaminated"] += 1
            continue
        lines |= fresh
        documents[key] = text
        report["bytes"] += len(text.encode())
    report["documents"] = len(documents)
    splits = _splits(name, list(documents), float(settings["validation_share"]), report)
    return [Document(splits[key], text) for key, text in documents.items()], report


def clean_target(
    name: str, rows: Iterable[Mapping[str, Any]], settings: Mapping[str, Any]
) -> tuple[list[Document], Report]:
    """Returns the documents of a target without repeats, and counts.

    Args:
        name: the target, for messages.
        rows: its raw rows (see `split_query`).
        settings: the config's section `corpus`.

    Returns:
        Documents ordered by content hash, up to `target_bytes` (context included), and the counts.

    Raises:
        MixwrightError: no row has text.
    """
    limit = int(settings["max_document_bytes"])
    documents: dict[bytes, Document] = {}
    read = 0
    for row in rows:
        read += 1
        context, text = split_query(row, name)
        text = cut(text, limit)
        if text.strip():
            document = Document("target", text, context)
            documents.setdefault(content_hash(context + text), document)
    if not documents:
        raise MixwrightError(
            f"{name}: no text in its {read} rows; give the target a source with text"
        )
    ordered = [documents[key] for key in sorted(documents)]
    first, size = _up_to(int(settings["target_bytes"]), ordered)
    report = {
        "read": read,
        "duplicates": read - len(documents),
        "documents": len(first),
        "bytes": size,
    }
    return first, report


def split_query(row: Mapping[str, Any], name: str = "target") -> tuple[str, str]:
    """Returns (context, scored text) of a target's row.

    What follows the query's last occurrence in the text is scored. Where the text does not hold
    the query, the gold choice is scored, after the query. A row without a query is all scored.
    A space between the two belongs to the scored text, because byte-level tokenizers join it to
    the word after it.
    """
    text = _plain(row.get("text") or "")
    query = _plain(row.get("query") or "")
    if not query:
        return "", text
    before, match, scored = text.rpartition(query)
    context = before + match
    if not match or not scored.strip():
        context = query + "\n"
        scored = _gold(row, name)
    bare = context.rstrip(" ")
    return bare, context[len(bare) :] + scored


def content_hash(text: str) -> bytes:
    """Returns 16 bytes: a hash of the text with its white space normalised.

    It is the identity of a document, and its place in every order.
    """
    normalised = " ".join(text.split())
    return blake2b(normalised.encode(errors="replace"), digest_size=16).digest()


def _distinct(texts: Iterable[str | None], limit: int) -> tuple[dict[bytes, str], Report]:
    """Content hash -> the first text that has it, and counts of the others."""
    report = {"read": 0, "empty": 0, "cut": 0, "duplicates": 0}
    distinct: dict[bytes, str] = {}
    for raw in texts:
        report["read"] += 1
        whole = _plain(raw or "").strip("\n").rstrip()
        text = cut(whole, limit)
        key = content_hash(text)
        if not text:
            report["empty"] += 1
        if len(text) < len(whole):
            report["cut"] += 1
        if key in distinct:
            report["duplicates"] += 1
        elif text:
            distinct[key] = text
    return distinct, report


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
        counts = [f"{count} {reason}" for reason, count in report.items() if count]
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


def _gold(row: Mapping[str, Any], name: str) -> str:
    """The right answer among a row's choices."""
    choices = row.get("choices")
    gold = row.get("gold")
    if not choices or gold is None:
        return ""
    try:
        index = int(gold)
    except (TypeError, ValueError):
        index = -1
    # -1 is how published test splits hide the answer.
    if not 0 <= index < len(choices):
        raise MixwrightError(
            f"{name}: gold is {gold!r};"
            f" give the number of one of the {len(choices)} choices, counted from 0"
        )
    return _plain(str(choices[index]))
